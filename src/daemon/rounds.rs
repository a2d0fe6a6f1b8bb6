//! What the daemon looks at by itself: at every change of a job, when a schedule is due, and each minute.
//!
//! A round decides about the schedules, then writes `status.json`. What fails in it is logged and tried again by the next.
//! The minute is counted by a clock that nobody sets: a wall clock that jumps, and a machine that slept, are noticed within it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::queue::Queue;
use crate::scheduler::Scheduler;
use crate::server::StatusFile;
use crate::signals::Shutdown;

/// A round is never further away than this while the daemon runs, nor is `status.json` older.
const AT_LEAST_EVERY: Duration = Duration::from_secs(60);

/// What a round looks at.
#[derive(Clone, Debug)]
pub(super) struct Rounds {
    pub(super) scheduler: Arc<Scheduler>,
    pub(super) status: Arc<StatusFile>,
    pub(super) clock: Clock,
}

impl Rounds {
    /// Makes rounds until the daemon ends.
    pub(super) async fn make(self, queue: Arc<Queue>, shutdown: Shutdown) {
        let mut changes = queue.changes();
        // The first at once: something may have been missed while no daemon ran.
        let mut wait = Duration::ZERO;
        loop {
            tokio::select! {
                () = shutdown.token().cancelled() => return,
                // An error would mean that the queue is gone, and then so are we.
                _changed_or_late = tokio::time::timeout(wait, changes.changed()) => {}
            }
            changes.mark_unchanged();
            let round = self.clone();
            wait = match tokio::task::spawn_blocking(move || round.once()).await {
                Ok(next) => self.until(next),
                Err(panic) => {
                    tracing::error!(%panic, "a round of the daemon went wrong");
                    AT_LEAST_EVERY
                }
            };
        }
    }

    /// One round; when the next is wanted.
    fn once(&self) -> Option<Timestamp> {
        let next = self.scheduler.tick().unwrap_or_else(|error| {
            tracing::error!(%error, "the schedules could not be decided on; the next round tries again");
            None
        });
        self.status.write();
        next
    }

    /// How long to wait for a round that is wanted at `next`.
    fn until(&self, next: Option<Timestamp>) -> Duration {
        let wanted = next.and_then(|next| Duration::try_from(next.duration_since(self.clock.now())).ok());
        match (next, wanted) {
            (Some(_), None) => Duration::ZERO,
            (_, wanted) => wanted.unwrap_or(AT_LEAST_EVERY).min(AT_LEAST_EVERY),
        }
    }
}
