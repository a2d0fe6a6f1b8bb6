//! Opens things in an open directory: for reading without leaving a trace, or beneath a root without ever leaving it.

use std::ffi::CStr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// Opens for reading with access times left alone where the kernel lets us: only the owner and root may ask for that.
#[derive(Debug)]
pub(super) struct Opener {
    extra: OFlags,
}

impl Opener {
    pub(super) const fn new() -> Self {
        Self { extra: OFlags::NOATIME }
    }

    /// Opens what should be a regular file. Does not wait at a pipe that took its place.
    pub(super) fn file(&mut self, directory: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
        self.open(directory, name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC)
    }

    /// Opens a directory; fails with ENOTDIR at anything else, a link too.
    pub(super) fn directory(&mut self, directory: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
        self.open(directory, name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC)
    }

    fn open(&mut self, directory: BorrowedFd<'_>, name: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
        match rustix::fs::openat(directory, name, flags | self.extra, Mode::empty()) {
            Err(Errno::PERM) if self.extra == OFlags::NOATIME => {
                self.extra = OFlags::empty();
                rustix::fs::openat(directory, name, flags, Mode::empty())
            }
            other => other,
        }
    }
}

/// Longest path handed to the kernel at once; PATH_MAX is 4096 with the NUL.
const PIECE_MAX: usize = 4000;

/// Opens the directory at `path` below `root` (an empty path is `root` itself), through directories only.
///
/// # Errors
/// ELOOP at a link, EXDEV at a `..` that leaves `root`, and what opening says.
pub(super) fn directory_beneath(root: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    let mut rest = path.strip_suffix(b"/").unwrap_or(path);
    let mut reached: Option<OwnedFd> = None;
    loop {
        let piece_end = if rest.len() <= PIECE_MAX {
            rest.len()
        } else {
            rest[..PIECE_MAX].iter().rposition(|byte| *byte == b'/').ok_or(Errno::NAMETOOLONG)?
        };
        let piece: &[u8] = if piece_end == 0 { b"." } else { &rest[..piece_end] };
        let from = reached.as_ref().map_or(root, |fd| fd.as_fd());
        let next = rustix::fs::openat2(
            from,
            piece,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
        )?;
        if piece_end == rest.len() {
            return Ok(next);
        }
        rest = &rest[piece_end + 1..];
        reached = Some(next);
    }
}
