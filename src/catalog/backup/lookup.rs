//! Finding and listing backups.

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Params, ToSql, params};

use super::BackupRecord;
use super::rows::{add_details, add_sources, backup_in};
use crate::catalog::column::ms;
use crate::catalog::find::{IdPrefix, MAX_CANDIDATES, only_one};
use crate::catalog::{Catalog, CatalogError, FindError};
use crate::model::{BackupId, Class, SourceName};

/// Which backups to list; the default is every available one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupFilter {
    /// The newest so many.
    pub limit: Option<u32>,
    /// That hold this source.
    pub source: Option<SourceName>,
    /// Of this class.
    pub class: Option<Class>,
    /// Begun at or after this time.
    pub since: Option<Timestamp>,
    /// Begun at or before this time.
    pub until: Option<Timestamp>,
    /// In whatever state, not only available.
    pub all: bool,
}

/// What a [`BackupFilter`] asks for.
const SELECTED: &str = "SELECT * FROM backups
    WHERE (:all OR state = 'available')
      AND (:class IS NULL OR class = :class)
      AND (:since IS NULL OR created_at_ms >= :since)
      AND (:until IS NULL OR created_at_ms <= :until)
      AND (:source IS NULL OR id IN (SELECT backup_id FROM backup_sources WHERE name = :source))
    ORDER BY created_at_ms DESC, id DESC LIMIT :limit";

impl BackupFilter {
    fn parameters(&self) -> [(&'static str, Value); 6] {
        [
            (":all", self.all.into()),
            (":class", self.class.map(|class| class.as_str().to_owned()).into()),
            (":since", self.since.map(ms).into()),
            (":until", self.until.map(ms).into()),
            (":source", self.source.as_ref().map(ToString::to_string).into()),
            (":limit", self.limit.map_or(-1, i64::from).into()),
        ]
    }
}

/// The newest available backup that a person asked for or a schedule took. Never a safety backup: what stood before a
/// restore is not what somebody means by `latest`.
const NEWEST: &str = "SELECT * FROM backups WHERE state = 'available' AND class = 'backup' AND created_at_ms <= ?1
    ORDER BY created_at_ms DESC, id DESC LIMIT 1";

impl Catalog {
    /// The backups that `filter` asks for, newest first.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn list_backups(&self, filter: &BackupFilter) -> Result<Vec<BackupRecord>, CatalogError> {
        self.select(filter, add_details)
    }

    /// The same for who lists them: without the archives that they need, of which there may be as many as backups.
    /// [`Catalog::references_of`] has what is to be told of these.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn list_backups_alone(&self, filter: &BackupFilter) -> Result<Vec<BackupRecord>, CatalogError> {
        self.select(filter, add_sources)
    }

    fn select(
        &self,
        filter: &BackupFilter,
        complete: impl Fn(&Connection, &mut BackupRecord) -> rusqlite::Result<()>,
    ) -> Result<Vec<BackupRecord>, CatalogError> {
        self.read(|db| {
            let mut statement = db.prepare_cached(SELECTED)?;
            let mut backups =
                statement.query_map(&named(&filter.parameters())[..], backup_in)?.collect::<Result<Vec<_>, _>>()?;
            for backup in &mut backups {
                complete(db, backup)?;
            }
            Ok(backups)
        })
    }

    /// The newest of the backups that `filter` asks for that `is_wanted`. It is asked without the backup's sources and the
    /// archives that it needs; those of one backup are read, however many there are.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn newest_that(
        &self,
        filter: &BackupFilter,
        is_wanted: impl Fn(&BackupRecord) -> bool,
    ) -> Result<Option<BackupRecord>, CatalogError> {
        self.read(|db| {
            let mut statement = db.prepare_cached(SELECTED)?;
            for backup in statement.query_map(&named(&filter.parameters())[..], backup_in)? {
                let mut backup = backup?;
                if is_wanted(&backup) {
                    add_details(db, &mut backup)?;
                    return Ok(Some(backup));
                }
            }
            Ok(None)
        })
    }

    /// The backup with this id.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchBackup`], or another.
    pub fn backup(&self, id: BackupId) -> Result<BackupRecord, CatalogError> {
        self.read(|db| one(db, "SELECT * FROM backups WHERE id = ?1", [id.to_string()]))?
            .ok_or(CatalogError::NoSuchBackup(id))
    }

    /// The backup that a person means by `wanted`: an id, a unique prefix of one, a file name, or `latest`.
    ///
    /// # Errors
    /// [`FindError`].
    pub fn find_backup(&self, wanted: &str) -> Result<BackupRecord, FindError> {
        if wanted == "latest" {
            return self.newest_backup(None);
        }
        if let Some(backup) = self.read(|db| one(db, "SELECT * FROM backups WHERE filename = ?1", [wanted]))? {
            return Ok(backup);
        }
        let Some(prefix) = IdPrefix::parse(wanted) else { return Err(not_found(wanted)) };
        if !prefix.is_long_enough() {
            return Err(FindError::TooShort { wanted: wanted.to_owned() });
        }
        let (first, behind) = prefix.range();
        let ids = self.read(|db| {
            let sql = "SELECT id FROM backups WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3";
            let mut statement = db.prepare_cached(sql)?;
            let ids = statement.query_map(params![first, behind, MAX_CANDIDATES], |row| row.get(0))?;
            Ok(ids.collect::<Result<Vec<String>, _>>()?)
        })?;
        let id = only_one("backup", wanted, ids)?;
        let found = self.read(|db| one(db, "SELECT * FROM backups WHERE id = ?1", [id]))?;
        found.ok_or_else(|| not_found(wanted))
    }

    /// The newest available backup (safety backups do not count) that began at or before `at`, or of all.
    ///
    /// # Errors
    /// [`FindError::NotFound`], or another.
    pub fn newest_backup(&self, at: Option<Timestamp>) -> Result<BackupRecord, FindError> {
        let found = self.read(|db| one(db, NEWEST, [at.map_or(i64::MAX, ms)]))?;
        found.ok_or_else(|| at.map_or_else(|| not_found("latest"), |at| FindError::NoneBefore { at }))
    }
}

pub(super) fn one(db: &Connection, sql: &str, parameters: impl Params) -> Result<Option<BackupRecord>, CatalogError> {
    let found = db.prepare_cached(sql)?.query_row(parameters, backup_in).optional()?;
    found
        .map(|mut backup| {
            add_details(db, &mut backup)?;
            Ok(backup)
        })
        .transpose()
}

fn named<'v>(parameters: &'v [(&'static str, Value)]) -> Vec<(&'static str, &'v dyn ToSql)> {
    parameters.iter().map(|(name, value)| (*name, value as &dyn ToSql)).collect()
}

fn not_found(wanted: &str) -> FindError {
    FindError::NotFound { noun: "backup", wanted: wanted.to_owned() }
}
