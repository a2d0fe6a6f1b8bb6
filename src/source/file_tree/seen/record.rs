//! One record: a path, and what `stat` said of it.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | flags: 1 for one that can be trusted, 2 for one on another device than the root |
//! | number | how much of its path is that of the record before it |
//! | number | length of the rest |
//! | … | the rest |
//! | difference | inode, as against the record before |
//! | number | size |
//! | difference, number | seconds of the modification time as against the record before, nanoseconds |
//! | difference, number | the change time likewise |
//! | number | the device, only with flag 2 |
//!
//! A number has seven bits in each byte, the lowest first, and the eighth bit in all but the last. A difference is a number
//! whose lowest bit is the sign. So a record has about thirty bytes, most of them the name.

use super::super::super::facts::{Facts, Identity};
use crate::archive::Mtime;

const TRUSTED: u8 = 1;
const ON_OTHER_DEVICE: u8 = 2;

/// Longest path of a record; no manifest has a longer one.
const LONGEST_PATH: usize = 64 * 1024;

/// Longest record: its path and nine numbers.
pub(super) const LONGEST_RECORD: usize = LONGEST_PATH + 100;

/// What a thing was like when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source::file_tree) struct Seen {
    pub(in crate::source::file_tree) identity: Identity,
    pub(in crate::source::file_tree) size: u64,
    pub(in crate::source::file_tree) mtime: Mtime,
    pub(in crate::source::file_tree) ctime: Mtime,
    /// Whether it cannot have changed since without one of the others telling.
    pub(in crate::source::file_tree) is_trusted: bool,
}

impl Seen {
    pub(in crate::source::file_tree) const fn of(facts: &Facts, is_trusted: bool) -> Self {
        let Facts { identity, size, mtime, ctime, .. } = *facts;
        Self { identity, size, mtime, ctime, is_trusted }
    }

    /// Whether something with these facts is certain to be as it was.
    pub(in crate::source::file_tree) fn is_still(&self, facts: &Facts) -> bool {
        self.is_trusted
            && self.identity == facts.identity
            && self.size == facts.size
            && self.mtime == facts.mtime
            && self.ctime == facts.ctime
    }
}

/// What the next record is told from.
#[derive(Clone, Debug)]
pub(super) struct Last {
    root_device: u64,
    pub(super) path: Vec<u8>,
    inode: u64,
    mtime_seconds: i64,
    ctime_seconds: i64,
}

impl Last {
    pub(super) const fn before_first(root_device: u64) -> Self {
        Self { root_device, path: Vec::new(), inode: 0, mtime_seconds: 0, ctime_seconds: 0 }
    }

    /// Appends the record of `path`, which comes behind the last.
    pub(super) fn append(&mut self, path: &[u8], seen: &Seen, out: &mut Vec<u8>) {
        let on_other_device = seen.identity.device != self.root_device;
        out.push(if seen.is_trusted { TRUSTED } else { 0 } | if on_other_device { ON_OTHER_DEVICE } else { 0 });
        let shared = self.path.iter().zip(path).take_while(|(a, b)| a == b).count();
        append_number(out, shared as u64);
        append_number(out, (path.len() - shared) as u64);
        out.extend_from_slice(&path[shared..]);
        append_difference(out, seen.identity.inode.wrapping_sub(self.inode).cast_signed());
        append_number(out, seen.size);
        append_difference(out, seen.mtime.seconds.wrapping_sub(self.mtime_seconds));
        append_number(out, u64::from(seen.mtime.nanoseconds));
        append_difference(out, seen.ctime.seconds.wrapping_sub(self.ctime_seconds));
        append_number(out, u64::from(seen.ctime.nanoseconds));
        if on_other_device {
            append_number(out, seen.identity.device);
        }
        self.path.truncate(shared);
        self.path.extend_from_slice(&path[shared..]);
        self.follow(seen);
    }

    /// Takes the record at the beginning of `bytes`, which are then those behind it; its path is [`Last::path`]. `None` when
    /// it is not one.
    pub(super) fn take(&mut self, bytes: &mut &[u8]) -> Option<Seen> {
        let (&flags, rest) = bytes.split_first().filter(|(flags, _)| **flags & !(TRUSTED | ON_OTHER_DEVICE) == 0)?;
        *bytes = rest;
        let shared = usize::try_from(take_number(bytes)?).ok().filter(|shared| *shared <= self.path.len())?;
        let length = usize::try_from(take_number(bytes)?).ok()?;
        let (name, rest) = bytes.split_at_checked(length).filter(|_| shared + length <= LONGEST_PATH)?;
        // Sorted, and what is shared is all that could be.
        let is_ascending = match (self.path.get(shared), name.first()) {
            (Some(before), Some(after)) => before < after,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if !is_ascending {
            return None;
        }
        self.path.truncate(shared);
        self.path.extend_from_slice(name);
        *bytes = rest;
        let inode = self.inode.wrapping_add(take_difference(bytes)?.cast_unsigned());
        let size = take_number(bytes)?;
        let mtime = take_time(bytes, self.mtime_seconds)?;
        let ctime = take_time(bytes, self.ctime_seconds)?;
        let device = if flags & ON_OTHER_DEVICE == 0 { self.root_device } else { take_number(bytes)? };
        let identity = Identity { device, inode };
        let seen = Seen { identity, size, mtime, ctime, is_trusted: flags & TRUSTED != 0 };
        self.follow(&seen);
        Some(seen)
    }

    const fn follow(&mut self, seen: &Seen) {
        self.inode = seen.identity.inode;
        self.mtime_seconds = seen.mtime.seconds;
        self.ctime_seconds = seen.ctime.seconds;
    }
}

fn append_number(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

fn append_difference(out: &mut Vec<u8>, difference: i64) {
    append_number(out, (difference << 1 ^ difference >> 63).cast_unsigned());
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    let mut shift = 0;
    loop {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let low = u64::from(byte & 0x7f);
        if shift == 63 && low > 1 {
            return None;
        }
        number |= low << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
        shift += 7;
        if shift > 63 {
            return None;
        }
    }
}

fn take_difference(bytes: &mut &[u8]) -> Option<i64> {
    let number = take_number(bytes)?;
    Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}

fn take_time(bytes: &mut &[u8], last_seconds: i64) -> Option<Mtime> {
    let seconds = last_seconds.wrapping_add(take_difference(bytes)?);
    let nanoseconds = u32::try_from(take_number(bytes)?).ok().filter(|nanoseconds| *nanoseconds < 1_000_000_000)?;
    Some(Mtime { seconds, nanoseconds })
}
