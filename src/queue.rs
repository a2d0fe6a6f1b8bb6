//! Claims jobs, runs them, records their ends.
//!
//! Two lanes, each a thread of its own: one job at a time in each, the lanes beside each other. What waits and what ran
//! stands in the catalog, so it survives the daemon; in memory there is only what cannot: threads, cancellation tokens,
//! progress, descriptors. The lanes sleep until something is enqueued. The queue alone runs jobs; it must never know
//! what a job of some kind does. Called by the server and the daemon.
//!
//! Every method but [`JobWatch`]'s blocks for as long as a catalog transaction takes.

mod lane;
mod state;
mod watch;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use watch::{JobUpdate, JobWatch};

use crate::audit::{Actor, Entry};
use crate::catalog::{Catalog, CatalogError, Job, Lane, NewJob};
use crate::clock::Clock;
use crate::job::Runner;
use crate::model::{JobId, JobState};
use crate::progress::Snapshot;
use state::Shared;

/// The queue. Dropped without [`Queue::shutdown`], it claims nothing more and lets the lanes end by themselves.
#[derive(Debug)]
pub struct Queue {
    shared: Arc<Shared>,
}

/// What became of a request to cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// It had not begun, and never will.
    AtOnce,
    /// It runs and was told; its watchers see when it ends.
    Asked,
    /// It had ended before.
    TooLate(JobState),
}

