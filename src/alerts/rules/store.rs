//! The store itself, and what restores left unsettled.

use crate::alerts::condition::Condition;
use crate::alerts::state::State;
use crate::model::{EventKind, Severity};

/// The backups' disk is not there, or is another one.
pub(super) fn missing(state: &State) -> Vec<Condition> {
    let condition = |trouble: &String| {
        let next = "mount the backup disk";
        Condition::alert("store".to_owned(), EventKind::StoreMissing, Severity::Critical, trouble.clone(), next)
    };
    state.store.trouble.iter().map(condition).collect()
}

/// A restore is neither done nor taken back.
pub(super) fn unsettled(state: &State) -> Vec<Condition> {
    let condition = |trouble: &crate::job::Trouble| {
        // Its words name paths, which are for the log and the job.
        let message = format!("the restore by job {} is not settled: {}", trouble.job, trouble.unsettled.in_words());
        let next = format!("carelogctl job show {}; remove the cause, then restart carelogd", trouble.job);
        let key = format!("unsettled_restore/{}", trouble.job);
        Condition::alert(key, EventKind::UnsettledRestore, Severity::Critical, message, &next)
    };
    state.troubles.iter().map(condition).collect()
}

/// The loss of one disk would be the loss of both.
pub(super) fn on_the_same_disk(state: &State) -> Option<Condition> {
    let names: Vec<&str> = state.store.same_device_as.iter().map(|name| name.as_str()).collect();
    if names.is_empty() {
        return None;
    }
    let message = format!(
        "the backups lie on the same disk as {}: they protect from mistakes, not from the loss of that disk",
        names.join(", ")
    );
    let next = "put [backup] dir on another disk";
    Some(Condition::shown("same_disk".to_owned(), Severity::Notice, message, next))
}
