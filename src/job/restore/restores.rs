//! What restores keep in the state folder: their journals, and the marker that keeps the application from starting.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fmt, io};

use super::super::failure::failure;
use super::application::marker_text;
use super::journal::{Header, Journal, State, paths_in};
use crate::catalog::JobError;
use crate::clock::Clock;
use crate::fsio;
use crate::model::{ErrorCode, JobId};

/// A handle on them. Clones share what is known of restores that could not be settled.
#[derive(Clone, Debug)]
pub struct Restores(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    journals: PathBuf,
    marker: PathBuf,
    clock: Clock,
    /// Whose turn it is to stop and start the application.
    application: Mutex<()>,
    troubles: Mutex<BTreeMap<JobId, Trouble>>,
    /// Interrupted restores whose data is whole, and whose application is still to be started.
    recovering: Mutex<BTreeSet<JobId>>,
}

/// A restore that is neither done nor taken back, or not wholly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The restore.
    pub job: JobId,
    /// What is at stake.
    pub unsettled: Unsettled,
    /// What could not be done, naming the paths.
    pub what: String,
}

/// What a restore did not settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsettled {
    /// Live data may be half old and half new.
    Data,
    /// Live data is whole, but the application was not started, or what was staged is still there.
    Application,
}

impl Unsettled {
    /// In words, without naming anything.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Data => "live data may be half old and half new",
            Self::Application => "live data is whole, but the application may not have been started",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the restore by job {} is not settled: {}", self.job, self.what)
    }
}

/// What to do about a [`Trouble`].
pub(super) const HOW_TO_SETTLE: &str =
    "remove the cause, then repeat the restore with --yes or restart carelogd: either tries again to settle it";

/// What to do about an application that was not started again.
pub(super) const HOW_TO_START: &str =
    "run the hook by hand to see why; when it works, restart carelogd: it starts the application and settles the rest";

impl Restores {
    /// Those of the state folder `state_dir`. Touches nothing yet.
    #[must_use]
    pub fn new(state_dir: &Path, clock: Clock) -> Self {
        Self(Arc::new(Shared {
            journals: state_dir.join("restores"),
            marker: state_dir.join("restore-in-progress"),
            clock,
            application: Mutex::default(),
            troubles: Mutex::default(),
            recovering: Mutex::default(),
        }))
    }

    /// The restores that could not be settled, the oldest first.
    #[must_use]
    pub fn troubles(&self) -> Vec<Trouble> {
        self.lock_troubles().values().cloned().collect()
    }

    /// Refuses while an earlier restore is not settled: it may need what another one would replace.
    pub(super) fn require_settled(&self) -> Result<(), JobError> {
        match self.troubles().first() {
            None => Ok(()),
            Some(trouble) => Err(failure(ErrorCode::Refused, trouble, HOW_TO_SETTLE)),
        }
    }

    pub(super) fn note_trouble(&self, job: JobId, unsettled: Unsettled, what: &str) {
        tracing::error!(job_id = %job, "{what}");
        self.lock_troubles().insert(job, Trouble { job, unsettled, what: what.to_owned() });
    }

    pub(super) fn forget_trouble(&self, job: JobId) {
        self.lock_troubles().remove(&job);
    }

    /// Waits until nobody else stops or starts the application.
    pub(super) fn application_turn(&self) -> MutexGuard<'_, ()> {
        self.0.application.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, header: Header) -> io::Result<Journal> {
        fsio::create_private_dir(&self.0.journals)?;
        Journal::begin(&self.0.journals, header, self.0.clock.clone())
    }

    /// Every journal that was begun, the oldest restore first.
    pub(super) fn journals(&self) -> io::Result<Vec<Journal>> {
        let opened = paths_in(&self.0.journals)?.into_iter().map(|path| Journal::open(&path, self.0.clock.clone()));
        opened.filter_map(Result::transpose).collect()
    }

    /// What the journal of the restore by `job` says; `None` when there is none any more.
    pub(super) fn state_of(&self, job: JobId) -> io::Result<Option<State>> {
        Ok(self.journals()?.into_iter().map(|journal| journal.state).find(|state| state.header.job == job))
    }

    /// Removes the journals whose first line a crash cut off: nothing had been done yet. Only while no restore can run.
    pub(super) fn sweep_unbegun(&self) -> io::Result<()> {
        for path in paths_in(&self.0.journals)? {
            if Journal::open(&path, self.0.clock.clone())?.is_none() {
                fsio::remove_durably(&path)?;
            }
        }
        Ok(())
    }

    /// Remembers an interrupted restore for [`Restores::take_recovering`].
    pub(super) fn note_recovering(&self, job: JobId) {
        self.0.recovering.lock().unwrap_or_else(PoisonError::into_inner).insert(job);
    }

    /// The interrupted restores, once. Any other journal belongs to a restore of this daemon.
    pub(super) fn take_recovering(&self) -> BTreeSet<JobId> {
        std::mem::take(&mut self.0.recovering.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps the application from being started.
    pub(super) fn raise_marker(&self, job: JobId) -> io::Result<()> {
        fsio::write_durably(&self.0.marker, marker_text(job).as_bytes(), 0o644)
    }

    /// Lets the application be started.
    pub(super) fn lift_marker(&self) -> io::Result<()> {
        fsio::remove_durably(&self.0.marker).map(drop)
    }

    fn lock_troubles(&self) -> MutexGuard<'_, BTreeMap<JobId, Trouble>> {
        self.0.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
