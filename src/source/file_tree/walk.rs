//! Walks a tree by directory descriptors, in the order of the manifest.
//!
//! Holds one descriptor and one sorted list of names per level of the current branch, and of a few folders that come next: a
//! tree of a million files costs no more than its fullest branch. Never resolves more than one path component, and never a link.

use std::collections::VecDeque;
use std::ffi::CStr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::super::facts::Facts;
use super::ahead::{Ahead, Asked, Looker, Manner, Opened};
use super::exclude::Rules;
use super::listing::Listing;

/// So many folders of one level are looked into ahead, and so many of all levels: each has a descriptor.
const MOST_AHEAD_OF_LEVEL: usize = 4;
const MOST_AHEAD: usize = 64;

/// What the walk came to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'w> {
    /// A directory; what is in it follows. Its path ends in `/`.
    Directory { path: &'w [u8], facts: Facts, fd: BorrowedFd<'w> },
    /// Anything else, by its name in an open directory and its kind as listed. What it was like is known where it was
    /// looked at ahead.
    Other { path: &'w [u8], directory: BorrowedFd<'w>, name: &'w CStr, listed: FileType, looked: Option<Facts> },
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
    manner: Manner,
    /// Length of the prefix that stands before every path: the member path of the root.
    prefix: usize,
    path: Vec<u8>,
    levels: Vec<Level>,
    looker: Looker,
    ahead: Option<Ahead>,
    /// Folders that were asked for and not taken yet, at all levels.
    asked: usize,
    unstarted: Option<(OwnedFd, Facts)>,
    /// A directory that was reported and then could not be listed.
    unlisted: Option<Errno>,
}

#[derive(Debug)]
struct Level {
    fd: Arc<OwnedFd>,
    listing: Listing,
    looks: Vec<Option<Facts>>,
    next: usize,
    path_length: usize,
    /// Its folders that were asked for ahead, by their places in the listing, and the place to go on asking from.
    asked: VecDeque<(usize, Asked)>,
    next_to_ask: usize,
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
        let manner = Manner { only_on: options.one_file_system.then_some(facts.identity.device), looks: false };
        Self {
            options,
            manner,
            prefix: prefix.len(),
            path: prefix.to_vec(),
            levels: Vec::new(),
            looker: Looker::new(manner),
            ahead: None,
            asked: 0,
            unstarted: Some((root, facts)),
            unlisted: None,
        }
    }

    /// Looks into folders ahead, and at what is in them: what is told then may be as old as the walk needed for the few
    /// folders before.
    pub(super) fn looking_ahead(self) -> Self {
        let manner = Manner { looks: true, ..self.manner };
        Self { manner, looker: Looker::new(manner), ahead: Some(Ahead::start(manner)), ..self }
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
                let looked = self.levels.last().and_then(|level| level.looks.get(index).copied().flatten());
                Step::Other { path, directory, name, listed, looked }
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
            let opened = self.looker.look_into(root, facts);
            return self.enter(opened).map(Some);
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
        let opened = match self.take_ahead(index) {
            // More descriptors are open than without looking ahead.
            Some(Err(error)) if !is_ours_to_fail_on(error) => Err(error),
            Some(Ok(opened)) => Ok(opened),
            None | Some(Err(_)) => {
                let Some(level) = self.levels.last() else { return Err(Errno::INVAL) };
                let Some((name, _)) = level.listing.get(index) else { return Err(Errno::INVAL) };
                self.looker.open(level.fd.as_fd(), name)
            }
        };
        match opened {
            Ok(opened) => self.enter(opened),
            Err(error) if is_ours_to_fail_on(error) => Err(error),
            Err(error) => {
                let Some((directory, name)) = self.named(index) else { return Err(Errno::INVAL) };
                let facts = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
                    .ok()
                    .map(|stat| Facts::from(&stat))
                    .filter(|facts| facts.kind == FileType::Directory);
                Ok(Found::Unreadable(facts, error))
            }
        }
    }

    fn enter(&mut self, opened: Opened) -> Result<Found, Errno> {
        let Opened { fd, facts, listing, looks } = opened;
        let listing = match listing {
            Ok(listing) => listing,
            Err(error) if is_ours_to_fail_on(error) => return Err(error),
            Err(error) => {
                self.unlisted = Some(error);
                Listing::default()
            }
        };
        let (fd, path_length) = (Arc::new(fd), self.path.len());
        let asked = VecDeque::new();
        self.levels.push(Level { fd, listing, looks, next: 0, path_length, asked, next_to_ask: 0 });
        self.ask_ahead();
        Ok(Found::Directory(facts))
    }

    /// Asks for the next folders of the current level.
    fn ask_ahead(&mut self) {
        let (Some(ahead), Some(level)) = (&self.ahead, self.levels.last_mut()) else { return };
        while level.asked.len() < MOST_AHEAD_OF_LEVEL && self.asked < MOST_AHEAD {
            let index = level.next_to_ask;
            let Some((name, kind)) = level.listing.get(index) else { return };
            level.next_to_ask += 1;
            if kind != FileType::Directory {
                continue;
            }
            self.path.truncate(level.path_length);
            self.path.extend_from_slice(name.to_bytes());
            let is_excluded = self.options.rules.exclude(&self.path[self.prefix..], true);
            self.path.truncate(level.path_length);
            if !is_excluded {
                level.asked.push_back((index, ahead.ask(&level.fd, name)));
                self.asked += 1;
            }
        }
    }

    /// The folder at `index` of the current level, if it was asked for.
    fn take_ahead(&mut self, index: usize) -> Option<Result<Opened, Errno>> {
        let (ahead, level) = (self.ahead.as_ref()?, self.levels.last_mut()?);
        level.next_to_ask = level.next_to_ask.max(index + 1);
        let (_, asked) = level.asked.pop_front_if(|(asked, _)| *asked == index)?;
        self.asked -= 1;
        ahead.take(&asked, &mut self.looker)
    }

    fn leave(&mut self) {
        if let Some(level) = self.levels.pop() {
            self.asked -= level.asked.len();
        }
        self.ask_ahead();
    }
}

/// Whether an error is ours, not the tree's: passing it off as an unreadable folder would leave a hole for no good reason.
fn is_ours_to_fail_on(error: Errno) -> bool {
    matches!(error, Errno::MFILE | Errno::NFILE | Errno::NOMEM)
}
