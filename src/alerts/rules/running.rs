//! Jobs that do not get on.

use std::time::Duration;

use crate::alerts::condition::Condition;
use crate::alerts::state::{RunningJob, State};
use crate::alerts::words::span;
use crate::model::{EventKind, Severity};

/// A job whose phase and counters stand still for longer waits for something that does not come.
const STALLED_AFTER: Duration = Duration::from_mins(30);

/// A job has not got on for a while.
pub(super) fn stalled(state: &State) -> Vec<Condition> {
    let condition = |job: &RunningJob| {
        let message =
            format!("the {} job {} has not got on for {} (in '{}')", job.kind, job.id, span(STALLED_AFTER), job.phase);
        let next = format!("carelogctl job watch {}; carelogctl job cancel {}", job.id, job.id);
        let key = format!("stalled_job/{}", job.id);
        Condition::alert(key, EventKind::StalledJob, Severity::Warning, message, &next)
    };
    state.running.iter().filter(|job| job.unchanged_for >= STALLED_AFTER).map(condition).collect()
}
