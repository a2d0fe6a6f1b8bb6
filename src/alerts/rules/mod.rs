//! What is wrong, one file per noun. Pure: each rule looks at a [`State`] and at nothing else.
//!
//! There is one list: the status shows all of it, and what has an event is an alert as long as it lasts.

mod backups;
mod catalog;
mod disk;
mod ended;
mod notices;
mod objectives;
mod running;
mod schedules;
mod sources;
mod store;
#[cfg(test)]
mod tests;

use super::condition::Condition;
use super::state::State;
use crate::model::Severity;

/// What is wrong, the worst first.
#[must_use]
pub fn conditions(state: &State) -> Vec<Condition> {
    let rules: [fn(&State) -> Vec<Condition>; 14] = [
        store::missing,
        store::unsettled,
        sources::missing_backup,
        sources::fallen,
        backups::damaged,
        catalog::unreadable,
        ended::backup_failed,
        ended::restore_failed,
        ended::others_failed,
        running::stalled,
        disk::low,
        schedules::skipped,
        notices::undelivered,
        objectives::missed,
    ];
    let mut found: Vec<Condition> = rules.iter().flat_map(|rule| rule(state)).collect();
    found.extend(disk::too_large(state));
    found.extend(catalog::full(state));
    found.extend(catalog::removal_waits(state));
    found.extend(catalog::expiry_waits(state));
    found.extend(schedules::absent(state));
    found.extend(store::on_the_same_disk(state));
    found.sort_by_key(|condition| std::cmp::Reverse(rank(condition.severity)));
    found
}

/// The higher, the worse.
pub(super) const fn rank(severity: Severity) -> u8 {
    match severity {
        Severity::Notice => 0,
        Severity::Warning => 1,
        Severity::Critical => 2,
    }
}
