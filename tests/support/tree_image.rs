//! Everything that a backup has to keep of a tree, read back through the kernel and nothing of ours.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use rustix::fs::SeekFrom;
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

/// One thing in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) kind: Kind,
    /// The twelve bits of chmod(2).
    pub(crate) mode: u32,
    pub(crate) owner: (u32, u32),
    /// Nanoseconds since 1970.
    pub(crate) mtime_ns: i128,
    /// By name; ACLs are `system.posix_acl_access` and `system.posix_acl_default`.
    pub(crate) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The first of the names, in byte order, that this file has in the tree, where it has several.
    pub(crate) same_as: Option<Vec<u8>>,
}

/// What kind it is, with what only that kind has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File(Content),
    Directory,
    Symlink(Vec<u8>),
    Fifo,
    Socket,
    /// Major and minor number.
    CharDevice(u32, u32),
    /// Major and minor number.
    BlockDevice(u32, u32),
}

/// The content of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) size: u64,
    /// Of every block that is not all zeros and of its place; so files are equal whether zeros are written or holes.
    /// `None` where we may not read.
    pub(crate) digest: Option<String>,
    /// Offset and length of each hole; depends on the file system's blocks.
    pub(crate) holes: Vec<(u64, u64)>,
}

/// A tree, by path relative to its root; the root itself has the empty path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TreeImage {
    pub(crate) entries: BTreeMap<Vec<u8>, Image>,
}

impl TreeImage {
    /// Reads the tree (or the single file) at `root`.
    #[track_caller]
    pub(crate) fn of(root: &Path) -> Self {
        Self::of_all_but(root, "")
    }

    /// As [`TreeImage::of`], without the entry `hidden` of the root and what is in it.
    #[track_caller]
    pub(crate) fn of_all_but(root: &Path, hidden: &str) -> Self {
        let mut entries = BTreeMap::new();
        let mut names_by_inode: BTreeMap<(u64, u64), Vec<Vec<u8>>> = BTreeMap::new();
        let mut waiting = vec![Vec::new()];
        while let Some(relative) = waiting.pop() {
            let path = if relative.is_empty() { root.to_owned() } else { root.join(OsStr::from_bytes(&relative)) };
            let image = read(&path).unwrap_or_else(|error| panic!("reading {}: {error}", path.display()));
            let meta = fs::symlink_metadata(&path).unwrap();
            if meta.nlink() > 1 && !meta.is_dir() {
                names_by_inode.entry((meta.dev(), meta.ino())).or_default().push(relative.clone());
            }
            if image.kind == Kind::Directory {
                for entry in fs::read_dir(&path).unwrap_or_else(|error| panic!("listing {}: {error}", path.display())) {
                    let entry = entry.unwrap();
                    if relative.is_empty() && entry.file_name() == hidden {
                        continue;
                    }
                    let mut child = relative.clone();
                    if !child.is_empty() {
                        child.push(b'/');
                    }
                    child.extend(entry.file_name().into_vec());
                    waiting.push(child);
                }
            }
            entries.insert(relative, image);
        }
        for mut names in names_by_inode.into_values().filter(|names| names.len() > 1) {
            names.sort();
            for name in &names {
                entries.get_mut(name).unwrap().same_as = Some(names[0].clone());
            }
        }
        Self { entries }
    }

    /// This image with each entry passed through `change`; `None` leaves it out. For comparing what a restore promises
    /// less than everything of.
    pub(crate) fn map(self, mut change: impl FnMut(&[u8], Image) -> Option<Image>) -> Self {
        let kept = self.entries.into_iter().filter_map(|(path, image)| change(&path, image).map(|image| (path, image)));
        Self { entries: kept.collect() }
    }

    /// Without sockets, which are never backed up.
    pub(crate) fn without_sockets(self) -> Self {
        self.map(|_, image| (image.kind != Kind::Socket).then_some(image))
    }

