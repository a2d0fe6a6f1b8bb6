//! What the lanes and the callers share.

use std::collections::HashMap;
use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::watch::{JobWatch, Stage};
use crate::catalog::{Catalog, Lane};
use crate::clock::Clock;
use crate::job::Runner;
use crate::model::{JobId, JobState};
use crate::progress::Progress;

/// Shared by the queue and its lanes. The state is locked before the catalog, never the other way round.
pub(super) struct Shared {
    pub(super) catalog: Catalog,
    pub(super) clock: Clock,
    pub(super) runner: Arc<dyn Runner>,
    state: Mutex<State>,
    /// Notified when something was enqueued, a lane ended, or the queue stops.
    pub(super) wake: Condvar,
    /// Counts what happened to jobs, for whoever follows them all.
    pub(super) changes: watch::Sender<u64>,
}

/// What is only in memory.
#[derive(Default)]
pub(super) struct State {
    /// Claim nothing more.
    pub(super) stopping: bool,
    /// How many jobs were enqueued: a lane that finds nothing sleeps until this has changed.
    pub(super) arrivals: u64,
    /// Lanes whose threads run.
    pub(super) lanes: usize,
    pub(super) running: HashMap<JobId, Running>,
    /// Where waiting restores `--to` will write.
    pub(super) directories: HashMap<JobId, OwnedFd>,
    watchers: HashMap<JobId, watch::Sender<Stage>>,
}

/// A job that runs.
pub(super) struct Running {
    pub(super) progress: Progress,
    pub(super) repeatable: bool,
    pub(super) lane: Lane,
    /// To a restore that is asked for with `--now`.
    pub(super) yields: bool,
    /// The restore for which it was stopped.
    pub(super) makes_way_for: Option<JobId>,
    /// A person asked for it to stop; otherwise it stops because the daemon does.
    pub(super) cancelled_on_request: bool,
}

impl Shared {
    pub(super) fn new(catalog: Catalog, clock: Clock, runner: Arc<dyn Runner>) -> Self {
        Self { catalog, clock, runner, state: Mutex::default(), wake: Condvar::new(), changes: watch::Sender::new(0) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whoever follows all jobs that one was enqueued, began or ended.
    pub(super) fn tell_change(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Sleeps until something was enqueued since `seen`, or the queue stops; no longer than `at_most`, where given.
    pub(super) fn wait_for_arrival<'a>(
        &self,
        state: MutexGuard<'a, State>,
        seen: u64,
        at_most: Option<Duration>,
    ) -> MutexGuard<'a, State> {
        let idle = |state: &mut State| state.arrivals == seen && !state.stopping;
        match at_most {
            None => self.wake.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner),
            Some(limit) => self.wake.wait_timeout_while(state, limit, idle).unwrap_or_else(PoisonError::into_inner).0,
        }
    }

    /// Sleeps until every lane has ended; no longer than `deadline`.
    pub(super) fn wait_for_lanes<'a>(&self, state: MutexGuard<'a, State>, deadline: Instant) -> MutexGuard<'a, State> {
        let limit = deadline.saturating_duration_since(Instant::now());
        let waited = self.wake.wait_timeout_while(state, limit, |state| state.lanes > 0);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl State {
    /// Another watch of a job that somebody watches or that runs.
    pub(super) fn watch(&self, id: JobId) -> Option<JobWatch> {
        self.watchers.get(&id).map(|sender| JobWatch::new(sender.subscribe()))
    }

    /// The first watch of a job that is in `state`.
    pub(super) fn begin_watch(&mut self, id: JobId, state: JobState) -> JobWatch {
        let (sender, receiver) = watch::channel(Stage { state, progress: None });
        if !state.is_final() {
            self.watchers.insert(id, sender);
        }
        JobWatch::new(receiver)
    }

    /// Tells the watchers that the job runs.
    pub(super) fn announce_start(&mut self, id: JobId, progress: Progress) {
        let stage = Stage { state: JobState::Running, progress: Some(progress) };
        let sender = self.watchers.entry(id).or_insert_with(|| watch::channel(stage.clone()).0);
        sender.send_replace(stage);
    }

    /// Tells the watchers that the job has ended, as the catalog says.
    pub(super) fn announce_end(&mut self, id: JobId, state: JobState) {
        if let Some(sender) = self.watchers.remove(&id) {
            sender.send_modify(|stage| stage.state = state);
        }
    }

    /// Asks running jobs to stop.
    pub(super) fn cancel_running(&self, which: impl Fn(&Running) -> bool) {
        for running in self.running.values().filter(|running| which(running)) {
            running.progress.cancellation().cancel();
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("catalog", &self.catalog).finish_non_exhaustive()
    }
}
