//! Backups that are damaged or gone.

use crate::alerts::condition::Condition;
use crate::alerts::state::State;
use crate::catalog::BackupRecord;
use crate::model::{BackupState, Class, EventKind, Severity};

/// A restore point that is kept is damaged, or its archive is not there.
pub(super) fn damaged(state: &State) -> Vec<Condition> {
    let condition = |backup: &BackupRecord| {
        let message = format!("{} is {}", backup.filename, backup.state);
        let id = backup.id;
        let next = if has_newer(state, backup) {
            format!("carelogctl verify {id}; if it cannot be mended, carelogctl delete {id}")
        } else {
            format!("carelogctl verify {id}; then carelogctl backup")
        };
        let key = format!("corruption/{}", backup.id);
        Condition::alert(key, EventKind::Corruption, Severity::Warning, message, &next)
    };
    let is_damaged = |backup: &&BackupRecord| matches!(backup.state, BackupState::Corrupt | BackupState::Missing);
    state.backups.iter().filter(is_damaged).map(condition).collect()
}

/// Whether each source of `backup` has a newer backup that can be restored.
fn has_newer(state: &State, backup: &BackupRecord) -> bool {
    let newer = || {
        let before = state.backups.iter().take_while(|other| other.id != backup.id);
        before.filter(|other| other.state == BackupState::Available && other.class == Class::Backup)
    };
    backup.sources.iter().all(|held| newer().any(|other| other.sources.iter().any(|o| o.name == held.name)))
}
