//! Two things that change places: what was live before and what was staged, either of which may be nothing.
//!
//! Where each of them is says how far it came; so any step can follow any interruption, one while putting back too.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;

use super::super::error::{SourceError, StageError};
use super::super::steps;
use super::thing::Thing;
use crate::source::Generation;

/// The open folders that a swap moves things between. They lie on one file system.
#[derive(Debug)]
pub(in crate::source) struct Folders {
    pub(in crate::source) live: OwnedFd,
    /// `None` when it was removed with all that lay aside.
    pub(in crate::source) aside: Option<OwnedFd>,
    /// Where a third name is given; `None` when names are exchanged.
    pub(in crate::source) third: Option<OwnedFd>,
    /// `st_dev` of the three.
    pub(in crate::source) device: u64,
    /// The path of the live thing, for messages.
    pub(in crate::source) path: PathBuf,
}

/// One pair of a swap.
#[derive(Debug)]
pub(in crate::source) struct Pair {
    pub(in crate::source) live_name: CString,
    pub(in crate::source) aside_name: CString,
    pub(in crate::source) third_name: CString,
    /// What was live before.
    pub(in crate::source) old: Option<Thing>,
    /// What was staged.
    pub(in crate::source) new: Option<Thing>,
}

/// What a pair says of which generation is live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum Standing {
    /// One of the two is where it says this.
    Certain(Generation),
    /// Neither is there, and nothing was meant to be: an application that removed it since leaves the same.
    Likely(Generation),
    /// Neither is there, but something else may be: the swap was settled long ago and the application went on.
    Unknown,
}

/// What is at each of the three names.
#[derive(Clone, Copy, Debug)]
struct Look {
    live: Option<Thing>,
    aside: Option<Thing>,
    third: Option<Thing>,
}

/// Whether there is the thing that is meant.
fn is(found: Option<Thing>, meant: Option<Thing>) -> bool {
    matches!((found, meant), (Some(found), Some(meant)) if found.is(&meant))
}

/// Whether there is what is meant, be it nothing.
fn is_as(found: Option<Thing>, meant: Option<Thing>) -> bool {
    found.is_none() && meant.is_none() || is(found, meant)
}

impl Folders {
    fn look(&self, pair: &Pair) -> Result<Look, StageError> {
        Ok(Look {
            live: self.thing(Some(&self.live), &pair.live_name)?,
            aside: self.thing(self.aside.as_ref(), &pair.aside_name)?,
            third: self.thing(self.third.as_ref(), &pair.third_name)?,
        })
    }

    fn thing(&self, folder: Option<&OwnedFd>, name: &CStr) -> Result<Option<Thing>, StageError> {
        let Some(folder) = folder else { return Ok(None) };
        let found = Thing::at(folder.as_fd(), name).map_err(|error| self.failed("looking at", name, error))?;
        match found {
            Some(thing) if thing.device != self.device => Err(self.refused(name, "it lies on another file system now")),
            found => Ok(found),
        }
    }

    /// Makes every rename so far durable.
    pub(in crate::source) fn sync(&self) -> Result<(), StageError> {
        for folder in [Some(&self.live), self.aside.as_ref(), self.third.as_ref()].into_iter().flatten() {
            rustix::fs::fsync(folder)
                .map_err(|error| StageError::NotDurable { path: self.path.clone(), error: error.into() })?;
        }
        Ok(())
    }

    fn failed(&self, doing: &'static str, name: &CStr, error: Errno) -> StageError {
        let name = super::super::shown::shown(name.to_bytes());
        StageError::Io { doing, path: format!("{name} for {}", self.path.display()), error: error.into() }
    }

    fn refused(&self, name: &CStr, reason: &str) -> StageError {
        let path: &Path = &self.path;
        let name = super::super::shown::shown(name.to_bytes());
        StageError::Source(SourceError::Refused { path: path.to_owned(), reason: format!("{name}: {reason}") })
    }
}

impl Pair {
    /// Which of the two is live.
    pub(in crate::source) fn standing(&self, folders: &Folders) -> Result<Standing, StageError> {
        let at = folders.look(self)?;
        let nothing_is_left = at.live.is_none() && at.aside.is_none();
        Ok(if at.third.is_some() {
            Standing::Certain(Generation::Mixed)
        // What lies aside decides: an application may since have put a file of its own over the live one.
        } else if is(at.aside, self.new) {
            Standing::Certain(Generation::Old)
        } else if is(at.aside, self.old) || is(at.live, self.new) {
            Standing::Certain(Generation::New)
        } else if is(at.live, self.old) {
            Standing::Certain(Generation::Old)
        } else if nothing_is_left && self.old.is_none() {
            Standing::Likely(Generation::Old)
        } else if nothing_is_left && self.new.is_none() {
            Standing::Likely(Generation::New)
        } else {
            Standing::Unknown
        })
    }

    /// Whether what is live is exactly what was live when it was staged, and what is aside what was staged.
    pub(in crate::source) fn is_untouched(&self, folders: &Folders) -> Result<bool, StageError> {
        let at = folders.look(self)?;
        Ok(is_as(at.live, self.old) && is_as(at.aside, self.new) && at.third.is_none())
    }

