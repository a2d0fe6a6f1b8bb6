//! Finding and listing jobs.

use rusqlite::{Connection, OptionalExtension as _, Params, named_params, params};

use super::Job;
use super::rows::job_in;
use crate::catalog::find::{IdPrefix, MAX_CANDIDATES, only_one};
use crate::catalog::{Catalog, CatalogError, FindError};
use crate::model::{JobId, JobKind};

/// Which jobs to list; the default is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only those that wait or run.
    pub unfinished: bool,
    /// The newest so many.
    pub limit: Option<u32>,
}

impl Catalog {
    /// The jobs that `filter` asks for, newest first.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn list_jobs(&self, filter: &JobFilter) -> Result<Vec<Job>, CatalogError> {
        let sql = "SELECT * FROM jobs WHERE (NOT :unfinished OR state IN ('queued', 'running'))
            ORDER BY seq DESC LIMIT :limit";
        let parameters = named_params! {
            ":unfinished": filter.unfinished,
            ":limit": filter.limit.map_or(-1, i64::from),
        };
        self.read(|db| many(db, sql, parameters))
    }

    /// The newest `limit` jobs of a kind that ended, newest first.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn ended_jobs(&self, kind: JobKind, limit: u32) -> Result<Vec<Job>, CatalogError> {
        let sql = "SELECT * FROM jobs WHERE kind = ?1 AND finished_at_ms IS NOT NULL ORDER BY seq DESC LIMIT ?2";
        self.read(|db| many(db, sql, params![kind.as_str(), limit]))
    }

    /// The job with this id.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchJob`], or another.
    pub fn job(&self, id: JobId) -> Result<Job, CatalogError> {
        self.read(|db| by_id(db, id))
    }

    /// The job that a person means by `wanted`: an id or a unique prefix of one.
    ///
    /// # Errors
    /// [`FindError`].
    pub fn find_job(&self, wanted: &str) -> Result<Job, FindError> {
        let not_found = || FindError::NotFound { noun: "job", wanted: wanted.to_owned() };
        let prefix = IdPrefix::parse(wanted).ok_or_else(not_found)?;
        if !prefix.is_long_enough() {
            return Err(FindError::TooShort { wanted: wanted.to_owned() });
        }
        let (first, behind) = prefix.range();
        let sql = "SELECT * FROM jobs WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3";
        let mut jobs = self.read(|db| many(db, sql, params![first, behind, MAX_CANDIDATES]))?;
        only_one("job", wanted, jobs.iter().map(|job| job.id.to_string()).collect())?;
        Ok(jobs.remove(0))
    }
}

/// The jobs that `sql` selects.
pub(super) fn many(db: &Connection, sql: &str, parameters: impl Params) -> Result<Vec<Job>, CatalogError> {
    let mut statement = db.prepare_cached(sql)?;
    Ok(statement.query_map(parameters, job_in)?.collect::<Result<_, _>>()?)
}

/// The job with this id.
pub(super) fn by_id(db: &Connection, id: JobId) -> Result<Job, CatalogError> {
    let mut statement = db.prepare_cached("SELECT * FROM jobs WHERE id = ?1")?;
    statement.query_row([id.to_string()], job_in).optional()?.ok_or(CatalogError::NoSuchJob(id))
}
