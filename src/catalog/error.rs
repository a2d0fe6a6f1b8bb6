//! What can go wrong in the catalog.

use std::io;
use std::path::PathBuf;

use crate::fsio;
use crate::model::{AlertId, BackupId, JobId, JobState};

/// Why the catalog did not do what was asked. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A newer program made it.
    #[error(
        "the catalog '{path}' has schema version {found}, this program knows versions up to {known}; \
         start the newer carelogd that wrote it"
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// It could not be opened, for a reason that is not damage.
    #[error("opening the catalog '{path}': {source}; it was left as it is")]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// Its file could not be made or moved.
    #[error("the catalog '{path}': {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// There is no room for what changed.
    #[error("the disk of the state folder {} is full: the catalog there cannot be written", dir.display())]
    DiskFull {
        /// The state folder.
        dir: PathBuf,
    },
    /// SQLite refused.
    #[error("the catalog: {0}")]
    Database(#[from] rusqlite::Error),
    /// A value could not be written as JSON.
    #[error("the catalog: a value that cannot be stored: {0}")]
    Unstorable(#[from] serde_json::Error),
    /// A setting of the catalog is not what this program writes.
    #[error("the catalog: '{value}' is no valid {name}")]
    BadMeta {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// There is no such backup.
    #[error("the catalog knows no backup {0}; `carelogctl list --all` shows every one")]
    NoSuchBackup(BackupId),
    /// Another backup needs its archive.
    #[error("the archive of backup {id} is needed by backup {by}")]
    Needed {
        /// The backup.
        id: BackupId,
        /// One that needs it.
        by: BackupId,
    },
    /// There is no such job.
    #[error("the catalog knows no job {0}; `carelogctl jobs --all` shows every one")]
    NoSuchJob(JobId),
    /// The job is not in the state that the change starts from.
    #[error("job {id} is {found}, not {expected}")]
    WrongState {
        /// The job.
        id: JobId,
        /// Where it would have to be.
        expected: JobState,
        /// Where it is.
        found: JobState,
    },
    /// There is no such alert, or it is over.
    #[error("no alert {0} fires; `carelogctl alerts` shows those that do")]
    NoSuchAlert(AlertId),
    /// No schedule of this name was ever configured.
    #[error("the catalog knows no schedule '{0}'")]
    NoSuchSchedule(String),
    /// A fail point asked for it.
    #[error("the catalog: {0}")]
    Injected(#[source] io::Error),
}

impl CatalogError {
    /// Whether there was no room for it.
    pub(super) fn is_disk_full(&self) -> bool {
        // To make SQLite's shared memory larger fails by an error of its own.
        const NO_ROOM_FOR_SHARED_MEMORY: i32 = rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
        match self {
            Self::Database(error) | Self::Open { source: error, .. } => {
                error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
                    || error.sqlite_error().is_some_and(|error| error.extended_code == NO_ROOM_FOR_SHARED_MEMORY)
            }
            Self::Io { source, .. } => fsio::is_full(source),
            _ => false,
        }
    }

    /// Whether the same change would be refused again, however long one waits.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Database(error) => error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation),
            Self::Unstorable(_) | Self::NoSuchBackup(_) | Self::NoSuchJob(_) | Self::NoSuchAlert(_) => true,
            Self::NoSuchSchedule(_) => true,
            Self::Needed { .. } | Self::WrongState { .. } => true,
            Self::TooNew { .. } | Self::Open { .. } | Self::Io { .. } | Self::DiskFull { .. } => false,
            Self::BadMeta { .. } | Self::Injected(_) => false,
        }
    }
}
