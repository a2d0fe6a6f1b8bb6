//! What is looked at again and again: the alerts, and `status.json`.
//!
//! A round is gone at every change of a job, and each minute: an idle daemon wakes no more often. What fails in a round is
//! logged and tried again in the next one; it never ends the daemon.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::alerts::AlertWatch;
use crate::server::StatusFile;
use crate::signals::Shutdown;

/// Nothing is looked at less often, so that a jump of the clock or a suspend is noticed within a minute.
const EVERY: Duration = Duration::from_secs(60);

/// What a round goes through.
#[derive(Debug)]
pub(super) struct Rounds {
    alerts: Arc<AlertWatch>,
    status: StatusFile,
    /// When the alerts were last looked at: then there may be notices to deliver, and it is known whether all is well.
    looked_at: watch::Sender<Option<Timestamp>>,
}

impl Rounds {
    pub(super) fn new(alerts: Arc<AlertWatch>, status: StatusFile) -> Self {
        Self { alerts, status, looked_at: watch::Sender::default() }
    }

    /// Changes with each round that was gone to its end.
    pub(super) fn looked_at(&self) -> watch::Receiver<Option<Timestamp>> {
        self.looked_at.subscribe()
    }

    /// Goes one round. Blocks.
    pub(super) fn go(&self) {
        match self.alerts.look() {
            Ok(looked) => {
                self.status.write(&looked.state);
                self.looked_at.send_replace(Some(looked.state.now));
            }
            Err(error) => tracing::error!(%error, "the alerts could not be looked at; they are again in a minute"),
        }
    }
}

/// Goes rounds until the shutdown.
pub(super) async fn run(rounds: Arc<Rounds>, mut changes: watch::Receiver<u64>, shutdown: Shutdown) {
    loop {
        tokio::select! {
            () = shutdown.token().cancelled() => return,
            // An error would mean that the queue is gone, and then so are we.
            _changed_or_late = tokio::time::timeout(EVERY, changes.changed()) => {}
        }
        changes.mark_unchanged();
        let rounds = Arc::clone(&rounds);
        if let Err(panic) = tokio::task::spawn_blocking(move || rounds.go()).await {
            tracing::error!(%panic, "a round went wrong");
        }
    }
}
