//! How much room a file system has, and which one a path is on.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::StatVfs;

/// Room on a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes that an ordinary process may still write (what is reserved for root is not counted).
    pub free_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
}

/// The room on the file system of `path`, which must exist.
///
/// # Errors
/// What the file system says.
pub fn free_space(path: &Path) -> io::Result<Space> {
    Ok(rustix::fs::statvfs(path)?.into())
}

/// The room on the file system of an open file or folder.
///
/// # Errors
/// What the file system says.
pub fn free_space_of(open: impl AsFd) -> io::Result<Space> {
    Ok(rustix::fs::fstatvfs(open)?.into())
}

impl From<StatVfs> for Space {
    fn from(stat: StatVfs) -> Self {
        Self {
            free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
            total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
        }
    }
}

/// The number of the device that `path`, which must exist, lies on; a symbolic link is followed.
///
/// # Errors
/// What the file system says.
pub fn device_of(path: &Path) -> io::Result<u64> {
    Ok(std::fs::metadata(path)?.dev())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_is_free_out_of_a_total() {
        let space = free_space(Path::new("/")).unwrap();
        assert!(space.free_bytes > 0 && space.free_bytes <= space.total_bytes, "{space:?}");
    }

    #[test]
    fn another_file_system_is_another_device() {
        assert_ne!(device_of(Path::new("/proc")).unwrap(), device_of(Path::new("/tmp")).unwrap());
    }
}
