//! Jobs that ended and of which nobody was told.

use rusqlite::Connection;

use super::Job;
use super::lookup::many;
use crate::catalog::CatalogError;
use crate::model::JobId;

/// The oldest of them.
pub(in crate::catalog) fn jobs(db: &Connection) -> Result<Vec<Job>, CatalogError> {
    many(db, "SELECT * FROM jobs WHERE told = 0 AND finished_at_ms IS NOT NULL ORDER BY seq LIMIT 100", [])
}

/// Marks the job as told of; whether it was not before.
pub(in crate::catalog) fn mark(tx: &Connection, id: JobId) -> Result<bool, CatalogError> {
    let sql = "UPDATE jobs SET told = 1 WHERE id = ?1 AND told = 0 AND finished_at_ms IS NOT NULL";
    Ok(tx.execute(sql, [id.to_string()])? == 1)
}
