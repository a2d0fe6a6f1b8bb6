//! Which thing on a disk, so that it is known again after a restart and never mistaken for another.

use std::ffi::CStr;
use std::os::fd::{AsFd as _, BorrowedFd};

use rustix::fs::{AtFlags, StatxFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// A thing by its inode and by when that was made: a number that was freed is soon given to something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thing {
    /// `st_dev`, which may be another after a restart.
    pub device: u64,
    /// `st_ino`.
    pub inode: u64,
    /// When the inode was made, in nanoseconds since 1970; `None` where the file system does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub born_ns: Option<i64>,
}

impl Thing {
    /// What is at `name` in `folder`; a link is not followed.
    pub(in crate::source) fn at(folder: BorrowedFd<'_>, name: &CStr) -> Result<Option<Self>, Errno> {
        match look(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(thing) => Ok(Some(thing)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What is open.
    pub(in crate::source) fn open(fd: BorrowedFd<'_>) -> Result<Self, Errno> {
        look(fd, c"", AtFlags::EMPTY_PATH)
    }

    /// Whether both are the same thing on the same disk. Devices are not compared: see there.
    pub(in crate::source) fn is(&self, other: &Self) -> bool {
        self.inode == other.inode && self.born_ns.zip(other.born_ns).is_none_or(|(one, another)| one == another)
    }
}

fn look(folder: BorrowedFd<'_>, name: &CStr, flags: AtFlags) -> Result<Thing, Errno> {
    let found = rustix::fs::statx(folder.as_fd(), name, flags, StatxFlags::INO | StatxFlags::BTIME)?;
    let is_told = found.stx_mask & StatxFlags::BTIME.bits() != 0;
    let born = i128::from(found.stx_btime.tv_sec) * 1_000_000_000 + i128::from(found.stx_btime.tv_nsec);
    Ok(Thing {
        device: rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor),
        inode: found.stx_ino,
        born_ns: if is_told { i64::try_from(born).ok() } else { None },
    })
}
