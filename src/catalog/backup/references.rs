//! Which archives a backup needs, and which backups need an archive.
//!
//! A reference belongs to a restore point that is kept. When one is deleted while others need its archive, it is retained:
//! its row stays for the archive, its references go, and so does the row as soon as nobody needs the archive any more.

use rusqlite::{Connection, params};

use super::rows::{add_details, backup_in};
use super::{BackupRecord, one_changed};
use crate::audit::Entry;
use crate::catalog::column::word;
use crate::catalog::{Catalog, CatalogError, audit};
use crate::model::{BackupId, BackupState};

impl Catalog {
    /// The backups that need the archive of backup `id`, newest first.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn needed_by(&self, id: BackupId) -> Result<Vec<BackupId>, CatalogError> {
        self.read(|db| needed_by(db, id))
    }

    /// Gives up the restore point of backup `id`, and keeps its archive for those that need it.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchBackup`], or another.
    pub fn retain_backup(&self, id: BackupId, entry: &Entry) -> Result<(), CatalogError> {
        self.write(|tx| {
            let retained = BackupState::Retained.as_str();
            let changed = tx.execute(
                "UPDATE backups SET state = ?2, trashed_at_ms = NULL WHERE id = ?1",
                params![id.to_string(), retained],
            )?;
            one_changed(id, changed)?;
            tx.execute("DELETE FROM backup_archives WHERE backup_id = ?1", [id.to_string()])?;
            audit::append(tx, entry)
        })
    }

    /// The retained backups whose archives nobody needs any more, newest first.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn unneeded_backups(&self) -> Result<Vec<BackupRecord>, CatalogError> {
        let sql = "SELECT * FROM backups WHERE state = 'retained'
              AND NOT EXISTS (SELECT 1 FROM backup_archives WHERE archive_id = backups.id)
            ORDER BY created_at_ms DESC, id DESC";
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

pub(super) fn needed_by(db: &Connection, id: BackupId) -> Result<Vec<BackupId>, CatalogError> {
    let sql = "SELECT backup_id FROM backup_archives WHERE archive_id = ?1 ORDER BY backup_id DESC";
    let mut statement = db.prepare_cached(sql)?;
    let ids = statement.query_map([id.to_string()], |row| word(row, "backup_id"))?;
    Ok(ids.collect::<Result<_, _>>()?)
}
