//! Tar headers: ustar where it suffices, with pax records (POSIX.1-2024, pax Interchange Format) for the rest.
//!
//! Written so that GNU tar, bsdtar and Python's tarfile make the same tree of them, each as far as it can. We never read
//! them back: the manifest says everything exactly.

mod acl;

use tar::{EntryType, Header};

use super::manifest::{Meta, Segment};

/// A tar block (bytes).
pub const BLOCK: usize = 512;

/// The largest number that seven octal digits hold, for ids and device numbers in a ustar header.
const SEVEN_DIGITS: u32 = 0o777_7777;
/// The largest size that eleven octal digits hold: one byte less than 8 GiB.
const ELEVEN_DIGITS: u64 = 0o777_7777_7777;

/// What a header is for.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// Name in the archive, raw bytes.
    pub path: &'a [u8],
    /// Owner, mode, times, xattrs.
    pub meta: &'a Meta,
    /// Its kind, with what only that kind has.
    pub body: Body<'a>,
}

/// What stands behind or in a header.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// This many bytes of content.
    File(u64),
    /// A sparse file of this size; map and data follow as the archive's content.
    Sparse {
        /// Size with its holes.
        size: u64,
        /// Bytes that follow the header: the map and the segments.
        stored: u64,
    },
    /// Nothing.
    Directory,
    /// Target.
    Symlink(&'a [u8]),
    /// Earlier member.
    Hardlink(&'a [u8]),
    /// Nothing.
    Fifo,
    /// Major, minor.
    CharDevice(u32, u32),
    /// Major, minor.
    BlockDevice(u32, u32),
}

/// Appends the header of `member` to `out`, with a pax header before it where it needs one.
pub fn append_header(out: &mut Vec<u8>, member: Member<'_>) {
    let mut records = Records::default();
    let header = header_of(member, &mut records);
    if !records.0.is_empty() {
        let mut extended = Header::new_ustar();
        extended.set_entry_type(EntryType::XHeader);
        set_name(&mut extended, b"PaxHeaders/member");
        extended.set_mode(0o644);
        extended.set_uid(0);
        extended.set_gid(0);
        extended.set_mtime(0);
        extended.set_size(records.0.len() as u64);
        extended.set_cksum();
        out.extend_from_slice(extended.as_bytes());
        out.extend_from_slice(&records.0);
        append_padding(out, records.0.len() as u64);
    }
    out.extend_from_slice(header.as_bytes());
}

/// Appends the zeros that fill the last block of `length` bytes.
pub fn append_padding(out: &mut Vec<u8>, length: u64) {
    out.resize(out.len() + padding(length), 0);
}

/// How many zeros fill the last block of `length` bytes.
#[must_use]
pub fn padding(length: u64) -> usize {
    // The remainder is below 512, which any usize holds.
    usize::try_from((BLOCK as u64 - length % BLOCK as u64) % BLOCK as u64).unwrap_or_default()
}

/// The map that begins the content of a sparse file (GNU.sparse 1.0): decimal lines, filled to a block.
#[must_use]
pub fn sparse_map(size: u64, segments: &[Segment]) -> Vec<u8> {
    let end = segments.last().map_or(0, |last| last.offset + last.length);
    // A hole at the end is told by an empty segment there: GNU tar sets the file's length by it.
    let tail = (end < size).then_some(Segment { offset: size, length: 0 });
    let mut map = format!("{}\n", segments.len() + usize::from(tail.is_some())).into_bytes();
    for segment in segments.iter().chain(&tail) {
        map.extend_from_slice(format!("{}\n{}\n", segment.offset, segment.length).as_bytes());
    }
    let length = map.len() as u64;
    append_padding(&mut map, length);
    map
}

fn header_of(member: Member<'_>, records: &mut Records) -> Header {
    let mut header = Header::new_ustar();
    set_path(&mut header, member, records);
    set_body(&mut header, member.body, records);
    set_meta(&mut header, member.meta, records);
    header.set_cksum();
    header
}

fn set_path(header: &mut Header, member: Member<'_>, records: &mut Records) {
    if let Body::Sparse { size, .. } = member.body {
        let at = member.path.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1);
        let (folder, name) = member.path.split_at(at);
        records.push(b"GNU.sparse.major", b"1");
        records.push(b"GNU.sparse.minor", b"0");
        records.push(b"GNU.sparse.name", member.path);
        records.push(b"GNU.sparse.realsize", size.to_string().as_bytes());
        let stand_in = [folder, b"GNUSparseFile.0/", name].concat();
        if !set_name(header, &stand_in) {
            records.push(b"path", &stand_in);
        }
    } else if !set_name(header, member.path) {
        records.push(b"path", member.path);
    }
}