/// Why the queue did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The catalog could not be written.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The system has no thread left.
    #[error("starting the thread of the {lane} lane: {source}")]
    Thread {
        /// Which lane.
        lane: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// Why a job was not enqueued.
#[derive(Debug, thiserror::Error)]
pub enum EnqueueError {
    /// The daemon shuts down.
    #[error("carelogd is shutting down; ask again when it runs")]
    ShuttingDown,
    /// A restore into a directory needs one, and no other job takes one.
    #[error("a restore into a directory needs that directory's descriptor, and no other job takes one")]
    Directory,
    /// The catalog could not be written.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl Queue {
    /// Ends what an earlier daemon left running, then starts the lanes. Also returns the jobs that were interrupted.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(catalog: Catalog, clock: Clock, runner: Arc<dyn Runner>) -> Result<(Self, Vec<Job>), StartError> {
        let interrupted = catalog.mark_interrupted(clock.now())?;
        let shared = Arc::new(Shared::new(catalog, clock, runner));
        let queue = Self { shared };
        for lane in [Lane::Write, Lane::Read] {
            lane::spawn(&queue.shared, lane)?;
        }
        Ok((queue, interrupted))
    }

    /// Adds a job; its id is committed when this returns. `directory` is for a restore into one.
    ///
    /// # Errors
    /// [`EnqueueError`].
    pub fn enqueue(&self, job: &NewJob, actor: &Actor, directory: Option<OwnedFd>) -> Result<Job, EnqueueError> {
        if job.spec.needs_directory() != directory.is_some() {
            return Err(EnqueueError::Directory);
        }
        let mut state = self.shared.lock();
        if state.stopping {
            return Err(EnqueueError::ShuttingDown);
        }
        let enqueued = self.shared.catalog.enqueue(job, actor)?;
        if let Some(directory) = directory {
            state.directories.insert(job.id, directory);
        }
        state.arrivals += 1;
        self.shared.wake.notify_all();
        self.shared.tell_change();
        Ok(enqueued)
    }

    /// Calls `add`, which adds a job in a transaction of the catalog together with something else, or adds none; then has
    /// the lanes look.
    ///
    /// # Errors
    /// [`EnqueueError::ShuttingDown`], without a call; or that of `add`.
    pub fn add_within<T>(&self, add: impl FnOnce() -> Result<T, CatalogError>) -> Result<T, EnqueueError> {
        let mut state = self.shared.lock();
        if state.stopping {
            return Err(EnqueueError::ShuttingDown);
        }
        let added = add()?;
        state.arrivals += 1;
        self.shared.wake.notify_all();
        self.shared.tell_change();
        Ok(added)
    }

    /// Stops a job: one that waits at once, one that runs as soon as it looks at its token.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchJob`], or another.
    pub fn cancel(&self, id: JobId, actor: &Actor) -> Result<Cancel, CatalogError> {
        let Shared { catalog, clock, .. } = &*self.shared;
        // Held throughout, so that no lane claims the job in between.
        let mut state = self.shared.lock();
        if let Some(job) = catalog.cancel_queued(id, clock.now(), actor)? {
            state.directories.remove(&id);
            state.announce_end(id, job.state);
            self.shared.tell_change();
            return Ok(Cancel::AtOnce);
        }
        let Some(running) = state.running.get_mut(&id) else {
            return Ok(Cancel::TooLate(catalog.job(id)?.state));
        };
        catalog.record(&Entry::new(clock.now(), actor.clone(), "job.cancel", id))?;
        running.cancelled_on_request = true;
        running.progress.cancellation().cancel();
        Ok(Cancel::Asked)
    }

    /// Stops the backup or verification that runs where `job` is to run, so that it begins at once. Anything else is waited
    /// for: it cannot be repeated.
    ///
    /// # Errors
    /// [`CatalogError`]; `job` waits then.
    pub fn make_way(&self, job: &Job, actor: &Actor) -> Result<(), CatalogError> {
        let Shared { catalog, clock, .. } = &*self.shared;
        let mut state = self.shared.lock();
        let lane = job.spec.lane();
        for (id, running) in state.running.iter_mut().filter(|(_, running)| running.lane == lane && running.yields) {
            let entry = Entry::new(clock.now(), actor.clone(), "job.cancel", id).with("makes_way_for", job.id);
            catalog.record(&entry.because("a restore that was asked for with --now"))?;
            running.cancelled_on_request = true;
            running.makes_way_for = Some(job.id);
            running.progress.cancellation().cancel();
        }
        Ok(())
    }

    /// Follows a job. Of one that has ended, the end is delivered at once.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchJob`], or another.
    pub fn watch(&self, id: JobId) -> Result<JobWatch, CatalogError> {
        let mut state = self.shared.lock();
        if let Some(watch) = state.watch(id) {
            return Ok(watch);
        }
        let job = self.shared.catalog.job(id)?;
        Ok(state.begin_watch(id, job.state))
    }

    /// Tells whenever a job was enqueued, began or ended. What changed is in the catalog.
    #[must_use]
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// A look at the progress of a running job; `None` when it does not run.
    #[must_use]
    pub fn progress(&self, id: JobId) -> Option<Snapshot> {
        self.shared.lock().running.get(&id).map(|running| running.progress.snapshot())
    }

    /// Whether a job runs that was asked to stop.
    #[must_use]
    pub fn is_being_cancelled(&self, id: JobId) -> bool {
        self.shared.lock().running.get(&id).is_some_and(|running| running.cancelled_on_request)
    }

    /// Claims nothing more, stops what can be repeated, and gives the rest `grace` to end by itself. What still runs then
    /// is asked to stop, and gets the same time again to settle. Returns what runs nevertheless; the next start marks it
    /// interrupted. What waits stays queued.
    #[must_use]
    pub fn shutdown(&self, grace: Duration) -> Vec<JobId> {
        let mut state = self.shared.lock();
        state.stopping = true;
        self.shared.wake.notify_all();
        state.cancel_running(|running| running.repeatable);
        for last in [false, true] {
            let deadline = Instant::now() + grace;
            state = self.shared.wait_for_lanes(state, deadline);
            if last || state.lanes == 0 {
                break;
            }
            state.cancel_running(|_| true);
        }
        state.running.keys().copied().collect()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.wake.notify_all();
    }
}

#[cfg(test)]
mod tests;
