//! What `stat` says, in our types and independent of the machine's field widths.

use rustix::fs::{FileType, Stat};

use crate::archive::Mtime;

/// Which thing on this machine: outlives renaming, not the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    /// `st_dev`.
    pub(super) device: u64,
    /// `st_ino`.
    pub(super) inode: u64,
}

/// What `stat` says of one thing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) kind: FileType,
    pub(super) identity: Identity,
    /// 0 to 0o7777.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Of a device node: major and minor.
    pub(super) device: (u32, u32),
    pub(super) size: u64,
    pub(super) allocated_bytes: u64,
    pub(super) has_other_names: bool,
    pub(super) mtime: Mtime,
    pub(super) ctime: Mtime,
}

impl Facts {
    /// Whether neither content nor metadata changed between two looks at the same file.
    pub(super) fn is_unchanged_since(&self, earlier: &Self) -> bool {
        self.identity == earlier.identity
            && self.size == earlier.size
            && self.mtime == earlier.mtime
            && self.ctime == earlier.ctime
    }

    /// The kind in words, for messages.
    pub(super) const fn kind_in_words(&self) -> &'static str {
        match self.kind {
            FileType::RegularFile => "a file",
            FileType::Directory => "a folder",
            FileType::Symlink => "a symbolic link",
            FileType::Fifo => "a named pipe",
            FileType::Socket => "a socket",
            FileType::CharacterDevice => "a character device",
            FileType::BlockDevice => "a block device",
            FileType::Unknown => "something unknown",
        }
    }
}

impl From<&Stat> for Facts {
    fn from(stat: &Stat) -> Self {
        let nanoseconds = |n: u64| u32::try_from(n).unwrap_or(0);
        Self {
            kind: FileType::from_raw_mode(stat.st_mode),
            identity: Identity { device: stat.st_dev, inode: stat.st_ino },
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            device: (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)),
            size: u64::try_from(stat.st_size).unwrap_or(0),
            allocated_bytes: u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512),
            has_other_names: stat.st_nlink > 1,
            mtime: Mtime { seconds: stat.st_mtime, nanoseconds: nanoseconds(stat.st_mtime_nsec) },
            ctime: Mtime { seconds: stat.st_ctime, nanoseconds: nanoseconds(stat.st_ctime_nsec) },
        }
    }
}
