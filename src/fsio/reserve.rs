//! Room that is set aside while there is some, and given up when a full disk would stand in the way of freeing it.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};

use super::free_space;

/// How much is set aside (bytes).
const MOST: u64 = 16 << 20;

/// Of a small file system no more than one in so many bytes is set aside,
const SHARE: u64 = 16;

/// and of one with less than this (bytes) nothing: what is left would be too little to be of use.
const SMALLEST: u64 = 64 << 20;

/// A file that takes up room for an emergency.
#[derive(Clone, Debug)]
pub struct Reserve {
    path: PathBuf,
}

impl Reserve {
    /// The name of the file.
    pub const FILE_NAME: &str = ".carelog-reserve";

    /// That of the folder `dir`. Touches nothing yet.
    #[must_use]
    pub fn in_dir(dir: &Path) -> Self {
        Self { path: dir.join(Self::FILE_NAME) }
    }

    /// Sets the room aside, unless that is done already or there is too little. That it cannot be done is no error of
    /// anything else, and only said in the log.
    pub fn make(&self) {
        if let Err(error) = self.try_make()
            && !is_full(&error)
        {
            tracing::warn!(%error, "no room could be set aside as {}", self.path.display());
        }
    }

    fn try_make(&self) -> io::Result<()> {
        let folder = self.path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        let space = free_space(folder)?;
        let bytes = MOST.min(space.total_bytes / SHARE);
        // Never the last that is there: others need it now.
        if space.total_bytes < SMALLEST || space.free_bytes < bytes.saturating_mul(2) || self.path.try_exists()? {
            return Ok(());
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path)?;
        let allocated = fallocate(&file, FallocateFlags::empty(), 0, bytes);
        if allocated.is_err() {
            let _best_effort = std::fs::remove_file(&self.path);
        }
        match allocated {
            // Some file systems, over a network or without extents, cannot: they have no reserve.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
            done => Ok(done?),
        }
    }

    /// Gives the room up; false when there was none.
    #[must_use]
    pub fn give_up(&self) -> bool {
        let is_given_up = std::fs::remove_file(&self.path).is_ok();
        if is_given_up {
            tracing::warn!("the disk is full: the reserve {} is given up", self.path.display());
        }
        is_given_up
    }
}

/// Whether the error says that a disk, or what one may use of it, is full.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn a_reserve_takes_up_room_until_it_is_given_up() {
        let dir = tempfile::TempDir::new().unwrap();
        let reserve = Reserve::in_dir(dir.path());
        assert!(!reserve.give_up());
        for _again in 0..2 {
            reserve.make();
            let metadata = std::fs::metadata(dir.path().join(Reserve::FILE_NAME)).unwrap();
            assert!(metadata.blocks() * 512 >= MOST, "{} blocks", metadata.blocks());
        }
        assert!(reserve.give_up());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
