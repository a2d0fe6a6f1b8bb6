//! Whether each source has a backup that is recent enough, and as large as it should be.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::alerts::condition::Condition;
use crate::alerts::state::{SourceState, State};
use crate::alerts::words::{limit, size, span};
use crate::catalog::{BackupRecord, suspicious_key};
use crate::model::{EventKind, Severity};

/// A backup that is dated further ahead was taken while the clock was wrong.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// A source has no backup, or none that is recent enough.
pub(super) fn missing_backup(state: &State) -> Vec<Condition> {
    state.sources.iter().filter_map(|source| missing_of(state, source)).collect()
}

fn missing_of(state: &State, source: &SourceState) -> Option<Condition> {
    let missing_after = source.missing_after(state.missing_backup_after);
    let condition = |is_alert: bool, severity, message, next: &str| {
        let key = format!("missing_backup/{}", source.name);
        let event = is_alert.then_some(EventKind::MissingBackup);
        Some(Condition { event, ..Condition::shown(key, severity, message, next) })
    };
    let Some(newest) = &source.newest else {
        let message = format!("source '{}' has no usable backup", source.name);
        // Whoever has just configured it is about to back it up.
        let is_alert = since(source.known_since, state.now) > missing_after;
        return condition(is_alert, Severity::Critical, message, "carelogctl backup");
    };
    if newest.created_at > state.now.saturating_add(CLOCK_SKEW).unwrap_or(Timestamp::MAX) {
        return condition(true, Severity::Warning, from_the_future(source, newest), &correct_the_clock(newest));
    }
    let age = since(newest.created_at, state.now);
    let passed = [(source.rpo, "the objective is"), (missing_after, "the most that is allowed is")];
    let (passed, is) = passed.into_iter().find(|(limit, _)| age > *limit)?;
    let message = format!("the newest backup of source '{}' is {} old; {is} {}", source.name, span(age), limit(passed));
    condition(age > missing_after, Severity::Warning, message, "carelogctl backup")
}

fn from_the_future(source: &SourceState, newest: &BackupRecord) -> String {
    format!(
        "the newest backup of source '{}' claims to be from the future, so its age says nothing: {}",
        source.name, newest.filename
    )
}

fn correct_the_clock(newest: &BackupRecord) -> String {
    let id = newest.id;
    format!("look at the clock (date); if it is right, carelogctl backup, then carelogctl delete {id}")
}

/// A source's newest backup is far smaller than what was usual.
pub(super) fn fallen(state: &State) -> Vec<Condition> {
    let condition = |source: &SourceState| {
        let fallen = source.fallen.as_ref()?;
        let key = suspicious_key(&source.name);
        let number = |value: u64| match fallen.what.as_str() {
            "its size" => size(value),
            _ => value.to_string(),
        };
        let message = format!(
            "the newest backup of source '{}' is far smaller than was usual: {} fell from {} to {}; nothing that holds \
             this source expires meanwhile",
            source.name,
            fallen.what,
            number(fallen.usual),
            number(fallen.now),
        );
        let next = format!(
            "look at the live data; if it is right as it is: carelogctl alerts ack {key} -m REASON; if not: carelogctl \
             list --source {}",
            source.name
        );
        Some(Condition::alert(key, EventKind::SuspiciousBackup, Severity::Critical, message, &next))
    };
    state.sources.iter().filter_map(condition).collect()
}

/// None at all when `from` lies ahead of `to`.
fn since(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
