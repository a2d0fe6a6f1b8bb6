//! What the daemon looks at by itself: at every change of a job, when a schedule is due, and each minute.
//!
//! A round decides about the schedules, looks at the alerts, and writes `status.json`. What fails in it is logged and
//! tried again by the next; it never ends the daemon. The minute is counted by a clock that nobody sets: a wall clock that
//! jumps, and a machine that slept, are noticed within it. An idle daemon wakes no more often.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::alerts::AlertWatch;
use crate::clock::Clock;
use crate::scheduler::Scheduler;
use crate::server::StatusFile;
use crate::signals::Shutdown;

/// A round is never further away than this while the daemon runs, nor is `status.json` older.
const AT_LEAST_EVERY: Duration = Duration::from_secs(60);

/// What a round looks at.
#[derive(Debug)]
pub(super) struct Rounds {
    scheduler: Arc<Scheduler>,
    alerts: Arc<AlertWatch>,
    status: StatusFile,
    /// What was last seen: then there may be notices to deliver, and it is known whether all is well.
    seen: watch::Sender<Option<Seen>>,
    clock: Clock,
}

/// What a round has seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// When.
    pub(super) at: Timestamp,
    /// Whether each source has a backup that can be restored.
    pub(super) is_protected: bool,
}

impl Rounds {
    pub(super) fn new(scheduler: Arc<Scheduler>, alerts: Arc<AlertWatch>, status: StatusFile, clock: Clock) -> Self {
        Self { scheduler, alerts, status, seen: watch::Sender::default(), clock }
    }

    /// Changes with each round in which the alerts were looked at.
    pub(super) fn seen(&self) -> watch::Receiver<Option<Seen>> {
        self.seen.subscribe()
    }

    /// Makes one round; when the next is wanted. Blocks.
    pub(super) fn go(&self) -> Option<Timestamp> {
        let next = self.scheduler.tick().unwrap_or_else(|error| {
            tracing::error!(%error, "the schedules could not be decided on; the next round tries again");
            None
        });
        match self.alerts.look() {
            Ok(looked) => {
                self.status.write(&looked.state);
                let is_protected = looked.state.sources.iter().all(|source| source.newest.is_some());
                self.seen.send_replace(Some(Seen { at: looked.state.now, is_protected }));
            }
            Err(error) => tracing::error!(%error, "the alerts could not be looked at; they are again in a minute"),
        }
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

/// Makes rounds until the daemon ends.
pub(super) async fn make(rounds: Arc<Rounds>, mut changes: watch::Receiver<u64>, shutdown: Shutdown) {
    // The first at once: something may have been missed while no daemon ran.
    let mut wait = Duration::ZERO;
    loop {
        tokio::select! {
            () = shutdown.token().cancelled() => return,
            // An error would mean that the queue is gone, and then so are we.
            _changed_or_late = tokio::time::timeout(wait, changes.changed()) => {}
        }
        changes.mark_unchanged();
        let round = Arc::clone(&rounds);
        wait = match tokio::task::spawn_blocking(move || round.go()).await {
            Ok(next) => rounds.until(next),
            Err(panic) => {
                tracing::error!(%panic, "a round of the daemon went wrong");
                AT_LEAST_EVERY
            }
        };
    }
}
