//! A swap as a journal keeps it: everything that is needed after a crash to take it back or to finish it, without the
//! archive. Which steps were made is not in it; the inodes tell.
//!
//! The journal writes a record durably before the first step and asks it at recovery. The form is append-only: fields may
//! be added with a default, none changes its meaning.

use std::ffi::CString;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::error::{SourceError, StageError};
use super::escaped_path;
use super::place::{INNER, Place, third_name_of};
use super::postgres::DatabaseSwap;
use super::steps;
use super::swap::SwapMethod;
use super::swap::pair::{Folders, Pair, Standing};
use super::swap::root_metadata::RootMetadata;
use super::swap::site::{DIRECTORY, make_removal_durable, remove_inner};
use super::swap::thing::Thing;
use crate::model::{SourceKind, SourceName};

/// A swap of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwapRecord {
    /// The source.
    pub source: SourceName,
    /// Its kind.
    pub kind: SourceKind,
    /// Where its live data is; of a database its URL. Escaped like the paths of a manifest, as all names here.
    #[serde(with = "escaped_path")]
    pub live: PathBuf,
    /// Where the staged data lies before the swap and the replaced data after it; of a database the URL of the replaced one.
    /// For messages: whether anything is there says [`SwapRecord::aside_is_there`].
    #[serde(with = "escaped_path")]
    pub aside: PathBuf,
    /// What is swapped.
    #[serde(flatten)]
    pub swap: RecordedSwap,
}

/// What is swapped, by method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum RecordedSwap {
    /// See [`SwapMethod::ExchangeRoot`].
    ExchangeRoot(RootSwap),
    /// See [`SwapMethod::RenameRoot`].
    RenameRoot(RootSwap),
    /// See [`SwapMethod::ExchangeEntries`].
    ExchangeEntries(EntriesSwap),
    /// See [`SwapMethod::RenameEntries`].
    RenameEntries(EntriesSwap),
    /// See [`SwapMethod::RenameDatabase`].
    RenameDatabase(DatabaseSwap),
}

/// A swap of two roots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootSwap {
    /// The folder that both are in.
    pub folder: Thing,
    /// What was live; `None` when nothing was.
    pub old: Option<Thing>,
    /// What was staged.
    pub new: Thing,
}

/// A swap of the entries of a root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntriesSwap {
    /// The root.
    pub root: Thing,
    /// What is swapped; what is not listed stays where it is.
    pub entries: Vec<EntrySwap>,
    /// What the root carried before.
    pub old_root: RootMetadata,
    /// What it has to carry.
    pub new_root: RootMetadata,
}

/// An entry of a root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntrySwap {
    /// Its name.
    #[serde(with = "escaped_path")]
    pub name: PathBuf,
    /// What was live under this name; `None` when nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Thing>,
    /// What was staged under this name; `None` when nothing was: it is taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Thing>,
}

/// Which state of the data is live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// All of it as before the swap.
    Old,
    /// All of it as staged.
    New,
    /// Part of it each, or something half-way.
    Mixed,
}

/// A record with its folders open.
struct Opened<'a> {
    record: &'a SwapRecord,
    folders: Folders,
    pairs: Vec<Pair>,
}

impl SwapRecord {
    /// How it is swapped.
    #[must_use]
    pub const fn method(&self) -> SwapMethod {
        match &self.swap {
            RecordedSwap::ExchangeRoot(_) => SwapMethod::ExchangeRoot,
            RecordedSwap::RenameRoot(_) => SwapMethod::RenameRoot,
            RecordedSwap::ExchangeEntries(_) => SwapMethod::ExchangeEntries,
            RecordedSwap::RenameEntries(_) => SwapMethod::RenameEntries,
            RecordedSwap::RenameDatabase(_) => SwapMethod::RenameDatabase,
        }
    }

    /// What is live, decided by inodes alone. What the root itself carries is not looked at: [`Self::put_back`] and
    /// [`Self::put_forward`] settle that too, also when nothing is left to move.
    ///
    /// # Errors
    /// [`StageError::Source`] when it cannot be told, with the reason.
    pub fn generation(&self) -> Result<Generation, StageError> {
        if let RecordedSwap::RenameDatabase(swap) = &self.swap {
            return swap.generation();
        }
        Opened::open(self)?.generation()
    }

