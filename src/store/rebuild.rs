//! What the archives in a store say of themselves: with it a lost catalog is rebuilt, and an archive that was published
//! right before a crash is taken in.

use std::collections::HashMap;
use std::fs::File;

use super::{ArchiveName, Store, StoreError, StoredArchive};
use crate::archive::{ArchiveReader, ReadError, RestorePoint};
use crate::catalog::{BackupRecord, Hold, UnreadableArchive};
use crate::model::{BackupState, VerifyResult};

/// What a look at the archives found.
#[derive(Debug, Default)]
pub struct Survey {
    /// The backups, by name of their archives.
    pub backups: Vec<BackupRecord>,
    /// The archives that hold the same backup as another one. They stay where they are.
    pub copies: Vec<ArchiveName>,
    /// The archives that tell nothing. They stay where they are.
    pub unreadable: Vec<Unreadable>,
}

/// An archive that does not say what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its name.
    pub name: ArchiveName,
    /// Why, for people.
    pub why: String,
}

impl Unreadable {
    /// As the catalog keeps it.
    #[must_use]
    pub fn for_catalog(&self) -> UnreadableArchive {
        UnreadableArchive { filename: self.name.to_string(), why: self.why.clone() }
    }
}

/// Reads the trailer of every archive for which `is_known` says no. Content is not read: verification does that.
///
/// # Errors
/// [`StoreError`] when the store itself cannot be listed; an archive that cannot be read is part of the result.
pub fn survey(store: &dyn Store, is_known: impl Fn(&ArchiveName) -> bool) -> Result<Survey, StoreError> {
    survey_reading(store, is_known, |file| {
        let archive = ArchiveReader::open_with_damaged_trailer(file)?;
        Ok((archive.restore_point().clone(), archive.trailer_damage().is_none()))
    })
}

fn survey_reading(
    store: &dyn Store,
    is_known: impl Fn(&ArchiveName) -> bool,
    read: impl Fn(File) -> Result<(RestorePoint, bool), ReadError>,
) -> Result<Survey, StoreError> {
    let mut survey = Survey::default();
    let mut names = HashMap::new();
    for stored in store.list()?.into_iter().filter(|stored| !is_known(&stored.name)) {
        match record_of(store, &stored, &read) {
            Ok(backup) => {
                if let Some(first) = names.insert(backup.id, stored.name.clone()) {
                    tracing::warn!("{} holds the same backup as '{first}' and is left alone", stored.name);
                    survey.copies.push(stored.name);
                } else {
                    survey.backups.push(backup);
                }
            }
            Err(why) => survey.unreadable.push(Unreadable { name: stored.name, why }),
        }
    }
    Ok(survey)
}

