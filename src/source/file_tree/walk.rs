//! Walks a tree by directory descriptors, in the order of the manifest.
//!
//! Holds one descriptor and one sorted list of names per level of the current branch, nothing else: a tree of a million
//! files costs no more than its fullest branch. Never resolves more than one path component, and never a link.

use std::ffi::CStr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::super::facts::Facts;
use super::exclude::{Rules, is_ours};
use super::listing::Listing;
use super::open::Opener;

/// What the walk came to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'w> {
    /// A directory; what is in it follows. Its path ends in `/`.
    Directory { path: &'w [u8], facts: Facts, fd: BorrowedFd<'w> },
    /// Anything else, by its name in an open directory and its kind as listed.
    Other { path: &'w [u8], directory: BorrowedFd<'w>, name: &'w CStr, listed: FileType },
    /// Left out by a rule; only when asked for. Its path ends in `/` if it is a directory.
    Excluded { path: &'w [u8], directory: BorrowedFd<'w>, name: &'w CStr, listed: FileType },
    /// A directory whose content cannot be read; `facts` are known if it can at least be looked at.
    Unreadable { path: &'w [u8], facts: Option<Facts>, error: Errno },
}

/// How to walk.
#[derive(Clone, Copy, Debug)]
pub(super) struct WalkOptions<'r> {
    /// What to leave out.
    pub(super) rules: &'r Rules,
    /// Whether to stay on the root's file system.
    pub(super) one_file_system: bool,
    /// Whether what is left out is reported.
    pub(super) report_excluded: bool,
}

/// A walk in progress.
#[derive(Debug)]
pub(super) struct Walk<'r> {
    options: WalkOptions<'r>,
    root_device: u64,
    /// Length of the prefix that stands before every path: the member path of the root.
    prefix: usize,
    path: Vec<u8>,
    levels: Vec<Level>,
    opener: Opener,
    unstarted: Option<(OwnedFd, Facts)>,
    /// A directory that was reported and then could not be listed.
    unlisted: Option<Errno>,
    spare: Vec<Listing>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Level {
    fd: OwnedFd,
    listing: Listing,
    next: usize,
    path_length: usize,
}

/// A [`Step`] without its borrows, while the walk still changes.
enum Found {
    Directory(Facts),
    Other(usize, FileType),
    Excluded(usize, FileType),
    Unreadable(Option<Facts>, Errno),
}

impl<'r> Walk<'r> {
    /// Of the directory `root`, whose path is `prefix` (ending in `/`, or empty).
    pub(super) fn new(root: OwnedFd, facts: Facts, prefix: &[u8], options: WalkOptions<'r>) -> Self {
        Self {
            options,
            root_device: facts.identity.device,
            prefix: prefix.len(),
            path: prefix.to_vec(),
            levels: Vec::new(),
            opener: Opener::new(),
            unstarted: Some((root, facts)),
            unlisted: None,
            spare: Vec::new(),
            buffer: Vec::new(),
        }
    }

    /// The next step; `None` at the end.
    ///
    /// # Errors
    /// Only when the walk cannot go on at all: out of descriptors or memory.
    pub(super) fn next(&mut self) -> Result<Option<Step<'_>>, Errno> {
        let Some(found) = self.advance()? else { return Ok(None) };
        let path = self.path.as_slice();
        Ok(Some(match found {
            Found::Unreadable(facts, error) => Step::Unreadable { path, facts, error },
            Found::Directory(facts) => {
                let Some(level) = self.levels.last() else { return Ok(None) };
                Step::Directory { path, facts, fd: level.fd.as_fd() }
            }
            Found::Other(index, listed) => {
                let Some((directory, name)) = self.named(index) else { return Ok(None) };
                Step::Other { path, directory, name, listed }
            }
            Found::Excluded(index, listed) => {
                let Some((directory, name)) = self.named(index) else { return Ok(None) };
                Step::Excluded { path, directory, name, listed }
            }
        }))
    }

    fn named(&self, index: usize) -> Option<(BorrowedFd<'_>, &CStr)> {
        let level = self.levels.last()?;
        Some((level.fd.as_fd(), level.listing.get(index)?.0))
    }

    fn advance(&mut self) -> Result<Option<Found>, Errno> {
        if let Some((root, facts)) = self.unstarted.take() {
            return self.enter(root, facts).map(Some);
        }
        if let Some(error) = self.unlisted.take() {
            return Ok(Some(Found::Unreadable(None, error)));
        }
        loop {
            let Some(level) = self.levels.last_mut() else { return Ok(None) };
            self.path.truncate(level.path_length);
            let index = level.next;
            level.next += 1;
            let Some((name, kind)) = level.listing.get(index) else {
                self.leave();
                continue;
            };
            let is_directory = kind == FileType::Directory;
            self.path.extend_from_slice(name.to_bytes());
            let excluded = self.options.rules.exclude(&self.path[self.prefix..], is_directory);
            if is_directory {
                self.path.push(b'/');
            }
            match (excluded, is_directory) {
                (true, _) if self.options.report_excluded => return Ok(Some(Found::Excluded(index, kind))),
                (true, _) => {}
                (false, false) => return Ok(Some(Found::Other(index, kind))),
                (false, true) => return self.descend(index).map(Some),
            }
        }
    }

    /// Opens the directory at `index` of the current level and makes it the current one.
    fn descend(&mut self, index: usize) -> Result<Found, Errno> {
        let Some(level) = self.levels.last() else { return Err(Errno::INVAL) };
        let Some((name, _)) = level.listing.get(index) else { return Err(Errno::INVAL) };
        let opened = self.opener.directory(level.fd.as_fd(), name);
        let fd = match opened {
            Ok(fd) => fd,
            Err(error) if is_ours_to_fail_on(error) => return Err(error),
            Err(error) => {
                let facts = rustix::fs::statat(&level.fd, name, AtFlags::SYMLINK_NOFOLLOW)
                    .ok()
                    .map(|stat| Facts::from(&stat))
                    .filter(|facts| facts.kind == FileType::Directory);
                return Ok(Found::Unreadable(facts, error));
            }
        };
        let facts = Facts::from(&rustix::fs::fstat(&fd)?);
        self.enter(fd, facts)
    }

    fn enter(&mut self, fd: OwnedFd, facts: Facts) -> Result<Found, Errno> {
        let mut listing = self.spare.pop().unwrap_or_default();
        let crosses = facts.identity.device != self.root_device;
        if crosses && self.options.one_file_system {
            listing = Listing::default();
        } else if let Err(error) = listing.read(fd.as_fd(), &mut self.buffer, is_ours) {
            if is_ours_to_fail_on(error) {
                return Err(error);
            }
            listing = Listing::default();
            self.unlisted = Some(error);
        }
        self.levels.push(Level { fd, listing, next: 0, path_length: self.path.len() });
        Ok(Found::Directory(facts))
    }

    fn leave(&mut self) {
        if let Some(level) = self.levels.pop() {
            self.spare.push(level.listing);
        }
    }
}

/// Whether an error is ours, not the tree's: passing it off as an unreadable folder would leave a hole for no good reason.
fn is_ours_to_fail_on(error: Errno) -> bool {
    matches!(error, Errno::MFILE | Errno::NFILE | Errno::NOMEM)
}
