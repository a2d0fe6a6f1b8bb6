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

/// One in so many parts of what is there is given up at once,
const PARTS: u64 = 4;

/// and never less than this (bytes), which is more than a few changes of the catalog take.
const LEAST: u64 = 1 << 20;

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

    /// Sets the room aside, or what of it was given up, where there is enough. That it cannot be done is no error of anything
    /// else, and only said in the log.
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
        if space.total_bytes < SMALLEST || space.free_bytes < bytes.saturating_mul(2) || self.size_bytes()? >= bytes {
            return Ok(());
        }
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&self.path)?;
        match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
            // Some file systems, over a network or without extents, cannot: they have no reserve.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => std::fs::remove_file(&self.path),
            done => Ok(done?),
        }
    }

    /// Gives a part of the room up; false when there was none left. Only a part, because whoever filled the disk may go on,
    /// and what was to be removed may first have gone into the trash.
    #[must_use]
    pub fn give_up(&self) -> bool {
        let Some(bytes) = self.size_bytes().ok().filter(|bytes| *bytes > 0) else { return false };
        let left = bytes.saturating_sub((bytes / PARTS).max(LEAST));
        let file = OpenOptions::new().write(true).open(&self.path);
        let shortened = match left {
            0 => std::fs::remove_file(&self.path),
            left => file.and_then(|file| file.set_len(left)).or_else(|_| std::fs::remove_file(&self.path)),
        };
        if shortened.is_ok() {
            tracing::warn!(
                bytes = bytes - left,
                "the disk is full: of the reserve {} some is given up",
                self.path.display()
            );
        }
        shortened.is_ok()
    }

    /// How much is set aside (bytes).
    fn size_bytes(&self) -> io::Result<u64> {
        match std::fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            metadata => Ok(metadata?.len()),
        }
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
    fn a_reserve_takes_up_room_that_is_given_up_part_by_part_and_set_aside_again() {
        let dir = tempfile::TempDir::new().unwrap();
        let reserve = Reserve::in_dir(dir.path());
        let taken = || std::fs::metadata(dir.path().join(Reserve::FILE_NAME)).map_or(0, |file| file.blocks() * 512);
        assert!(!reserve.give_up());
        for _again in 0..2 {
            reserve.make();
            assert!(taken() >= MOST, "{}", taken());
        }
        assert!(reserve.give_up());
        assert!((MOST / 2..MOST).contains(&taken()), "{}", taken());
        reserve.make();
        assert!(taken() >= MOST, "{}", taken());
        let parts = std::iter::from_fn(|| reserve.give_up().then_some(())).take(100).count();
        assert!((4..20).contains(&parts), "{parts}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
