//! The trash: backups that were removed and can still be taken back. Their rows stay, with what they need.

use jiff::Timestamp;
use rusqlite::params;

use super::rows::{add_details, backup_in};
use super::{BackupRecord, one_changed};
use crate::audit::Entry;
use crate::catalog::column::ms;
use crate::catalog::{Catalog, CatalogError, audit};
use crate::model::{BackupId, BackupState};

impl Catalog {
    /// Notes that the backup lies in the trash since `at`.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchBackup`], or another.
    pub fn trash_backup(&self, id: BackupId, at: Timestamp, entry: &Entry) -> Result<(), CatalogError> {
        let sql = "UPDATE backups SET state = 'trashed', trashed_at_ms = ?2 WHERE id = ?1";
        self.write(|tx| {
            one_changed(id, tx.execute(sql, params![id.to_string(), ms(at)])?)?;
            audit::append(tx, entry)
        })
    }

    /// Takes the backup out of the trash; it is `state` from then on.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchBackup`] when no such backup lies there, or another.
    pub fn take_back_backup(&self, id: BackupId, state: BackupState, entry: &Entry) -> Result<(), CatalogError> {
        let sql = "UPDATE backups SET state = ?2, trashed_at_ms = NULL WHERE id = ?1 AND state = 'trashed'";
        self.write(|tx| {
            one_changed(id, tx.execute(sql, params![id.to_string(), state.as_str()])?)?;
            audit::append(tx, entry)
        })
    }

    /// The backups in the trash, newest first.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn trashed_backups(&self) -> Result<Vec<BackupRecord>, CatalogError> {
        let sql = "SELECT * FROM backups WHERE state = 'trashed' ORDER BY created_at_ms DESC, id DESC";
        self.read(|db| {
            let mut statement = db.prepare_cached(sql)?;
            let mut backups = statement.query_map([], backup_in)?.collect::<Result<Vec<_>, _>>()?;
            for backup in &mut backups {
                add_details(db, backup)?;
            }
            Ok(backups)
        })
    }
}