    /// Makes `goal` live. `was_swapped` is whether it is known that the swap was made: then whatever is live now came
    /// after it.
    pub(in crate::source) fn bring(
        &self,
        folders: &Folders,
        goal: Generation,
        was_swapped: bool,
    ) -> Result<(), StageError> {
        let (wanted, other) = match goal {
            Generation::Old => (self.old, self.new),
            Generation::New | Generation::Mixed => (self.new, self.old),
        };
        let steps = Steps { folders, pair: self, goal };
        let mut at = folders.look(self)?;
        if at.third.is_some() {
            match (at.live, at.aside) {
                (Some(_), None) => steps.third_to_aside()?,
                (None, _) if is(at.third, wanted) => steps.third_to_live()?,
                (None, _) if is(at.aside, wanted) => {}
                _ => return Err(folders.refused(&self.live_name, "its third name is taken by something unknown")),
            }
            at = folders.look(self)?;
        }
        if wanted.is_none() {
            return match at.live {
                None => Ok(()),
                live if is(live, other) || was_swapped => steps.live_to_aside(),
                Some(_) => Err(folders.refused(&self.live_name, "nothing was there before, and something else is now")),
            };
        }
        // Nothing but what was replaced is ever put aside, so an unknown thing there is what was live just before.
        let replaced_lies_aside = goal == Generation::Old && at.aside.is_some() && is(at.live, other);
        if is(at.aside, wanted) || replaced_lies_aside {
            return steps.change_places(at);
        }
        let was_discarded = at.aside.is_none() && !is(at.live, other);
        if is(at.live, wanted) || was_discarded {
            return Ok(());
        }
        let what = if goal == Generation::Old { "what was replaced" } else { "what was staged" };
        Err(folders.refused(&self.live_name, &format!("{what} is no longer where it was laid aside")))
    }
}

/// The renames of one pair on the way to one goal.
struct Steps<'a> {
    folders: &'a Folders,
    pair: &'a Pair,
    goal: Generation,
}

/// The name of a point before a step, one for each direction.
macro_rules! point {
    ($steps:expr, $step:literal) => {
        match $steps.goal {
            Generation::Old => concat!("source.swap.back.", $step),
            Generation::New | Generation::Mixed => concat!("source.swap.forward.", $step),
        }
    };
}

impl Steps<'_> {
    fn change_places(&self, at: Look) -> Result<(), StageError> {
        if at.live.is_none() {
            self.aside_to_live()?;
        } else if self.folders.third.is_none() {
            return self.exchange();
        } else {
            self.live_to_third()?;
            self.aside_to_live()?;
        }
        if self.folders.look(self.pair)?.third.is_some() { self.third_to_aside() } else { Ok(()) }
    }

    fn exchange(&self) -> Result<(), StageError> {
        self.pass(point!(self, "exchange"))?;
        let Some(aside) = &self.folders.aside else { return Ok(()) };
        let (live, name) = (&self.folders.live, &self.pair.live_name);
        rustix::fs::renameat_with(live, name, aside, &self.pair.aside_name, RenameFlags::EXCHANGE).map_err(|error| {
            match error {
                Errno::BUSY => self.folders.refused(name, "it became a mount point and cannot be exchanged"),
                error => self.folders.failed("exchanging the staged copy with", name, error),
            }
        })
    }

    fn live_to_aside(&self) -> Result<(), StageError> {
        self.pass(point!(self, "live_to_aside"))?;
        self.rename(Some(&self.folders.live), &self.pair.live_name, self.folders.aside.as_ref(), &self.pair.aside_name)
    }

    fn aside_to_live(&self) -> Result<(), StageError> {
        self.pass(point!(self, "aside_to_live"))?;
        self.rename(self.folders.aside.as_ref(), &self.pair.aside_name, Some(&self.folders.live), &self.pair.live_name)
    }

    fn live_to_third(&self) -> Result<(), StageError> {
        self.pass(point!(self, "live_to_third"))?;
        self.rename(Some(&self.folders.live), &self.pair.live_name, self.folders.third.as_ref(), &self.pair.third_name)
    }

    fn third_to_live(&self) -> Result<(), StageError> {
        self.pass(point!(self, "third_to_live"))?;
        self.rename(self.folders.third.as_ref(), &self.pair.third_name, Some(&self.folders.live), &self.pair.live_name)
    }

    fn third_to_aside(&self) -> Result<(), StageError> {
        self.pass(point!(self, "third_to_aside"))?;
        let (third, aside) = (self.folders.third.as_ref(), self.folders.aside.as_ref());
        self.rename(third, &self.pair.third_name, aside, &self.pair.aside_name)
    }

    fn pass(&self, point: &'static str) -> Result<(), StageError> {
        let path = self.folders.path.clone();
        steps::pass(point).map_err(|error| StageError::Source(SourceError::Io { doing: "exchanging", path, error }))
    }

    fn rename(
        &self,
        from: Option<&OwnedFd>,
        from_name: &CStr,
        to: Option<&OwnedFd>,
        to_name: &CStr,
    ) -> Result<(), StageError> {
        let (Some(from), Some(to)) = (from, to) else {
            return Err(self.folders.refused(from_name, "the folder that it was laid aside in is gone"));
        };
        rename_to_free(from.as_fd(), from_name, to.as_fd(), to_name)
            .map_err(|error| self.folders.failed("renaming", from_name, error))?;
        // A file system too simple to exchange may be too simple to keep renames in order.
        if self.folders.third.is_some() { self.folders.sync() } else { Ok(()) }
    }
}

/// Renames to a name that nothing has.
fn rename_to_free(from: BorrowedFd<'_>, from_name: &CStr, to: BorrowedFd<'_>, to_name: &CStr) -> Result<(), Errno> {
    match rustix::fs::renameat_with(from, from_name, to, to_name, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
        other => return other,
    }
    // Where the flag is unknown it is looked for beforehand. Nobody else makes names in the places of a swap.
    match rustix::fs::statat(to, to_name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => rustix::fs::renameat(from, from_name, to, to_name),
        Ok(_) => Err(Errno::EXIST),
        Err(error) => Err(error),
    }
}