    /// Makes all of what was live before live again, from whatever state. May be repeated, and interrupted at any step.
    ///
    /// # Errors
    /// [`StageError`]; it can be tried again when what the message names was put right.
    pub fn put_back(&self) -> Result<(), StageError> {
        self.bring(Generation::Old, false)
    }

    /// Makes all of what was staged live, from whatever state. May be repeated, and interrupted at any step.
    ///
    /// # Errors
    /// As [`Self::put_back`].
    pub fn put_forward(&self) -> Result<(), StageError> {
        self.bring(Generation::New, false)
    }

    /// Removes what lies aside: what was staged when the old is live, what was replaced when the new is.
    ///
    /// # Errors
    /// [`SourceError::Refused`] when the swap is half made or it cannot be told what lies there;
    /// [`StageError::Io`], and what could be removed is gone.
    pub fn discard_aside(&self) -> Result<(), StageError> {
        if let RecordedSwap::RenameDatabase(swap) = &self.swap {
            return swap.discard_aside();
        }
        let opened = Opened::open(self)?;
        if !opened.has_aside()? {
            return Ok(());
        }
        if opened.generation()? == Generation::Mixed {
            return Err(StageError::Source(SourceError::Refused {
                path: self.aside.clone(),
                reason: format!(
                    "part of {} is what was replaced and part what was staged; nothing is removed before that is settled",
                    self.live.display()
                ),
            }));
        }
        self.remove_aside(&opened)
    }

    /// Whether anything was live that could be replaced.
    #[must_use]
    pub const fn replaces_something(&self) -> bool {
        match &self.swap {
            RecordedSwap::ExchangeRoot(swap) | RecordedSwap::RenameRoot(swap) => swap.old.is_some(),
            RecordedSwap::ExchangeEntries(_) | RecordedSwap::RenameEntries(_) => true,
            RecordedSwap::RenameDatabase(swap) => swap.old.is_some(),
        }
    }

    /// Whether something may have been written to what was replaced since its safety backup was begun, as far as that was
    /// not looked at before the swap. To be asked after it.
    ///
    /// # Errors
    /// [`StageError::Source`] when it cannot be told.
    pub fn changed_since_safety(&self) -> Result<bool, StageError> {
        match &self.swap {
            RecordedSwap::RenameDatabase(swap) => swap.changed_since_safety(),
            _ => Ok(false),
        }
    }

    /// With what proves later that nobody changed what was replaced and is kept; `None` where nothing can.
    ///
    /// # Errors
    /// [`StageError::Source`] when it cannot be looked at.
    pub fn sealed(&self) -> Result<Option<Self>, StageError> {
        match &self.swap {
            RecordedSwap::RenameDatabase(swap) => {
                let swap = RecordedSwap::RenameDatabase(swap.sealed()?);
                Ok(Some(Self { swap, ..self.clone() }))
            }
            _ => Ok(None),
        }
    }

    /// Whether what was replaced still lies aside, and nobody can have changed it.
    ///
    /// # Errors
    /// [`StageError::Source`] when it cannot be looked at.
    pub fn is_as_sealed(&self) -> Result<bool, StageError> {
        match &self.swap {
            RecordedSwap::RenameDatabase(swap) => swap.is_kept_as_sealed(),
            _ => Ok(false),
        }
    }

    /// Whether what was replaced still lies aside. A database's server is asked.
    ///
    /// # Errors
    /// [`StageError::Source`] when it cannot be told.
    pub fn aside_is_there(&self) -> Result<bool, StageError> {
        match &self.swap {
            RecordedSwap::RenameDatabase(swap) => swap.aside_is_there(),
            _ => Ok(self.aside.symlink_metadata().is_ok()),
        }
    }

    /// As [`Self::aside_is_there`] for who cannot wait: of a database, which nobody is asked about, it is believed.
    #[must_use]
    pub fn aside_may_be_there(&self) -> bool {
        match &self.swap {
            RecordedSwap::RenameDatabase(swap) => swap.old.is_some(),
            _ => self.aside.symlink_metadata().is_ok(),
        }
    }

    /// The root that was live when this was recorded.
    pub(super) const fn live_root(&self) -> Option<Thing> {
        match &self.swap {
            RecordedSwap::ExchangeRoot(swap) | RecordedSwap::RenameRoot(swap) => swap.old,
            RecordedSwap::ExchangeEntries(swap) | RecordedSwap::RenameEntries(swap) => Some(swap.root),
            RecordedSwap::RenameDatabase(_) => None,
        }
    }

