//! Room, where the archives and the daemon's state lie.

use crate::alerts::condition::Condition;
use crate::alerts::state::State;
use crate::alerts::words::size;
use crate::fsio::Space;
use crate::model::{EventKind, Severity};

/// What fires is over only when this much more is free (per cent of the whole), so that it does not come and go.
const HYSTERESIS: u64 = 2;

/// Little is left.
pub(super) fn low(state: &State) -> Vec<Condition> {
    let store = low_at(state, "low_disk/store", "where the backups lie", state.store.space);
    let own = low_at(state, "low_disk/state", "where the daemon keeps its state", state.state_space);
    store.into_iter().chain(own).collect()
}

fn low_at(state: &State, key: &str, place: &str, space: Option<Space>) -> Option<Condition> {
    let space = space.filter(|space| space.total_bytes > 0)?;
    let fires_below = state.low_disk.bytes_of(space.total_bytes);
    let more = if state.firing.contains(key) { space.total_bytes / 100 * HYSTERESIS } else { 0 };
    // No limit at all has no hysteresis either.
    if fires_below == 0 || space.free_bytes >= fires_below.saturating_add(more) {
        return None;
    }
    let percent = u128::from(space.free_bytes) * 100 / u128::from(space.total_bytes);
    let (severity, consequence) = if space.free_bytes < state.min_free.bytes_of(space.total_bytes) {
        (Severity::Critical, "; backups are refused for lack of room")
    } else {
        (Severity::Warning, "")
    };
    let message = format!("{place}, only {percent} % of {} are free{consequence}", size(space.total_bytes));
    let next = "carelogctl list --all; remove what is not needed, or give it a larger disk";
    Some(Condition::alert(key.to_owned(), EventKind::LowDisk, severity, message, next))
}

/// The archives take more than they may: nothing that a rule keeps is removed for that.
pub(super) fn too_large(state: &State) -> Option<Condition> {
    let most = state.max_total_bytes.filter(|most| state.store.bytes > *most)?;
    let message = format!(
        "the backups take {}, and max_total_size is {}; nothing that a rule keeps is removed for that",
        size(state.store.bytes),
        size(most)
    );
    let next = "keep less ([retention] in the configuration), or raise max_total_size";
    Some(Condition::alert("low_disk/max_total_size".to_owned(), EventKind::LowDisk, Severity::Warning, message, next))
}
