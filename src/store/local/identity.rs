//! `.carelog-store`: which store a folder is.

use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::fsio;
use crate::store::StoreError;

/// Name of the file.
pub(super) const FILE_NAME: &str = ".carelog-store";

/// Content of the file. More fields may be added; an older program ignores them.
#[derive(Debug, Serialize, Deserialize)]
struct Identity {
    id: Uuid,
    created_at: Timestamp,
}

/// What stands in the place of a store.
enum Found {
    Store(Uuid),
    NoFolder,
    Empty,
    OtherFiles,
}

/// Makes sure that the folder is the store `expected`.
pub(super) fn require(dir: &Path, expected: Uuid) -> Result<(), StoreError> {
    let missing = |found| Err(StoreError::Missing { dir: dir.to_owned(), expected, found });
    match look(dir)? {
        Found::Store(id) if id == expected => Ok(()),
        Found::Store(id) => Err(StoreError::Foreign {
            dir: dir.to_owned(),
            found: format!("it is the store {id}, not {expected}"),
            advice: "mount the right disk, or give each daemon a folder of its own",
        }),
        Found::NoFolder => missing("there is no such folder"),
        Found::Empty => missing("the folder is empty"),
        Found::OtherFiles => missing("the folder has no .carelog-store"),
    }
}

/// The id of the store in the folder; made where the folder is absent or empty.
pub(super) fn read_or_create(dir: &Path, now: Timestamp) -> Result<Uuid, StoreError> {
    match look(dir)? {
        Found::Store(id) => Ok(id),
        Found::NoFolder | Found::Empty => create(dir, now),
        Found::OtherFiles => Err(StoreError::Foreign {
            dir: dir.to_owned(),
            found: "it holds other files and no .carelog-store".to_owned(),
            advice: "name an empty folder as backup.dir",
        }),
    }
}

fn create(dir: &Path, now: Timestamp) -> Result<Uuid, StoreError> {
    let failed = |source| StoreError::io("making the backup store", dir, source);
    fsio::create_private_dir(dir).map_err(failed)?;
    let identity = Identity { id: Uuid::now_v7(), created_at: now };
    let text = serde_json::to_vec(&identity).map_err(|error| failed(error.into()))?;
    fsio::write_durably(&dir.join(FILE_NAME), &text, 0o600).map_err(failed)?;
    Ok(identity.id)
}

fn look(dir: &Path) -> Result<Found, StoreError> {
    let path = dir.join(FILE_NAME);
    match std::fs::read(&path) {
        Ok(text) => match serde_json::from_slice::<Identity>(&text) {
            Ok(identity) => Ok(Found::Store(identity.id)),
            Err(error) => Err(StoreError::Foreign {
                dir: dir.to_owned(),
                found: format!("its .carelog-store is damaged: {error}"),
                advice: "put that file back from a copy of the store",
            }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => look_without_identity(dir),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(StoreError::Foreign {
            dir: dir.to_owned(),
            found: "it is not a folder".to_owned(),
            advice: "name a folder as backup.dir",
        }),
        Err(source) => Err(StoreError::io("reading", &path, source)),
    }
}

fn look_without_identity(dir: &Path) -> Result<Found, StoreError> {
    let failed = |source| StoreError::io("listing", dir, source);
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::NoFolder),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        // A fresh ext4 disk has a lost+found; a crash while the store was being made leaves a temporary file.
        if name != "lost+found" && !fsio::is_temporary(&name) {
            return Ok(Found::OtherFiles);
        }
    }
    Ok(Found::Empty)
}
