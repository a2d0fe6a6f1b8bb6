//! What the retention plan asks of the catalog besides the backups.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};

use super::column::ms;
use super::job::{Job, many_jobs};
use super::{Catalog, CatalogError, audit};
use crate::audit::Entry;

/// Set when a catalog was rebuilt from the store's archives; milliseconds since 1970 UTC.
const WAITS: &str = "prune_waits_since_ms";

impl Catalog {
    /// Since when nothing expires by itself, because the catalog was rebuilt and nobody has looked at a plan since; `None`
    /// when nothing waits. What was verified, and which backup failed last, is not in the archives.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn prune_waits_since(&self) -> Result<Option<Timestamp>, CatalogError> {
        let text: Option<String> = self.read(|db| {
            Ok(db.query_row("SELECT value FROM meta WHERE name = ?1", [WAITS], |row| row.get(0)).optional()?)
        })?;
        let bad = |value: &str| CatalogError::BadMeta { name: WAITS, value: value.to_owned() };
        let parse = |text: String| {
            let milliseconds = text.parse().map_err(|_| bad(&text))?;
            Timestamp::from_millisecond(milliseconds).map_err(|_| bad(&text))
        };
        text.map(parse).transpose()
    }

    /// Somebody has looked at a plan and had it carried out: from now on backups expire by themselves again.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn end_prune_wait(&self, entry: &Entry) -> Result<(), CatalogError> {
        self.write(|tx| {
            tx.execute("DELETE FROM meta WHERE name = ?1", [WAITS])?;
            audit::append(tx, entry)
        })
    }

    /// The ended backup jobs, newest first: as many as `is_enough` wants to see.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn visit_ended_backups(&self, mut is_enough: impl FnMut(&Job) -> bool) -> Result<(), CatalogError> {
        const AT_ONCE: i64 = 64;
        let sql = "SELECT * FROM jobs WHERE kind = 'backup' AND finished_at_ms IS NOT NULL
            ORDER BY seq DESC LIMIT ?1 OFFSET ?2";
        for page in 0_i64.. {
            let jobs = self.read(|db| many_jobs(db, sql, [AT_ONCE, page * AT_ONCE]))?;
            if jobs.is_empty() || jobs.iter().any(&mut is_enough) {
                break;
            }
        }
        Ok(())
    }
}

/// Notes, as part of the transaction that rebuilds a catalog, that pruning waits for somebody.
pub(super) fn begin_prune_wait(tx: &Connection, since: Timestamp) -> Result<(), CatalogError> {
    tx.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", [WAITS.to_owned(), ms(since).to_string()])?;
    Ok(())
}
