//! The directories from the target to where the coordinator is now.
//!
//! Each is made anew by one step in its open parent and opened, without links, only when something is made in it.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// A stack of directories below the target.
#[derive(Debug)]
pub(super) struct Branch<'t> {
    target: BorrowedFd<'t>,
    may_exist: bool,
    levels: Vec<Level>,
}

#[derive(Debug)]
struct Level {
    name: Vec<u8>,
    fd: Option<OwnedFd>,
}

impl<'t> Branch<'t> {
    /// Below `target`; `may_exist` is whether a directory that is there already is taken as made.
    pub(super) const fn new(target: BorrowedFd<'t>, may_exist: bool) -> Self {
        Self { target, may_exist, levels: Vec::new() }
    }

    /// Goes to the directory at `path` (each name with a slash behind it), making those that are not on the branch.
    /// Returns how many were made. One that exists already and was not made here is refused with EEXIST, unless it may exist.
    pub(super) fn go_to(&mut self, path: &[u8]) -> Result<u64, Errno> {
        let mut names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).peekable();
        let mut common = 0;
        while let Some(name) = names.peek()
            && self.levels.get(common).is_some_and(|level| level.name == *name)
        {
            common += 1;
            names.next();
        }
        self.levels.truncate(common);
        let mut made = 0;
        for name in names {
            match rustix::fs::mkdirat(self.directory()?, name, Mode::RWXU) {
                Ok(()) => made += 1,
                Err(Errno::EXIST) if self.may_exist => {}
                Err(error) => return Err(error),
            }
            self.levels.push(Level { name: name.to_vec(), fd: None });
        }
        Ok(made)
    }

    /// The directory that the branch ends in.
    pub(super) fn directory(&mut self) -> Result<BorrowedFd<'_>, Errno> {
        let opened = self.levels.iter().rposition(|level| level.fd.is_some());
        for index in opened.map_or(0, |index| index + 1)..self.levels.len() {
            let parent = match index.checked_sub(1).and_then(|above| self.levels[above].fd.as_ref()) {
                Some(fd) => fd.as_fd(),
                None => self.target,
            };
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let fd = rustix::fs::openat(parent, self.levels[index].name.as_slice(), flags, Mode::empty())?;
            self.levels[index].fd = Some(fd);
        }
        Ok(self.levels.last().and_then(|level| level.fd.as_ref()).map_or(self.target, |fd| fd.as_fd()))
    }
}
