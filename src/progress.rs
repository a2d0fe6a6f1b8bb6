//! What a running job tells the outside, and how the outside stops it.
//!
//! A [`Progress`] is shared between the threads of a job (who count) and the server (who shows). Counting is a relaxed
//! atomic add: it must cost nothing per file. Cancellation is asked for with a token and seen at the next frame or file.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

/// The job was cancelled. Carried as an error through the layers so that each cleans up on its way out.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

/// One phase of a job with its times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// For example `verify`, `safety backup`, `stage`.
    pub name: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; `None` while it runs.
    pub finished_at: Option<Timestamp>,
}

/// A look at a job's progress at one moment. Totals are 0 while they are unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Name of the running phase; empty before the first.
    pub phase: String,
    /// Bytes of content done in this phase.
    pub done_bytes: u64,
    /// Bytes of content that the phase will do, 0 when unknown.
    pub total_bytes: u64,
    /// Files (entries) done in this phase.
    pub done_files: u64,
    /// Files that the phase will do, 0 when unknown.
    pub total_files: u64,
}

#[derive(Debug, Default)]
struct Counters {
    done_bytes: AtomicU64,
    total_bytes: AtomicU64,
    done_files: AtomicU64,
    total_files: AtomicU64,
    phases: Mutex<Vec<Phase>>,
}

/// Shared, cloneable progress of one job.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    counters: Arc<Counters>,
    cancel: CancellationToken,
}

impl Progress {
    /// Progress whose cancellation is governed by `cancel`.
    #[must_use]
    pub fn new(cancel: CancellationToken) -> Self {
        Self { counters: Arc::default(), cancel }
    }

    /// Ends the running phase, if any, and begins `name` with all counters at zero.
    pub fn begin_phase(&self, name: &str, now: Timestamp) {
        let mut phases = self.lock_phases();
        close_last(&mut phases, now);
        phases.push(Phase { name: name.to_owned(), started_at: now, finished_at: None });
        let c = &self.counters;
        for counter in [&c.done_bytes, &c.total_bytes, &c.done_files, &c.total_files] {
            counter.store(0, Ordering::Relaxed);
        }
    }

    /// Ends the running phase and returns all of them, in order.
    pub fn finish(&self, now: Timestamp) -> Vec<Phase> {
        let mut phases = self.lock_phases();
        close_last(&mut phases, now);
        phases.clone()
    }

    /// Says how much the running phase will do.
    pub fn expect(&self, bytes: u64, files: u64) {
        self.counters.total_bytes.store(bytes, Ordering::Relaxed);
        self.counters.total_files.store(files, Ordering::Relaxed);
    }

    /// Counts `bytes` of content as done.
    pub fn add_bytes(&self, bytes: u64) {
        self.counters.done_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts `files` entries as done.
    pub fn add_files(&self, files: u64) {
        self.counters.done_files.fetch_add(files, Ordering::Relaxed);
    }

    /// A look at the counters.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let c = &self.counters;
        Snapshot {
            phase: self.lock_phases().last().map(|p| p.name.clone()).unwrap_or_default(),
            done_bytes: c.done_bytes.load(Ordering::Relaxed),
            total_bytes: c.total_bytes.load(Ordering::Relaxed),
            done_files: c.done_files.load(Ordering::Relaxed),
            total_files: c.total_files.load(Ordering::Relaxed),
        }
    }

    /// All phases so far.
    #[must_use]
    pub fn phases(&self) -> Vec<Phase> {
        self.lock_phases().clone()
    }

    /// Returns [`Cancelled`] once cancellation was asked for; called at every frame and file.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn check_cancelled(&self) -> Result<(), Cancelled> {
        if self.cancel.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// The token that governs this job.
    #[must_use]
    pub const fn cancellation(&self) -> &CancellationToken {
        &self.cancel
    }

    /// The same counters for a part of the job that must not be cancelled any more, such as a swap that has begun.
    #[must_use]
    pub fn shielded(&self) -> Self {
        Self { counters: Arc::clone(&self.counters), cancel: CancellationToken::new() }
    }

    fn lock_phases(&self) -> std::sync::MutexGuard<'_, Vec<Phase>> {
        self.counters.phases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn close_last(phases: &mut [Phase], now: Timestamp) {
    if let Some(last) = phases.last_mut().filter(|p| p.finished_at.is_none()) {
        last.finished_at = Some(now);
    }
}
