//! What the catalog has to tell of itself, and of what it is not certain of.

use crate::alerts::condition::Condition;
use crate::alerts::state::State;
use crate::model::{EventKind, Severity};

/// Nothing can be written down.
pub(super) fn full(state: &State) -> Option<Condition> {
    let message = "the catalog cannot be written: the disk of the state folder is full".to_owned();
    let next = "free space there (df), then carelogctl backup";
    state.catalog.is_disk_full.then(|| Condition::shown("catalog/full".to_owned(), Severity::Critical, message, next))
}

/// An archive lies in the store, and nobody knows what is in it.
pub(super) fn unreadable(state: &State) -> Vec<Condition> {
    let condition = |filename: &String| {
        let message = format!("{filename} cannot be read: what is in it is not known");
        let next = "carelogctl verify --all says why; put a sound copy in its place";
        let key = format!("corruption/{filename}");
        Condition::alert(key, EventKind::Corruption, Severity::Warning, message, next)
    };
    state.catalog.unreadable.iter().map(condition).collect()
}

/// Nothing is removed unasked, because the catalog may not know everything that is needed.
pub(super) fn removal_waits(state: &State) -> Option<Condition> {
    let waits = state.catalog.removal_waits.as_ref()?;
    let message = format!("nothing is removed from the store by itself since {:.0}: {}", waits.since, waits.why);
    let next = "look that every archive is there (carelogctl list --all), then carelogctl verify --all";
    Some(Condition::shown("removal_waits".to_owned(), Severity::Warning, message, next))
}

/// Nothing expires by itself, because what was verified and what failed is not in the archives.
pub(super) fn expiry_waits(state: &State) -> Option<Condition> {
    let since = state.catalog.expiry_waits_since?;
    let message = format!("nothing expires by itself since the catalog was rebuilt from the archives, at {since:.0}");
    Some(Condition::shown("expiry_waits".to_owned(), Severity::Warning, message, "carelogctl prune"))
}