fn record_of(
    store: &dyn Store,
    stored: &StoredArchive,
    read: &impl Fn(File) -> Result<(RestorePoint, bool), ReadError>,
) -> Result<BackupRecord, String> {
    let name = &stored.name;
    let file = store.open(name).map_err(|error| error.to_string())?;
    let (restore_point, is_whole) = read(file).map_err(|error| error.to_string())?;
    // A damaged sidecar must not hide a sound archive: without a checksum it can still be verified by its chunks.
    let sha256 = store.checksum(name).unwrap_or_else(|error| {
        tracing::warn!(archive = %name, %error, "the checksum beside the archive cannot be used");
        None
    });
    let mut backup = BackupRecord::of_archive(&restore_point, name.as_str(), stored.size_bytes, sha256);
    if !is_whole {
        (backup.state, backup.verify_result) = (BackupState::Corrupt, Some(VerifyResult::Failed));
    }
    if stored.is_retained {
        (backup.state, backup.needs) = (BackupState::Retained, Vec::new());
    } else if stored.is_trashed
        && let Ok(Some(at)) = store.trashed_at(name)
    {
        (backup.state, backup.trashed_at) = (BackupState::Trashed, Some(at));
    }
    // Holds that cannot be read still hold.
    backup.holds = store.holds(name).unwrap_or_else(|error| {
        let why = format!("its holds cannot be read: {error}");
        vec![Hold { who: "carelogd".to_owned(), why, since: backup.created_at, until: None }]
    });
    Ok(backup)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Codec;
    use crate::catalog::samples;
    use crate::model::{Class, Sha256};
    use crate::store::LocalStore;
    use std::io::Write as _;

    /// Stands in for an archive: its restore point and nothing else.
    fn publish(store: &dyn Store, restore_point: &RestorePoint) -> ArchiveName {
        let bytes = serde_json::to_vec(restore_point).unwrap();
        publish_bytes(store, restore_point, &bytes)
    }

    fn publish_bytes(store: &dyn Store, restore_point: &RestorePoint, bytes: &[u8]) -> ArchiveName {
        let partial = store.create(Class::Backup, restore_point.metadata.created_at, Codec::None).unwrap();
        partial.file().unwrap().write_all(bytes).unwrap();
        store.publish(partial, Sha256::of(bytes)).unwrap()
    }

    fn read(file: File) -> Result<(RestorePoint, bool), ReadError> {
        let read = serde_json::from_reader(file).map_err(|error| ReadError::NotAnArchive(error.to_string()));
        Ok((read?, true))
    }

    #[test]
    fn a_survey_tells_all_that_the_catalog_knew_and_leaves_what_it_cannot_read() {
        let dir = tempfile::TempDir::new().unwrap();
        let store = LocalStore::open(&dir.path().join("store"), None, samples::time(0)).unwrap();
        let restore_points = [samples::restore_point(1), samples::restore_point(2)];
        let names: Vec<_> = restore_points.iter().map(|point| publish(&store, point)).collect();
        let held = samples::hold("audit of 2025");
        store.set_holds(&names[1], std::slice::from_ref(&held)).unwrap();
        let copy = publish(&store, &restore_points[0]);
        let damaged = publish_bytes(&store, &samples::restore_point(3), b"torn");

        let survey = survey_reading(&store, |_| false, read).unwrap();

        let expected: Vec<_> = (0..2)
            .map(|n| {
                let bytes = serde_json::to_vec(&restore_points[n]).unwrap();
                let size = u64::try_from(bytes.len()).unwrap();
                BackupRecord::of_archive(&restore_points[n], names[n].as_str(), size, Some(Sha256::of(&bytes)))
            })
            .collect();
        assert_eq!(survey.backups[0], expected[0]);
        assert_eq!(survey.backups[1], BackupRecord { holds: vec![held], ..expected[1].clone() });
        let unreadable: Vec<_> = survey.unreadable.iter().map(|u| u.name.clone()).collect();
        assert_eq!((survey.copies, unreadable), (vec![copy], vec![damaged]));
        assert_eq!(store.list().unwrap().len(), 4, "nothing is removed");
    }

    #[test]
    fn a_survey_finds_the_trash_and_what_it_needs() {
        let dir = tempfile::TempDir::new().unwrap();
        let store = LocalStore::open(&dir.path().join("store"), None, samples::time(0)).unwrap();
        let mut incremental = samples::restore_point(2);
        incremental.archives.push(samples::backup_id(1));
        let name = publish(&store, &incremental);
        store.set_trashed(&name, Some(samples::time(9))).unwrap();
        let survey = survey_reading(&store, |_| false, read).unwrap();
        let found = &survey.backups[0];
        assert_eq!((found.state, found.trashed_at), (BackupState::Trashed, Some(samples::time(9))));
        assert_eq!(found.needs, [samples::backup_id(1)], "so that it can be taken back");
    }

    #[test]
    fn a_survey_leaves_out_what_is_known() {
        let dir = tempfile::TempDir::new().unwrap();
        let store = LocalStore::open(&dir.path().join("store"), None, samples::time(0)).unwrap();
        let known = publish(&store, &samples::restore_point(1));
        publish(&store, &samples::restore_point(2));
        let survey = survey_reading(&store, |name| *name == known, read).unwrap();
        assert_eq!(survey.backups.len(), 1);
        assert_eq!(survey.backups[0].id, samples::restore_point(2).metadata.id);
    }

    #[test]
    fn holds_that_cannot_be_read_still_hold_and_a_bad_checksum_hides_nothing() {
        let dir = tempfile::TempDir::new().unwrap();
        let store = LocalStore::open(&dir.path().join("store"), None, samples::time(0)).unwrap();
        let name = publish(&store, &samples::restore_point(1));
        for ending in ["hold", "sha256"] {
            std::fs::write(store.dir().join(format!("{name}.{ending}")), "garbage").unwrap();
        }
        let survey = survey_reading(&store, |_| false, read).unwrap();
        assert_eq!(survey.backups[0].holds.len(), 1);
        assert_eq!(survey.backups[0].sha256, None);
    }

    #[test]
    fn what_is_no_archive_is_reported_and_stays() {
        let dir = tempfile::TempDir::new().unwrap();
        let store = LocalStore::open(&dir.path().join("store"), None, samples::time(0)).unwrap();
        let name = publish_bytes(&store, &samples::restore_point(1), b"not a tar");
        let survey = survey(&store, |_| false).unwrap();
        assert!(survey.backups.is_empty());
        assert_eq!(survey.unreadable[0].name, name);
        store.open(&name).unwrap();
    }
}