    /// As [`Self::put_back`] by who knows that the swap was made.
    pub(super) fn take_back(&self) -> Result<(), StageError> {
        self.bring(Generation::Old, true)
    }

    /// Fails unless what is live is just what was live when this was recorded.
    pub(super) fn require_untouched(&self) -> Result<(), StageError> {
        if let RecordedSwap::RenameDatabase(swap) = &self.swap {
            return swap.require_untouched();
        }
        let opened = Opened::open(self)?;
        for pair in &opened.pairs {
            if !pair.is_untouched(&opened.folders)? {
                return Err(StageError::Source(SourceError::Refused {
                    path: self.live.clone(),
                    reason: "something else was put there while the restore ran; nothing was exchanged".to_owned(),
                }));
            }
        }
        Ok(())
    }

    fn bring(&self, goal: Generation, was_swapped: bool) -> Result<(), StageError> {
        match &self.swap {
            RecordedSwap::RenameDatabase(swap) => swap.bring(goal),
            _ => Opened::open(self)?.bring(goal, was_swapped),
        }
    }

    fn remove_aside(&self, opened: &Opened<'_>) -> Result<(), StageError> {
        let folder = opened.folders.live.as_fd();
        if self.method().is_by_entry() {
            return remove_inner(folder, &self.aside_name());
        }
        Place::of(&self.live)?.remove_sibling(&self.aside_name())?;
        make_removal_durable(folder)
    }

    fn aside_name(&self) -> CString {
        name_of(&self.aside)
    }

    #[expect(clippy::unused_self, reason = "reads as the others do")]
    fn failed(&self, doing: &'static str, path: &Path, error: Errno) -> StageError {
        StageError::Source(SourceError::Io { doing, path: path.to_owned(), error: error.into() })
    }
}

impl<'a> Opened<'a> {
    fn open(record: &'a SwapRecord) -> Result<Self, StageError> {
        match &record.swap {
            RecordedSwap::ExchangeRoot(swap) | RecordedSwap::RenameRoot(swap) => Self::open_roots(record, swap),
            RecordedSwap::ExchangeEntries(swap) | RecordedSwap::RenameEntries(swap) => Self::open_entries(record, swap),
            RecordedSwap::RenameDatabase(_) => Err(record.failed("opening as a folder", &record.live, Errno::NOTDIR)),
        }
    }

    fn open_roots(record: &'a SwapRecord, swap: &RootSwap) -> Result<Self, StageError> {
        let Some(parent) = record.live.parent() else {
            return Err(record.failed("opening the folder of", &record.live, Errno::NOENT));
        };
        let (live, device) = open_known(parent, swap.folder, OFlags::empty())?;
        let again = || {
            live.try_clone().map_err(|error| {
                StageError::Source(SourceError::Io { doing: "opening", path: parent.to_owned(), error })
            })
        };
        let aside = Some(again()?);
        let third = if record.method().is_by_rename() { Some(again()?) } else { None };
        let aside_name = record.aside_name();
        let pair = Pair {
            live_name: name_of(&record.live),
            third_name: third_name_of(&aside_name),
            aside_name,
            old: swap.old,
            new: Some(swap.new),
        };
        let folders = Folders { live, aside, third, device, path: record.live.clone() };
        Ok(Self { record, folders, pairs: vec![pair] })
    }

    fn open_entries(record: &'a SwapRecord, swap: &EntriesSwap) -> Result<Self, StageError> {
        let (live, device) = open_known(&record.live, swap.root, OFlags::NOFOLLOW)?;
        let inner = open_if_there(record, &live, INNER)?;
        let in_inner = |name: CString| match &inner {
            Some(inner) => open_if_there(record, inner, &name),
            None => Ok(None),
        };
        let aside = in_inner(record.aside_name())?;
        let third = if record.method().is_by_rename() { in_inner(third_name_of(&record.aside_name()))? } else { None };
        let pairs = swap.entries.iter().map(|entry| {
            let name = name_of(&entry.name);
            Pair { live_name: name.clone(), aside_name: name.clone(), third_name: name, old: entry.old, new: entry.new }
        });
        let pairs = pairs.collect();
        let folders = Folders { live, aside, third, device, path: record.live.clone() };
        Ok(Self { record, folders, pairs })
    }

