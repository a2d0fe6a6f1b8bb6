//! Which archives a backup needs, and which backups need an archive.
//!
//! A reference belongs to a restore point that is kept. When one is deleted while others need its archive, it is retained:
//! its row stays for the archive, its references go, and so does the row as soon as nobody needs the archive any more.

use std::collections::HashMap;

use rusqlite::{Connection, named_params, params};

use super::rows::{add_details, backup_in};
use super::{BackupRecord, one_changed};
use crate::audit::Entry;
use crate::catalog::column::{json, size, word};
use crate::catalog::{Catalog, CatalogError, audit};
use crate::model::{BackupId, BackupState};

/// The backups with which one is tied up by what lies where. Of each list a few are named; whoever lists thousands of
/// backups that build on each other would otherwise name millions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Some of the other archives that it needs, in the order of its restore point.
    pub needs: Vec<BackupId>,
    /// How many it needs.
    pub needs_count: u64,
    /// Some of the backups that need its archive, newest first.
    pub needed_by: Vec<BackupId>,
    /// How many need it.
    pub needed_by_count: u64,
}

/// So many are named in [`References`], for each of the two lists.
const NAMED: u32 = 50;

impl Catalog {
    /// How the backups of these ids are tied up with others; of one that is not there nothing is said. One query, which
    /// counts in the index.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn references_of(&self, ids: &[BackupId]) -> Result<HashMap<BackupId, References>, CatalogError> {
        let sql = "SELECT id,
                (SELECT count(*) FROM backup_archives WHERE backup_id = id) AS needs_count,
                (SELECT json_group_array(archive_id) FROM (SELECT archive_id FROM backup_archives
                    WHERE backup_id = id ORDER BY position LIMIT :named)) AS needs_json,
                (SELECT count(*) FROM backup_archives WHERE archive_id = id) AS needed_by_count,
                (SELECT json_group_array(backup_id) FROM (SELECT backup_id FROM backup_archives
                    WHERE archive_id = id ORDER BY backup_id DESC LIMIT :named)) AS needed_by_json
            FROM backups WHERE id IN (SELECT value FROM json_each(:ids))";
        let ids = serde_json::to_string(ids)?;
        self.read(|db| {
            let mut statement = db.prepare_cached(sql)?;
            let found = statement.query_map(named_params! { ":ids": ids, ":named": NAMED }, |row| {
                let references = References {
                    needs: json(row, "needs_json")?,
                    needs_count: size(row, "needs_count")?,
                    needed_by: json(row, "needed_by_json")?,
                    needed_by_count: size(row, "needed_by_count")?,
                };
                Ok((word(row, "id")?, references))
            })?;
            Ok(found.collect::<Result<_, _>>()?)
        })
    }

    /// How one backup is tied up with others.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn references(&self, id: BackupId) -> Result<References, CatalogError> {
        Ok(self.references_of(&[id])?.remove(&id).unwrap_or_default())
    }

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
            let changed =
                tx.execute("UPDATE backups SET state = ?2 WHERE id = ?1", params![id.to_string(), retained])?;
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
