//! What the archives in a store say of themselves: with it a lost catalog is rebuilt, and an archive that was published
//! right before a crash is taken in.

use std::collections::HashMap;

use super::{ArchiveName, Store, StoreError, StoredArchive};
use crate::archive::ArchiveReader;
use crate::catalog::{BackupRecord, Hold};

/// What a look at the archives found.
#[derive(Debug, Default)]
pub struct Survey {
    /// The backups, by name of their archives.
    pub backups: Vec<BackupRecord>,
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

/// Reads the trailer of every archive for which `is_known` says no. Content is not read: verification does that.
///
/// # Errors
/// [`StoreError`] when the store itself cannot be listed; an archive that cannot be read is part of the result.
pub fn survey(store: &dyn Store, is_known: impl Fn(&ArchiveName) -> bool) -> Result<Survey, StoreError> {
    let mut survey = Survey::default();
    let mut names = HashMap::new();
    for stored in store.list()?.into_iter().filter(|stored| !is_known(&stored.name)) {
        match record_of(store, &stored) {
            Ok(backup) => {
                if let Some(first) = names.insert(backup.id, stored.name.clone()) {
                    let why = format!("it holds the same backup as '{first}'");
                    survey.unreadable.push(Unreadable { name: stored.name, why });
                } else {
                    survey.backups.push(backup);
                }
            }
            Err(why) => survey.unreadable.push(Unreadable { name: stored.name, why }),
        }
    }
    Ok(survey)
}

fn record_of(store: &dyn Store, stored: &StoredArchive) -> Result<BackupRecord, String> {
    let name = &stored.name;
    let file = store.open(name).map_err(|error| error.to_string())?;
    let reader = ArchiveReader::open(file).map_err(|error| error.to_string())?;
    // A damaged sidecar must not hide a sound archive: without a checksum it can still be verified by its chunks.
    let sha256 = store.checksum(name).unwrap_or_else(|error| {
        tracing::warn!(archive = %name, %error, "the checksum beside the archive cannot be used");
        None
    });
    let mut backup = BackupRecord::of_archive(reader.restore_point(), name.as_str(), stored.size_bytes, sha256);
    // Holds that cannot be read still hold.
    backup.holds = store.holds(name).unwrap_or_else(|error| {
        let why = format!("its holds cannot be read: {error}");
        vec![Hold { who: "carelogd".to_owned(), why, since: backup.created_at, until: None }]
    });
    Ok(backup)
}