fn set_body(header: &mut Header, body: Body<'_>, records: &mut Records) {
    let mut size = 0;
    let mut device = None;
    let kind = match body {
        Body::File(length) => {
            size = length;
            EntryType::Regular
        }
        Body::Sparse { stored, .. } => {
            size = stored;
            EntryType::Regular
        }
        Body::Directory => EntryType::Directory,
        Body::Symlink(target) => {
            set_link(header, target, records);
            EntryType::Symlink
        }
        Body::Hardlink(target) => {
            set_link(header, target, records);
            EntryType::Link
        }
        Body::Fifo => EntryType::Fifo,
        Body::CharDevice(major, minor) => {
            device = Some((major, minor));
            EntryType::Char
        }
        Body::BlockDevice(major, minor) => {
            device = Some((major, minor));
            EntryType::Block
        }
    };
    header.set_entry_type(kind);
    header.set_size(size);
    if size > ELEVEN_DIGITS {
        records.push(b"size", size.to_string().as_bytes());
    }
    let (major, minor) = device.unwrap_or_default();
    if let Some(ustar) = header.as_ustar_mut() {
        ustar.set_device_major(major.min(SEVEN_DIGITS));
        ustar.set_device_minor(minor.min(SEVEN_DIGITS));
    }
}

fn set_meta(header: &mut Header, meta: &Meta, records: &mut Records) {
    header.set_mode(meta.mode);
    for (id, key) in [(meta.uid, b"uid"), (meta.gid, b"gid")] {
        if id > SEVEN_DIGITS {
            records.push(key, id.to_string().as_bytes());
        }
    }
    header.set_uid(u64::from(meta.uid));
    header.set_gid(u64::from(meta.gid));
    for (name, key, is_user) in [(&meta.user, &b"uname"[..], true), (&meta.group, b"gname", false)] {
        let set = if is_user { header.set_username(name) } else { header.set_groupname(name) };
        if set.is_err() || name.len() > 31 {
            records.push(key, name.as_bytes());
        }
    }
    set_mtime(header, meta, records);
    for (name, value) in &meta.xattrs {
        match name.as_slice() {
            acl::ACCESS | acl::DEFAULT => {
                let key: &[u8] = if name == acl::ACCESS { b"SCHILY.acl.access" } else { b"SCHILY.acl.default" };
                if let Some(text) = acl::to_text(value) {
                    records.push(key, text.as_bytes());
                }
            }
            _ => records.push(&xattr_key(name), value),
        }
    }
}

/// Whole seconds stand in the header (before 1970 in its base-256 form, which readers agree on); a fraction in a record.
fn set_mtime(header: &mut Header, meta: &Meta, records: &mut Records) {
    let mtime = meta.mtime;
    if let Ok(seconds) = u64::try_from(mtime.seconds) {
        header.set_mtime(seconds);
    } else {
        let mut field = [0xff_u8; 12];
        field[4..].copy_from_slice(&mtime.seconds.to_be_bytes());
        header.as_old_mut().mtime = field;
    }
    if mtime.nanoseconds != 0 {
        records.push(b"mtime", decimal(mtime.seconds, mtime.nanoseconds).as_bytes());
    }
}

/// The value as one decimal number: -2 s and 500,000,000 ns past it are -1.5.
fn decimal(seconds: i64, nanoseconds: u32) -> String {
    let text = if seconds < 0 && nanoseconds > 0 {
        format!("-{}.{:09}", -(seconds + 1), 1_000_000_000 - nanoseconds)
    } else {
        format!("{seconds}.{nanoseconds:09}")
    };
    text.trim_end_matches('0').to_owned()
}

/// A record's key ends at its first `=`, so one in an attribute's name is written as GNU tar writes it.
fn xattr_key(name: &[u8]) -> Vec<u8> {
    let mut key = b"SCHILY.xattr.".to_vec();
    for &byte in name {
        match byte {
            b'%' => key.extend_from_slice(b"%25"),
            b'=' => key.extend_from_slice(b"%3D"),
            _ => key.push(byte),
        }
    }
    key
}

/// Puts `path` into name and prefix; false when it does not fit and a cut-off name stands there instead.
fn set_name(header: &mut Header, path: &[u8]) -> bool {
    let split = (path.len() > 100).then(|| {
        // The name part may not be empty, so a directory's last slash is no place to split at.
        let last = path.len() - 1;
        ((path.len() - 101).max(1)..last.min(156)).rev().find(|&at| path[at] == b'/')
    });
    let (prefix, name, fits) = match split {
        None => (&b""[..], path, true),
        Some(Some(at)) => (&path[..at], &path[at + 1..], true),
        Some(None) => (&b""[..], &path[..100], false),
    };
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    if let Some(ustar) = header.as_ustar_mut() {
        ustar.prefix[..prefix.len()].copy_from_slice(prefix);
    }
    fits
}

fn set_link(header: &mut Header, target: &[u8], records: &mut Records) {
    let length = target.len().min(100);
    header.as_old_mut().linkname[..length].copy_from_slice(&target[..length]);
    if target.len() > 100 {
        records.push(b"linkpath", target);
    }
}

/// Pax records: each its own length, so that a value may hold anything.
#[derive(Debug, Default)]
struct Records(Vec<u8>);

impl Records {
    fn push(&mut self, key: &[u8], value: &[u8]) {
        // "LENGTH KEY=VALUE\n", where LENGTH counts itself.
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while length != rest + decimal_digits(length) {
            length = rest + decimal_digits(length);
        }
        self.0.extend_from_slice(length.to_string().as_bytes());
        self.0.push(b' ');
        self.0.extend_from_slice(key);
        self.0.push(b'=');
        self.0.extend_from_slice(value);
        self.0.push(b'\n');
    }
}

const fn decimal_digits(number: usize) -> usize {
    number.ilog10() as usize + 1
}

#[cfg(test)]
mod tests;
