//! The catalog: what is known of backups, jobs and who did what, in one SQLite file. The only place that knows SQL.
//!
//! One transaction per fact: whatever changes a state takes the audit record with it, or does not happen. Backups can be
//! rebuilt from the store, so a damaged catalog is set aside, never repaired and never deleted. It must never hold
//! anything that a restore needs and the archives do not have. Methods block for as long as a disk write takes (async
//! callers go through `spawn_blocking`). Called by the store's rebuild, the jobs, the queue and the server.

mod audit;
mod backup;
mod column;
mod error;
mod find;
mod job;
mod open;
#[cfg(test)]
pub(crate) mod samples;
mod schema;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};
use uuid::Uuid;

pub use audit::{AuditError, AuditFilter};
pub use backup::{BackupFilter, BackupRecord, Hold, References};
pub use error::CatalogError;
pub use find::FindError;
pub use job::{
    BackupSpec, Job, JobEnd, JobError, JobFilter, JobOutcome, JobSpec, Lane, NewJob, PruneSpec, RestoreSpec, UndoSpec,
    VerifySpec,
};
pub use open::Opened;

use crate::audit::Entry;
use crate::failpoint;

/// A handle on the catalog. Clones share one connection; each method is one transaction.
#[derive(Clone, Debug)]
pub struct Catalog {
    connection: Arc<Mutex<Connection>>,
}

impl Catalog {
    /// The id of the store whose backups this catalog lists; `None` before the first store was opened.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn store_id(&self) -> Result<Option<Uuid>, CatalogError> {
        let text: Option<String> = self.read(|db| {
            Ok(db.query_row("SELECT value FROM meta WHERE name = 'store_id'", [], |row| row.get(0)).optional()?)
        })?;
        text.map(|text| text.parse().map_err(|_| CatalogError::BadMeta { name: "store_id", value: text })).transpose()
    }

    /// Notes the id of the store; from then on no other is accepted in its place.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn set_store_id(&self, id: Uuid, entry: &Entry) -> Result<(), CatalogError> {
        self.write(|tx| {
            tx.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('store_id', ?1)", [id.to_string()])?;
            audit::append(tx, entry)
        })
    }

    /// Moves what SQLite's log holds into the file itself, so that `catalog.db` alone is whole for whoever copies it while
    /// no daemon runs. Closing does the same, but only the last handle closes.
    ///
    /// # Errors
    /// [`CatalogError`]; then the log stays, and the next opening reads it.
    pub fn settle(&self) -> Result<(), CatalogError> {
        self.read(|db| Ok(db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_row| Ok(()))?))
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, CatalogError>) -> Result<T, CatalogError> {
        work(&self.lock())
    }

    fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, CatalogError>) -> Result<T, CatalogError> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        failpoint::pass("catalog.before_commit").map_err(CatalogError::Injected)?;
        transaction.commit()?;
        Ok(value)
    }

    /// A thread that panicked in here left a transaction that was rolled back when it unwound: the connection is sound.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