    /// Without the places of holes, which another file system may choose otherwise.
    pub(crate) fn without_holes(self) -> Self {
        self.map(|_, mut image| {
            if let Kind::File(content) = &mut image.kind {
                content.holes.clear();
            }
            Some(image)
        })
    }

    /// Without the root itself, whose time changes when something is put beside its entries.
    pub(crate) fn without_root(self) -> Self {
        self.map(|path, image| (!path.is_empty()).then_some(image))
    }
}

fn read(path: &Path) -> io::Result<Image> {
    let meta = fs::symlink_metadata(path)?;
    Ok(Image {
        kind: kind(path, &meta)?,
        mode: meta.mode() & 0o7777,
        owner: (meta.uid(), meta.gid()),
        mtime_ns: i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec()),
        xattrs: xattrs(path)?,
        same_as: None,
    })
}

fn kind(path: &Path, meta: &Metadata) -> io::Result<Kind> {
    let of = meta.file_type();
    let device = || (rustix::fs::major(meta.rdev()), rustix::fs::minor(meta.rdev()));
    Ok(if of.is_file() {
        Kind::File(content(path, meta.len())?)
    } else if of.is_dir() {
        Kind::Directory
    } else if of.is_symlink() {
        Kind::Symlink(fs::read_link(path)?.into_os_string().into_vec())
    } else if of.is_fifo() {
        Kind::Fifo
    } else if of.is_socket() {
        Kind::Socket
    } else if of.is_char_device() {
        let (major, minor) = device();
        Kind::CharDevice(major, minor)
    } else {
        let (major, minor) = device();
        Kind::BlockDevice(major, minor)
    })
}

fn content(path: &Path, size: u64) -> io::Result<Content> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Ok(Content { size, digest: None, holes: Vec::new() });
        }
        Err(error) => return Err(error),
    };
    let mut hasher = Sha256::new();
    let mut holes = Vec::new();
    let mut at = 0;
    while at < size {
        let data = match rustix::fs::seek(&file, SeekFrom::Data(at)) {
            Ok(data) => data,
            Err(Errno::NXIO) => size,
            Err(error) => return Err(error.into()),
        };
        if data > at {
            holes.push((at, data - at));
        }
        let end = if data < size { rustix::fs::seek(&file, SeekFrom::Hole(data))? } else { size };
        digest_range(&file, data, end, &mut hasher)?;
        at = end;
    }
    Ok(Content { size, digest: Some(carelogd::model::Sha256::finish(hasher).to_string()), holes })
}

/// Blocks are aligned to the file, so that the digest does not depend on where the data segments begin.
fn digest_range(file: &File, start: u64, end: u64, hasher: &mut Sha256) -> io::Result<()> {
    const BLOCK: u64 = 4096;
    let mut buffer = [0; 4096];
    let mut at = start;
    while at < end {
        let stop = end.min((at / BLOCK + 1) * BLOCK);
        let block = &mut buffer[..usize::try_from(stop - at).unwrap()];
        file.read_exact_at(block, at)?;
        if let Some(first) = block.iter().position(|byte| *byte != 0) {
            let last = block.iter().rposition(|byte| *byte != 0).unwrap_or(first);
            hasher.update((at + first as u64).to_le_bytes());
            hasher.update(&block[first..=last]);
        }
        at = stop;
    }
    Ok(())
}

fn xattrs(path: &Path) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut names = vec![0; 64 * 1024];
    let length = match rustix::fs::llistxattr(path, &mut names) {
        Ok(length) => length,
        Err(Errno::OPNOTSUPP) => 0,
        Err(error) => return Err(error.into()),
    };
    let mut found = BTreeMap::new();
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; 64 * 1024];
        let length = rustix::fs::lgetxattr(path, OsStr::from_bytes(name), &mut value)?;
        value.truncate(length);
        found.insert(name.to_vec(), value);
    }
    Ok(found)
}