    /// What the pairs agree on. What an application did to some of them since does not count.
    fn generation(&self) -> Result<Generation, StageError> {
        let (mut certain, mut likely) = (None, self.pairs.is_empty().then_some(Generation::Old));
        for pair in &self.pairs {
            match pair.standing(&self.folders)? {
                Standing::Certain(found) if *certain.get_or_insert(found) != found => return Ok(Generation::Mixed),
                Standing::Certain(_) | Standing::Unknown => {}
                Standing::Likely(found) => likely = Some(found),
            }
        }
        certain.or(likely).ok_or_else(|| {
            StageError::Source(SourceError::Refused {
                path: self.record.live.clone(),
                reason: format!(
                    "neither what was there before the restore nor what it put there can be found, and neither at {}",
                    self.record.aside.display()
                ),
            })
        })
    }

    fn bring(&self, goal: Generation, was_swapped: bool) -> Result<(), StageError> {
        let mut bring = |pair: &Pair| pair.bring(&self.folders, goal, was_swapped);
        match goal {
            Generation::Old => self.pairs.iter().rev().try_for_each(&mut bring)?,
            Generation::New | Generation::Mixed => self.pairs.iter().try_for_each(&mut bring)?,
        }
        let (renamed, done) = match goal {
            Generation::Old => ("source.swap.back.renamed", "source.swap.back.done"),
            Generation::New | Generation::Mixed => ("source.swap.forward.renamed", "source.swap.forward.done"),
        };
        self.pass(renamed)?;
        self.put_on_root(goal)?;
        self.folders.sync()?;
        self.pass(done)
    }

    /// Gives the root what it has to carry, unless all that lay aside is gone: then that was done long ago.
    fn put_on_root(&self, goal: Generation) -> Result<(), StageError> {
        let (RecordedSwap::ExchangeEntries(swap) | RecordedSwap::RenameEntries(swap)) = &self.record.swap else {
            return Ok(());
        };
        if self.folders.aside.is_none() {
            return Ok(());
        }
        let metadata = if goal == Generation::Old { &swap.old_root } else { &swap.new_root };
        metadata.put_on(self.folders.live.as_fd()).map_err(|error| {
            let path = self.record.live.clone();
            StageError::Source(SourceError::Io { doing: "setting owner, mode and time of", path, error })
        })
    }

    fn has_aside(&self) -> Result<bool, StageError> {
        if self.record.method().is_by_entry() {
            return Ok(self.folders.aside.is_some() || self.folders.third.is_some());
        }
        for name in [self.record.aside_name(), third_name_of(&self.record.aside_name())] {
            match rustix::fs::statat(&self.folders.live, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => return Ok(true),
                Err(Errno::NOENT) => {}
                Err(error) => return Err(self.record.failed("looking at", &self.record.aside, error)),
            }
        }
        Ok(false)
    }

    fn pass(&self, point: &'static str) -> Result<(), StageError> {
        let path = self.record.live.clone();
        steps::pass(point).map_err(|error| StageError::Source(SourceError::Io { doing: "swapping", path, error }))
    }
}

/// Opens the folder at `path` if it is the one that was recorded: an unmounted disk leaves another one in its place.
fn open_known(path: &Path, recorded: Thing, flags: OFlags) -> Result<(OwnedFd, u64), StageError> {
    let failed = |error: Errno| match error {
        Errno::NOENT => StageError::Source(SourceError::NotFound { path: path.to_owned() }),
        error => StageError::Source(SourceError::Io { doing: "opening", path: path.to_owned(), error: error.into() }),
    };
    let flags = flags | OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(path, flags, Mode::empty()).map_err(failed)?;
    let found = Thing::open(folder.as_fd()).map_err(failed)?;
    if found.is(&recorded) {
        return Ok((folder, found.device));
    }
    Err(StageError::Source(SourceError::Refused {
        path: path.to_owned(),
        reason: "this is not the folder in which the restore was made: is its file system mounted?".to_owned(),
    }))
}

fn open_if_there(record: &SwapRecord, folder: &OwnedFd, name: &std::ffi::CStr) -> Result<Option<OwnedFd>, StageError> {
    match rustix::fs::openat(folder, name, DIRECTORY, Mode::empty()) {
        Ok(opened) => Ok(Some(opened)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(record.failed("opening", &record.aside, error)),
    }
}

fn name_of(path: &Path) -> CString {
    use std::os::unix::ffi::OsStrExt as _;
    CString::new(path.file_name().unwrap_or_default().as_bytes()).unwrap_or_default()
}
