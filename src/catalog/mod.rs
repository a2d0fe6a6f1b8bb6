//! The catalog: what is known of backups, jobs and who did what, in one SQLite file. The only place that knows SQL.
//!
//! One transaction per fact: whatever changes a state takes the audit record with it, or does not happen. Backups can be
//! rebuilt from the store, so a damaged catalog is set aside, never repaired and never deleted. It must never hold
//! anything that a restore needs and the archives do not have. Methods block for as long as a disk write takes (async
//! callers go through `spawn_blocking`). Called by the store's rebuild, the jobs,
//! the queue, the scheduler, the alerts and the server.

mod alert;
mod audit;
mod backup;
mod column;
mod error;
mod fallen;
mod find;
mod job;
mod meta;
mod open;
mod outbox;
mod retention;
#[cfg(test)]
pub(crate) mod samples;
mod schedule;
mod schema;
mod source;
mod store_days;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

pub use alert::{Acknowledgement, AlertChange, AlertRecord};
pub use audit::{AuditError, AuditFilter};
pub use backup::{BackupFilter, BackupRecord, Hold, Origin, References};
pub use error::CatalogError;
pub use fallen::suspicious_key;
pub use find::FindError;
pub use job::{
    BackupSpec, ExpireSpec, Job, JobEnd, JobError, JobFilter, JobOutcome, JobSpec, Lane, NewJob, PruneSpec,
    RestoreSpec, UndoSpec, VerifySpec,
};
pub use meta::{RemovalWaits, UnreadableArchive};
pub use open::Opened;
pub use outbox::{NewNotice, NoticesCount, OutboxRow};
pub use schedule::{Begun, DueRun, Missed, ScheduleDecision, SchedulePause, ScheduleState};
pub use source::KnownSources;

use crate::failpoint;
use crate::fsio::Reserve;

/// A handle on the catalog. Clones share one connection; each method is one transaction.
#[derive(Clone, Debug)]
pub struct Catalog {
    connection: Arc<Mutex<Connection>>,
    reserve: Reserve,
    /// The last change found the disk full, and the reserve did not help.
    is_full: Arc<AtomicBool>,
}

impl Catalog {
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

    /// Sets room aside beside the catalog, with which it goes on when the disk is full: nothing is removed without its being
    /// written down. To be called when there may be room again.
    pub fn make_reserve(&self) {
        self.reserve.make();
    }

    /// Whether the last change could not be written because the disk of the catalog is full.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    fn write<T>(&self, work: impl Fn(&Transaction<'_>) -> Result<T, CatalogError>) -> Result<T, CatalogError> {
        let written = match self.try_write(&work) {
            Err(error) if error.is_disk_full() && self.reserve.give_up() => self.try_write(&work),
            done => done,
        };
        let is_full = matches!(&written, Err(error) if error.is_disk_full());
        self.is_full.store(is_full, Ordering::Relaxed);
        if !is_full {
            return written;
        }
        let connection = self.lock();
        let dir = connection.path().and_then(|path| Path::new(path).parent()).unwrap_or(Path::new(".")).to_owned();
        let error = CatalogError::DiskFull { dir };
        tracing::error!("{error}");
        Err(error)
    }

    fn try_write<T>(&self, work: impl Fn(&Transaction<'_>) -> Result<T, CatalogError>) -> Result<T, CatalogError> {
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
