//! What should have happened by itself.

use crate::alerts::condition::Condition;
use crate::alerts::state::{SkippedRun, State};
use crate::alerts::words::at;
use crate::model::{EventKind, Severity};

/// The latest time that a schedule was due, it did not run.
pub(super) fn skipped(state: &State) -> Vec<Condition> {
    let condition = |skipped: &SkippedRun| {
        let message = format!(
            "schedule '{}' did not run when it was due at {}: {}",
            skipped.schedule,
            at(skipped.at),
            skipped.why
        );
        let key = format!("schedule_skipped/{}", skipped.schedule);
        let next = format!("carelogctl schedule run {}", skipped.schedule);
        Condition::alert(key, EventKind::ScheduleSkipped, Severity::Warning, message, &next)
    };
    state.outlook.iter().flat_map(|outlook| &outlook.skipped).map(condition).collect()
}

/// Nothing backs up a source by itself.
pub(super) fn absent(state: &State) -> Vec<Condition> {
    let Some(outlook) = &state.outlook else { return Vec::new() };
    let next = "carelogctl schedule list; add a [[schedule]] to the configuration";
    if !outlook.is_any {
        let message = "there is no schedule: backups are taken only when somebody asks for one".to_owned();
        return vec![Condition::shown("no_schedule".to_owned(), Severity::Notice, message, next)];
    }
    let is_left_out = |name: &&crate::model::SourceName| !outlook.next_backups.contains_key(*name);
    let left_out = state.sources.iter().map(|source| &source.name).filter(is_left_out);
    left_out
        .map(|name| {
            let message = format!("no schedule backs up source '{name}', or only one that is paused");
            Condition::shown(format!("no_schedule/{name}"), Severity::Notice, message, next)
        })
        .collect()
}
