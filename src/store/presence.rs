//! What of the catalog's backups the store really holds, by names and sizes alone: no archive is opened.

use std::collections::HashMap;

use super::{Store, StoreError, StoredArchive};
use crate::catalog::BackupRecord;
use crate::model::{BackupId, BackupState, VerifyResult};

/// The archives of a store at one moment.
#[derive(Debug)]
pub struct Presence(HashMap<String, StoredArchive>);

impl Presence {
    /// Lists the store.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn of(store: &dyn Store) -> Result<Self, StoreError> {
        Ok(Self(store.list()?.into_iter().map(|stored| (stored.name.to_string(), stored)).collect()))
    }

    /// The states of `backups`, which are all that the catalog knows, by what is there: one of whose archives any is gone
    /// is missing, one of whose archives any has another size is corrupt, and one of which all have come back is what it
    /// was when it was last verified.
    #[must_use]
    pub fn states_of(&self, backups: &[BackupRecord]) -> Vec<BackupState> {
        let by_id: HashMap<BackupId, Archive> =
            backups.iter().map(|backup| (backup.id, self.archive_of(backup))).collect();
        let archive = |id: &BackupId| by_id.get(id).copied().unwrap_or(Archive::Gone);
        let worst = |backup: &BackupRecord| backup.needs.iter().map(archive).chain([archive(&backup.id)]).max();
        backups.iter().map(|backup| self.state_of(backup, worst(backup).unwrap_or(Archive::Whole))).collect()
    }

    /// What `backup` is worth outside of the trash in which it lies: available, corrupt or missing.
    #[must_use]
    pub fn state_outside_of_trash(&self, backup: &BackupRecord, needs: &[BackupRecord]) -> BackupState {
        let others = needs.iter().map(|other| self.archive_of(other));
        let worst = others.chain([self.archive_of(backup)]).max().unwrap_or(Archive::Whole);
        match worst {
            Archive::Whole if backup.verify_result != Some(VerifyResult::Failed) => BackupState::Available,
            Archive::Whole | Archive::Cut => BackupState::Corrupt,
            Archive::Gone => BackupState::Missing,
        }
    }

    /// Whether a mark beside this archive says that its backup lies in the trash.
    #[must_use]
    pub fn is_marked_as_trashed(&self, filename: &str) -> bool {
        self.0.get(filename).is_some_and(|stored| stored.is_trashed)
    }

    /// Whether an archive of this name is there.
    #[must_use]
    pub fn lists(&self, filename: &str) -> bool {
        self.0.contains_key(filename)
    }

    fn archive_of(&self, backup: &BackupRecord) -> Archive {
        match self.0.get(&backup.filename) {
            None => Archive::Gone,
            Some(stored) if stored.size_bytes != backup.size_bytes => Archive::Cut,
            Some(_) => Archive::Whole,
        }
    }

    fn state_of(&self, backup: &BackupRecord, archives: Archive) -> BackupState {
        let stored = self.0.get(&backup.filename);
        if stored.is_some_and(|stored| stored.is_retained) {
            return BackupState::Retained;
        }
        if stored.is_some_and(|stored| stored.is_trashed) {
            return BackupState::Trashed;
        }
        let before = match backup.state {
            // It was just being taken back.
            BackupState::Trashed if stored.is_some() => BackupState::Missing,
            state => state,
        };
        match (archives, before) {
            (Archive::Gone, BackupState::Available | BackupState::Corrupt) => BackupState::Missing,
            (Archive::Cut, BackupState::Available | BackupState::Missing) => BackupState::Corrupt,
            (Archive::Whole, BackupState::Missing) if backup.verify_result == Some(VerifyResult::Failed) => {
                BackupState::Corrupt
            }
            (Archive::Whole, BackupState::Missing) => BackupState::Available,
            (_, state) => state,
        }
    }
}

