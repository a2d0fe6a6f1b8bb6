//! A swap as a journal keeps it: everything that is needed after a crash to take it back or to finish it, without the
//! archive. Which steps were made is not in it; the inodes tell.
//!
//! The journal writes a record durably before the first step and asks it at recovery. The form is append-only: fields may
//! be added with a default, none changes its meaning.

mod opened;

use std::ffi::CString;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use self::opened::{Opened, name_of};
use super::error::{SourceError, StageError};
use super::escaped_path;
use super::place::Place;
use super::postgres::DatabaseSwap;
use super::swap::SwapMethod;
use super::swap::root_metadata::RootMetadata;
use super::swap::site::{make_removal_durable, remove_inner};
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
