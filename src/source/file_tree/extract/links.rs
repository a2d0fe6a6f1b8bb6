//! Makes hard links, after the files that they name are written.

use std::collections::HashSet;
use std::os::fd::{AsFd as _, BorrowedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::super::super::apply::failed;
use super::super::super::error::StageError;
use super::super::super::facts::Facts;
use super::super::super::shown::{Shown, shown};
use super::super::open::directory_beneath;
use super::Shared;
use super::paths::{link_objection, split_name};
use super::report::Damage;
use super::shortcut::Shortcut;

/// So many links wait for their files; then the workers are waited for.
const WAITING: usize = 4096;

/// Hard links that wait for their files.
#[derive(Debug, Default)]
pub(super) struct Links {
    waiting: Vec<Link>,
    /// Names in the target before anything was extracted: a link may not name what this extraction did not make.
    foreign: HashSet<Vec<u8>>,
}

#[derive(Debug)]
struct Link {
    member: Vec<u8>,
    path: Vec<u8>,
    target: Vec<u8>,
}

impl Links {
    /// Notes what is in `target` now.
    pub(super) fn new(target: BorrowedFd<'_>) -> Result<Self, Errno> {
        // A descriptor of our own, so that reading does not move the caller's.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let own = rustix::fs::openat(target, c".", flags, Mode::empty())?;
        let mut foreign = HashSet::new();
        for entry in rustix::fs::Dir::new(own)? {
            foreign.insert(entry?.file_name().to_bytes().to_vec());
        }
        Ok(Self { waiting: Vec::new(), foreign })
    }

    /// Takes a link at `path` below the target to `target`, both without what is stripped. Whether it is time to
    /// [`Links::make`] them.
    pub(super) fn add(&mut self, member: Vec<u8>, path: Vec<u8>, target: Vec<u8>) -> Result<bool, &'static str> {
        if let Some(objection) = link_objection(&target) {
            return Err(objection);
        }
        if target >= path {
            return Err("it is a hard link to something that does not come before it");
        }
        let first = target.split(|byte| *byte == b'/').next().unwrap_or_default();
        if self.foreign.contains(first) {
            return Err("it is a hard link to something that the backup does not hold");
        }
        self.waiting.push(Link { member, path, target });
        Ok(self.waiting.len() >= WAITING)
    }

    /// Makes all that wait; the files that they name have to be written. Returns how many were made.
    pub(super) fn make(&mut self, shared: &Shared<'_>, shortcut: &mut dyn Shortcut) -> Result<u64, StageError> {
        let mut made = 0;
        for link in self.waiting.drain(..) {
            match link.make(shared.target, shortcut) {
                Ok(()) => made += 1,
                Err(Fault::Damaged(reason)) => {
                    let reason = format!("it is a hard link to {}, {reason}", Shown(&link.target));
                    shared.damaged(Damage { member: shown(&link.member), chunk: None, reason })?;
                }
                Err(Fault::System(error)) => return Err(failed("linking", &link.member, error)),
            }
        }
        Ok(made)
    }
}

enum Fault {
    Damaged(&'static str),
    System(Errno),
}

impl Link {
    fn make(&self, root: BorrowedFd<'_>, shortcut: &mut dyn Shortcut) -> Result<(), Fault> {
        let (from, from_name) = split_name(&self.target);
        let (to, to_name) = split_name(&self.path);
        let from = directory_beneath(root, from).map_err(|error| match error {
            Errno::NOENT | Errno::NOTDIR => Fault::Damaged("which is not in the backup"),
            Errno::LOOP | Errno::XDEV => Fault::Damaged("which leads through a link"),
            error => Fault::System(error),
        })?;
        let to = directory_beneath(root, to).map_err(Fault::System)?;
        let before = match rustix::fs::statat(from.as_fd(), from_name, AtFlags::SYMLINK_NOFOLLOW) {
            // A symlink gets a second name like anything else: nobody follows it.
            Ok(stat) => Facts::from(&stat),
            Err(Errno::NOENT) => return Err(Fault::Damaged("which is not in the backup or is damaged itself")),
            Err(error) => return Err(Fault::System(error)),
        };
        if before.kind == FileType::Directory {
            return Err(Fault::Damaged("which is a folder"));
        }
        rustix::fs::linkat(from, from_name, to.as_fd(), to_name, AtFlags::empty()).map_err(Fault::System)?;
        let after = rustix::fs::statat(to, to_name, AtFlags::SYMLINK_NOFOLLOW).map_err(Fault::System)?;
        shortcut.linked_again(&before, &Facts::from(&after));
        Ok(())
    }
}