/// What is there of an archive; the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Archive {
    Whole,
    /// It has another size than it was written with.
    Cut,
    Gone,
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
    use crate::catalog::samples::{backup_id, restore_point};
    use crate::model::Class;
    use crate::store::ArchiveName;

    const NAME: &str = "backup_2025-10-29_14-30-00.tar";

    fn backup(state: BackupState, verify_result: Option<VerifyResult>) -> BackupRecord {
        let record = BackupRecord::of_archive(&restore_point(1), NAME, 100, None);
        BackupRecord { state, verify_result, ..record }
    }

    fn stored(name: &str, size_bytes: u64) -> StoredArchive {
        StoredArchive { name: name.parse().unwrap(), size_bytes, is_retained: false, is_trashed: false }
    }

    fn presence(stored: impl IntoIterator<Item = StoredArchive>) -> Presence {
        Presence(stored.into_iter().map(|stored| (stored.name.to_string(), stored)).collect())
    }

    #[test]
    fn what_is_there_decides_the_state() {
        use BackupState::{Available, Corrupt, Missing, Retained, Trashed};
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
            (None, Retained, None, Retained),
        ] {
            let presence = presence(there.map(|size| stored(NAME, size)));
            let states = presence.states_of(&[backup(before, verified)]);
            assert_eq!(states, [expected], "{there:?} {before} {verified:?}");
        }
    }

    #[test]
    fn what_becomes_of_an_archive_becomes_of_every_backup_that_needs_it() {
        use BackupState::{Available, Corrupt, Missing};
        let base = backup(Available, None);
        let child_name = ArchiveName::new(Class::Backup, restore_point(2).metadata.created_at, 1, ".tar");
        let child = BackupRecord::of_archive(&restore_point(2), child_name.as_str(), 7, None);
        let child = BackupRecord { needs: vec![base.id], ..child };
        let both = [base, child];
        let there = || stored(child_name.as_str(), 7);
        assert_eq!(presence([there()]).states_of(&both), [Missing, Missing]);
        assert_eq!(presence([stored(NAME, 99), there()]).states_of(&both), [Corrupt, Corrupt]);
        assert_eq!(presence([stored(NAME, 100), there()]).states_of(&both), [Available, Available]);
        assert_eq!(presence([stored(NAME, 100)]).states_of(&both), [Available, Missing]);
        let [_, mut orphan] = both;
        orphan.needs = vec![backup_id(77)];
        assert_eq!(presence([there()]).states_of(&[orphan]), [Missing], "an archive that nobody knows");
    }

    #[test]
    fn what_stands_beside_an_archive_makes_it_retained_whatever_the_catalog_says() {
        let mut stored = stored(NAME, 100);
        stored.is_retained = true;
        // Between the two marks of one whose time in the trash is over.
        stored.is_trashed = true;
        let presence = presence([stored]);
        assert_eq!(presence.states_of(&[backup(BackupState::Available, None)]), [BackupState::Retained]);
    }

    #[test]
    fn what_stands_beside_an_archive_puts_its_backup_into_the_trash_and_takes_it_back() {
        use BackupState::{Available, Corrupt, Missing, Trashed};
        let failed = Some(VerifyResult::Failed);
        for (is_trashed, size, before, verified, expected) in [
            (true, 100, Available, None, Trashed),
            (true, 99, Trashed, None, Trashed),
            (false, 100, Trashed, None, Available),
            (false, 100, Trashed, failed, Corrupt),
            (false, 99, Trashed, None, Corrupt),
        ] {
            let presence = presence([StoredArchive { is_trashed, ..stored(NAME, size) }]);
            assert_eq!(presence.states_of(&[backup(before, verified)]), [expected], "{is_trashed} {size} {before}");
        }
        let base = BackupRecord { id: backup_id(7), filename: "gone.tar".to_owned(), ..backup(Available, None) };
        let incremental = BackupRecord { needs: vec![base.id], ..backup(Trashed, None) };
        let presence = presence([stored(NAME, 100)]);
        assert_eq!(presence.states_of(&[incremental.clone(), base.clone()])[0], Missing);
        assert_eq!(presence.state_outside_of_trash(&incremental, &[base]), Missing);
        assert_eq!(presence.state_outside_of_trash(&incremental, &[]), Available);
    }
}
