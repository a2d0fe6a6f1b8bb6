//! Backups: what is known of each, and the changes that their states go through.

mod lookup;
mod references;
mod rows;

use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

pub use lookup::BackupFilter;
pub use references::References;
pub(super) use rows::insert;

use super::column::ms;
use super::{Catalog, CatalogError, audit};
use crate::archive::{RestorePoint, SourceSummary};
use crate::audit::Entry;
use crate::model::{BackupId, BackupState, Class, JobId, Mode, Requester, Scope, Sha256, VerifyResult};

/// A named reason for which a backup may not be removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Who holds it: a user, or the job that pinned it.
    pub who: String,
    /// Why.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when; `None` for until it is released.
    pub until: Option<Timestamp>,
}

/// All that the catalog knows of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupRecord {
    /// Its id.
    pub id: BackupId,
    /// Name of its archive in the store.
    pub filename: String,
    /// Backup or safety backup.
    pub class: Class,
    /// What it covers.
    pub scope: Scope,
    /// Full or incremental.
    pub mode: Mode,
    /// The backup that an incremental builds on.
    pub parent_id: Option<BackupId>,
    /// The other archives in which content of its restore point lies, in the order of the archive; none when the restore
    /// point is gone.
    pub needs: Vec<BackupId>,
    /// When it began.
    pub created_at: Timestamp,
    /// When the last source was read.
    pub finished_at: Timestamp,
    /// Size of the archive in bytes.
    pub size_bytes: u64,
    /// Bytes of content of the restore point.
    pub raw_bytes: u64,
    /// Bytes of content that lie in this archive.
    pub new_bytes: u64,
    /// Files and streams in the restore point.
    pub files: u64,
    /// SHA-256 of the archive; `None` for one that was found in the store without its `.sha256`.
    pub sha256: Option<Sha256>,
    /// What the person who asked wrote down.
    pub description: String,
    /// What each source came to.
    pub sources: Vec<SourceSummary>,
    /// Who asked for it.
    pub requested_by: Requester,
    /// When all of it was last read and compared.
    pub verified_at: Option<Timestamp>,
    /// What that found.
    pub verify_result: Option<VerifyResult>,
    /// Why it may not be removed; the truth stands beside the archive in the store.
    pub holds: Vec<Hold>,
    /// What it is good for.
    pub state: BackupState,
    /// The job that made it; `None` when the catalog was rebuilt since.
    pub job_id: Option<JobId>,
}

impl BackupRecord {
    /// The record of an available backup, never verified and not held, from what its archive says of itself.
    #[must_use]
    pub fn of_archive(restore_point: &RestorePoint, filename: &str, size_bytes: u64, sha256: Option<Sha256>) -> Self {
        let RestorePoint { metadata, totals, .. } = restore_point;
        Self {
            id: metadata.id,
            filename: filename.to_owned(),
            class: metadata.class,
            scope: metadata.scope,
            mode: metadata.mode,
            parent_id: metadata.parent_id,
            needs: restore_point.archives.iter().copied().filter(|id| *id != metadata.id).collect(),
            created_at: metadata.created_at,
            finished_at: restore_point.finished_at,
            size_bytes,
            raw_bytes: totals.raw_bytes,
            new_bytes: totals.new_bytes,
            files: totals.files,
            sha256,
            description: metadata.description.clone(),
            sources: restore_point.sources.clone(),
            requested_by: metadata.requested_by.clone(),
            verified_at: None,
            verify_result: None,
            holds: Vec::new(),
            state: BackupState::Available,
            job_id: None,
        }
    }
}

impl Catalog {
    /// Adds a published backup that does not end its job, such as the safety backup inside a restore. One that ends its
    /// job goes in with it: [`Catalog::finish_job`].
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn insert_backup(&self, backup: &BackupRecord, entry: &Entry) -> Result<(), CatalogError> {
        self.write(|tx| {
            insert(tx, backup)?;
            audit::append(tx, entry)
        })
    }

    /// Adds those of `found`, read from the store's archives, that the catalog does not know, and returns how many. Fills
    /// a new catalog, and takes in an archive that was published right before the daemon was killed.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn rebuild_from(&self, found: &[BackupRecord], entry: &Entry) -> Result<usize, CatalogError> {
        self.write(|tx| {
            let mut added = 0;
            for backup in found {
                let known: bool = tx.query_row(
                    "SELECT EXISTS (SELECT 1 FROM backups WHERE id = ?1 OR filename = ?2)",
                    params![backup.id.to_string(), backup.filename],
                    |row| row.get(0),
                )?;
                if !known {
                    insert(tx, backup)?;
                    added += 1;
                }
            }
            audit::append(tx, &entry.clone().with("added", added))?;
            Ok(added)
        })
    }

    /// Notes that all of the backup was read, and what that found. One that failed is corrupt from then on; one that was
    /// corrupt or missing and passes is available again.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchBackup`], or another.
    pub fn set_verified(
        &self,
        id: BackupId,
        at: Timestamp,
        result: VerifyResult,
        entry: &Entry,
    ) -> Result<(), CatalogError> {
        let sql = match result {
            VerifyResult::Passed => {
                "UPDATE backups SET verified_at_ms = ?2, verify_result = ?3,
                 state = iif(state IN ('corrupt', 'missing'), 'available', state) WHERE id = ?1"
            }
            VerifyResult::Failed => {
                "UPDATE backups SET verified_at_ms = ?2, verify_result = ?3,
                 state = iif(state IN ('available', 'missing'), 'corrupt', state) WHERE id = ?1"
            }
        };
        self.write(|tx| {
            one_changed(id, tx.execute(sql, params![id.to_string(), ms(at), result.as_str()])?)?;
            audit::append(tx, entry)
        })
    }

    /// Changes the backup's state.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchBackup`], or another.
    pub fn set_backup_state(&self, id: BackupId, state: BackupState, entry: &Entry) -> Result<(), CatalogError> {
        self.update(id, "UPDATE backups SET state = ?2 WHERE id = ?1", state.as_str(), entry)
    }

    /// Mirrors the holds that now stand beside the archive in the store.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchBackup`], or another.
    pub fn set_holds(&self, id: BackupId, holds: &[Hold], entry: &Entry) -> Result<(), CatalogError> {
        self.update(id, "UPDATE backups SET holds_json = ?2 WHERE id = ?1", &serde_json::to_string(holds)?, entry)
    }

    /// Forgets the backup. In the order of removal this comes before the store removes its archive.
    ///
    /// # Errors
    /// [`CatalogError::Needed`] while any other backup needs its archive, [`CatalogError::NoSuchBackup`], or another.
    pub fn remove_backup(&self, id: BackupId, entry: &Entry) -> Result<(), CatalogError> {
        self.write(|tx| {
            if let Some(by) = references::needed_by(tx, id)?.first() {
                return Err(CatalogError::Needed { id, by: *by });
            }
            one_changed(id, tx.execute("DELETE FROM backups WHERE id = ?1", [id.to_string()])?)?;
            audit::append(tx, entry)
        })
    }

    fn update(&self, id: BackupId, sql: &str, value: &str, entry: &Entry) -> Result<(), CatalogError> {
        self.write(|tx: &rusqlite::Transaction<'_>| {
            let db: &Connection = tx;
            one_changed(id, db.execute(sql, params![id.to_string(), value])?)?;
            audit::append(tx, entry)
        })
    }
}

fn one_changed(id: BackupId, changed: usize) -> Result<(), CatalogError> {
    if changed == 1 { Ok(()) } else { Err(CatalogError::NoSuchBackup(id)) }
}

#[cfg(test)]
mod tests;
