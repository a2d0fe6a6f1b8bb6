//! Puts a staged thing in place of the live one, atomically, and back.
//!
//! What lies beside the live thing keeps the staged name throughout: before the exchange it is the staged copy, after it
//! what was replaced. Who was interrupted looks at the inodes to know which.

use std::ffi::{CStr, CString};
use std::fmt;
use std::path::PathBuf;

use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;

use super::Identities;
use super::error::{SourceError, StageError};
use super::facts::{Facts, Identity};
use super::place::Place;

/// How live data is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwapMethod {
    /// The live root and the staged root beside it exchange their names in one step (`renameat2`, RENAME_EXCHANGE); where
    /// nothing is live, the staged root is renamed.
    ExchangeRoot,
}

impl fmt::Display for SwapMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExchangeRoot => f.pad("exchange of the whole"),
        }
    }
}

/// One exchange: made, or not.
#[derive(Debug)]
pub(super) struct Swap {
    place: Place,
    staged_name: CString,
    identities: Identities,
    committed: bool,
}

impl Swap {
    /// Of what is live at `place` and what was staged beside it as `staged_name`.
    pub(super) fn new(place: Place, staged_name: CString, staged: Identity) -> Result<Self, StageError> {
        let live = place.facts()?.map(|facts| facts.identity);
        Ok(Self { place, staged_name, identities: Identities { live, staged }, committed: false })
    }

    pub(super) const fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn staged_name(&self) -> &CStr {
        &self.staged_name
    }

    pub(super) const fn identities(&self) -> Identities {
        self.identities
    }

    pub(super) const fn is_committed(&self) -> bool {
        self.committed
    }

    pub(super) fn aside(&self) -> PathBuf {
        self.place.sibling_path(&self.staged_name)
    }

    /// Whether anything lies beside the live thing.
    pub(super) const fn has_aside(&self) -> bool {
        !self.committed || self.identities.live.is_some()
    }

    /// Tells that the staged file was replaced by another of the same name.
    pub(super) const fn restaged(&mut self, staged: Identity) {
        self.identities.staged = staged;
    }

    /// Takes what is live now as what will be replaced: an application may have replaced its file by a rename since.
    pub(super) fn look_again(&mut self) -> Result<(), StageError> {
        self.identities.live = self.place.facts()?.map(|facts| facts.identity);
        Ok(())
    }

    /// Makes the exchange.
    pub(super) fn commit(&mut self) -> Result<(), StageError> {
        if self.committed {
            return Ok(());
        }
        self.expect_live(self.identities.live)?;
        self.rename(&self.staged_name, self.place.name())?;
        self.committed = true;
        self.sync_parent()
    }

    /// Takes the exchange back.
    pub(super) fn undo(&mut self) -> Result<(), StageError> {
        if !self.committed {
            return Ok(());
        }
        // What is live may have been rewritten since by its application; what matters is that the replaced data is still
        // the one that comes back.
        if self.identities.live.is_some() && self.aside_identity()? != self.identities.live {
            return Err(StageError::Source(SourceError::Refused {
                path: self.aside(),
                reason: "the replaced data is not where the exchange left it; nothing was exchanged back".to_owned(),
            }));
        }
        self.rename(self.place.name(), &self.staged_name)?;
        self.committed = false;
        self.sync_parent()
    }

    fn rename(&self, from: &CStr, to: &CStr) -> Result<(), StageError> {
        let flags = if self.identities.live.is_some() { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
        let parent = self.place.parent();
        rustix::fs::renameat_with(parent, from, parent, to, flags).map_err(|error| {
            StageError::from(match error {
                Errno::INVAL => SourceError::Refused {
                    path: self.place.path().to_owned(),
                    reason: "its file system cannot exchange two names (RENAME_EXCHANGE); restore with --to instead"
                        .to_owned(),
                },
                Errno::BUSY => SourceError::Refused {
                    path: self.place.path().to_owned(),
                    reason: "it is a mount point and cannot be exchanged; restore with --to instead".to_owned(),
                },
                error => self.place.failed("exchanging the staged copy with", error),
            })
        })
    }

    fn expect_live(&self, expected: Option<Identity>) -> Result<(), StageError> {
        let found = self.place.facts()?.map(|facts: Facts| facts.identity);
        if found == expected {
            return Ok(());
        }
        Err(StageError::Source(SourceError::Refused {
            path: self.place.path().to_owned(),
            reason: "something else was put there while the restore ran; nothing was exchanged".to_owned(),
        }))
    }

    fn aside_identity(&self) -> Result<Option<Identity>, StageError> {
        match rustix::fs::statat(self.place.parent(), self.staged_name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Facts::from(&stat).identity)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(StageError::Io {
                doing: "looking at",
                path: self.aside().display().to_string(),
                error: error.into(),
            }),
        }
    }

    fn sync_parent(&self) -> Result<(), StageError> {
        rustix::fs::fsync(self.place.parent())
            .map_err(|error| StageError::NotDurable { path: self.place.path().to_owned(), error: error.into() })
    }

    /// Removes a file that lies aside.
    pub(super) fn remove_aside_file(&self) -> Result<(), StageError> {
        if !self.has_aside() {
            return Ok(());
        }
        match rustix::fs::unlinkat(self.place.parent(), self.staged_name.as_c_str(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => {
                Err(StageError::Io { doing: "removing", path: self.aside().display().to_string(), error: error.into() })
            }
        }
    }
}
