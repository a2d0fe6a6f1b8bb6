//! Following a job from outside.
//!
//! Changes of state are pushed; the counters in between are looked at by whoever watches, as often as it likes, and cost
//! nothing when nobody does. A watcher that is slow misses steps, never the end.

use std::time::Duration;

use tokio::sync::watch;

use crate::model::JobState;
use crate::progress::{Progress, Snapshot};

/// Where a job is.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) state: JobState,
    pub(super) progress: Option<Progress>,
}

/// A look at a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobUpdate {
    /// Its state; a final one is in the catalog by now, with all that came of the job.
    pub state: JobState,
    /// Its progress; empty before it runs.
    pub snapshot: Snapshot,
}

/// Follows one job.
#[derive(Debug)]
pub struct JobWatch {
    stages: watch::Receiver<Stage>,
    begun: bool,
    ended: bool,
}

impl JobWatch {
    pub(super) const fn new(stages: watch::Receiver<Stage>) -> Self {
        Self { stages, begun: false, ended: false }
    }

    /// The next update: the first one at once, then whenever the state changes, and a look at the counters when `every`
    /// has passed without that. `None` after the one with the final state. May be dropped at any await.
    pub async fn next(&mut self, every: Duration) -> Option<JobUpdate> {
        if self.ended {
            return None;
        }
        if self.begun {
            // An error means that the queue is gone; the last stage is all there is to tell.
            if let Ok(Err(_)) = tokio::time::timeout(every, self.stages.changed()).await {
                self.ended = true;
            }
        }
        self.begun = true;
        let stage = self.stages.borrow_and_update().clone();
        self.ended |= stage.state.is_final();
        let snapshot = stage.progress.map(|progress| progress.snapshot()).unwrap_or_default();
        Some(JobUpdate { state: stage.state, snapshot })
    }
}
