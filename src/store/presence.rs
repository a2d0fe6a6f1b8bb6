//! What of the catalog's backups the store really holds, by names and sizes alone: no archive is opened.

use std::collections::HashMap;

use super::{Store, StoreError};
use crate::catalog::BackupRecord;
use crate::model::{BackupState, VerifyResult};

/// The archives of a store at one moment.
#[derive(Debug)]
pub struct Presence(HashMap<String, u64>);

impl Presence {
    /// Lists the store.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn of(store: &dyn Store) -> Result<Self, StoreError> {
        Ok(Self(store.list()?.into_iter().map(|stored| (stored.name.to_string(), stored.size_bytes)).collect()))
    }

    /// The state of `backup` by what is there: an archive that is gone is missing, one of another size is corrupt, and one
    /// that has come back is what it was when it was last verified.
    #[must_use]
    pub fn state_of(&self, backup: &BackupRecord) -> BackupState {
        match (self.0.get(&backup.filename), backup.state) {
            (None, BackupState::Available | BackupState::Corrupt) => BackupState::Missing,
            (Some(size), BackupState::Available | BackupState::Missing) if *size != backup.size_bytes => {
                BackupState::Corrupt
            }
            (Some(_), BackupState::Missing) if backup.verify_result == Some(VerifyResult::Failed) => {
                BackupState::Corrupt
            }
            (Some(_), BackupState::Missing) => BackupState::Available,
            (_, state) => state,
        }
    }
}

/// Whether the archive of `backup` lies in `store` at this moment, as large as it was. The catalog learns of one that was
/// removed by hand only when it is read or at the next start.
#[must_use]
pub fn is_present(store: &dyn Store, backup: &BackupRecord) -> bool {
    let size = |name| Some(store.open(&name).ok()?.metadata().ok()?.len());
    backup.filename.parse().ok().and_then(size) == Some(backup.size_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::samples::restore_point;

    fn backup(state: BackupState, verify_result: Option<VerifyResult>) -> BackupRecord {
        let record = BackupRecord::of_archive(&restore_point(1), "a", 100, None);
        BackupRecord { state, verify_result, ..record }
    }

    #[test]
    fn what_is_there_decides_the_state() {
        use BackupState::{Available, Corrupt, Missing, Trashed};
        let failed = Some(VerifyResult::Failed);
        for (there, before, verified, expected) in [
            (Some(100), Available, None, Available),
            (None, Available, None, Missing),
            (Some(99), Available, None, Corrupt),
            (None, Corrupt, failed, Missing),
            (Some(100), Corrupt, failed, Corrupt),
            (Some(100), Missing, None, Available),
            (Some(100), Missing, failed, Corrupt),
            (Some(101), Missing, None, Corrupt),
            (None, Trashed, None, Trashed),
        ] {
            let presence = Presence(there.map(|size| ("a".to_owned(), size)).into_iter().collect());
            assert_eq!(presence.state_of(&backup(before, verified)), expected, "{there:?} {before} {verified:?}");
        }
    }
}
