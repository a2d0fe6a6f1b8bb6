//! Removes a tree by descriptors: never through a link, never into another file system.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::super::error::StageError;
use super::super::facts::Facts;
use super::super::shown::shown;
use super::listing::Listing;

/// Removes the directory `name` in `parent` with everything below it. That it is not there is fine.
///
/// Stops at the first thing that cannot be removed, a mount point above all.
pub(in crate::source) fn remove_tree(parent: BorrowedFd<'_>, name: &CStr) -> Result<(), StageError> {
    let root = match open(parent, name) {
        Ok(root) => root,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(failed(name.to_bytes(), error)),
    };
    let device = device_of(root.as_fd(), name)?;
    let mut branch = vec![Level::read(root, name.to_owned())?];
    let mut buffer = Vec::new();
    while let Some(level) = branch.last_mut() {
        let Some((child, kind)) = level.listing.get(level.next) else {
            let Some(done) = branch.pop() else { break };
            drop(done.fd);
            let above = branch.last().map_or(parent, |level| level.fd.as_fd());
            unlink(above, &done.name, AtFlags::REMOVEDIR)?;
            continue;
        };
        level.next += 1;
        if kind != FileType::Directory {
            unlink(level.fd.as_fd(), child, AtFlags::empty())?;
            continue;
        }
        let fd = open(level.fd.as_fd(), child).map_err(|error| failed(child.to_bytes(), error))?;
        if device_of(fd.as_fd(), child)? != device {
            return Err(failed(child.to_bytes(), Errno::XDEV));
        }
        let mut below = Level { fd, listing: Listing::default(), next: 0, name: child.to_owned() };
        below.list(&mut buffer)?;
        branch.push(below);
    }
    Ok(())
}

#[derive(Debug)]
struct Level {
    fd: OwnedFd,
    listing: Listing,
    next: usize,
    name: CString,
}

impl Level {
    fn read(fd: OwnedFd, name: CString) -> Result<Self, StageError> {
        let mut level = Self { fd, listing: Listing::default(), next: 0, name };
        level.list(&mut Vec::new())?;
        Ok(level)
    }

    fn list(&mut self, buffer: &mut Vec<u8>) -> Result<(), StageError> {
        // A folder that its owner may not enter or write is still his to remove.
        if !rustix::process::geteuid().is_root() {
            rustix::fs::fchmod(&self.fd, Mode::RWXU).map_err(|error| failed(self.name.to_bytes(), error))?;
        }
        self.listing.read(self.fd.as_fd(), buffer, |_| false).map_err(|error| failed(self.name.to_bytes(), error))
    }
}

fn open(directory: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(directory, name, flags, Mode::empty()) {
        Err(Errno::ACCESS) => {
            // chmod by descriptor needs one that can be read; the link in /proc stands for what is already open.
            let handle = rustix::fs::openat(directory, name, flags | OFlags::PATH, Mode::empty())?;
            rustix::fs::chmod(format!("/proc/self/fd/{}", handle.as_raw_fd()), Mode::RWXU)?;
            rustix::fs::openat(directory, name, flags, Mode::empty())
        }
        other => other,
    }
}

fn device_of(fd: BorrowedFd<'_>, name: &CStr) -> Result<u64, StageError> {
    let stat = rustix::fs::fstat(fd).map_err(|error| failed(name.to_bytes(), error))?;
    Ok(Facts::from(&stat).identity.device)
}

fn unlink(directory: BorrowedFd<'_>, name: &CStr, flags: AtFlags) -> Result<(), StageError> {
    match rustix::fs::unlinkat(directory, name, flags) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(failed(name.to_bytes(), error)),
    }
}

fn failed(name: &[u8], error: Errno) -> StageError {
    StageError::Io { doing: "removing", path: shown(name), error: error.into() }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn removing_a_tree_removes_links_and_leaves_what_they_point_to() {
        let folder = tempfile::tempdir().unwrap();
        let keep = folder.path().join("keep");
        fs::create_dir_all(keep.join("inner")).unwrap();
        fs::write(keep.join("inner/file"), "kept").unwrap();
        let tree = folder.path().join("tree");
        fs::create_dir_all(tree.join("a/b/c")).unwrap();
        fs::write(tree.join("a/b/c/file"), "gone").unwrap();
        symlink(&keep, tree.join("a/to-keep")).unwrap();
        let parent = fs::File::open(folder.path()).unwrap();

        remove_tree(parent.as_fd(), c"tree").unwrap();
        remove_tree(parent.as_fd(), c"tree").unwrap();

        assert!(!tree.exists());
        assert_eq!(fs::read_to_string(keep.join("inner/file")).unwrap(), "kept");
    }

    #[test]
    fn a_link_is_not_a_tree() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("keep")).unwrap();
        symlink("keep", folder.path().join("link")).unwrap();
        let parent = fs::File::open(folder.path()).unwrap();
        assert!(remove_tree(parent.as_fd(), c"link").is_err());
        assert!(folder.path().join("keep").exists());
    }
}
