//! Backups that are damaged or gone.

use crate::alerts::condition::Condition;
use crate::alerts::state::State;
use crate::catalog::BackupRecord;
use crate::model::{BackupState, EventKind, Severity};

/// A restore point that is kept is damaged, or its archive is not there.
pub(super) fn damaged(state: &State) -> Vec<Condition> {
    let condition = |backup: &BackupRecord| {
        let message = format!("{} is {}", backup.filename, backup.state);
        let next = format!("carelogctl verify {}; then carelogctl backup", backup.id);
        let key = format!("corruption/{}", backup.id);
        Condition::alert(key, EventKind::Corruption, Severity::Warning, message, &next)
    };
    let is_damaged = |backup: &&BackupRecord| matches!(backup.state, BackupState::Corrupt | BackupState::Missing);
    state.backups.iter().filter(is_damaged).map(condition).collect()
}
