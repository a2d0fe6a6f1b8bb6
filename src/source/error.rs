//! Why a step on a source failed. Variants are what a job branches on; the text names the thing, the cause and the way out.

use std::io;
use std::path::PathBuf;

use super::postgres::PostgresError;
use crate::archive::{ReadError, WriteError};
use crate::model::Sha256;
use crate::progress::Cancelled;

/// What is wrong with a source itself.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nothing is there.
    #[error("{path} does not exist: is its file system mounted, and is the path in the configuration right?", path = path.display())]
    NotFound {
        /// The configured path.
        path: PathBuf,
    },
    /// Something else is there.
    #[error("{path} is {found}, not {wanted}: the configuration has to name what is to be backed up itself", path = path.display())]
    WrongType {
        /// The configured path.
        path: PathBuf,
        /// What is there, for example `a symbolic link`.
        found: &'static str,
        /// What should be there.
        wanted: &'static str,
    },
    /// A system call failed.
    #[error("{doing} {path}: {error}", path = path.display())]
    Io {
        /// What was tried, for example `reading`.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// How it failed.
        error: io::Error,
    },
    /// The file is complete and not JSON.
    #[error(
        "{path} is not JSON: {reason} at line {line}, column {column}; repair the file, or restore it from a backup",
        path = path.display()
    )]
    NotJson {
        /// The file.
        path: PathBuf,
        /// Line of the first fault, from 1.
        line: usize,
        /// Column of the first fault, from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// The file did not keep still long enough to be read whole.
    #[error("{path} was being written all the time for {seconds} s: no whole copy could be read; try again later", path = path.display())]
    Unsettled {
        /// The file.
        path: PathBuf,
        /// How long it was watched.
        seconds: u64,
    },
    /// It would be unsafe.
    #[error("{path}: {reason}", path = path.display())]
    Refused {
        /// The live place.
        path: PathBuf,
        /// Why, and what to do instead.
        reason: String,
    },
    /// A rule that cannot be understood.
    #[error("the exclude rule '{rule}' is not usable: {reason}")]
    BadRule {
        /// As configured.
        rule: String,
        /// Why.
        reason: String,
    },
    /// A database server, or one of its programs.
    #[error(transparent)]
    Postgres(PostgresError),
    /// Cancelled while it was waited for.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<PostgresError> for SourceError {
    fn from(error: PostgresError) -> Self {
        match error {
            PostgresError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Postgres(other),
        }
    }
}

/// Why a source could not be written to an archive.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The source is at fault; the archive is incomplete and has to be dropped.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The archive is at fault.
    #[error(transparent)]
    Write(WriteError),
    /// Cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<PostgresError> for SnapshotError {
    fn from(error: PostgresError) -> Self {
        Self::Source(error.into())
    }
}

impl From<WriteError> for SnapshotError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Write(other),
        }
    }
}

impl From<PostgresError> for StageError {
    fn from(error: PostgresError) -> Self {
        Self::Source(error.into())
    }
}

/// Why a restore point could not be laid out, compared or put in place.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The live place is at fault.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The archive could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The archive is damaged or lies: this member cannot be restored from it.
    #[error("{member} is damaged in the backup: {reason}; `carelogd extract` writes what is not")]
    Damaged {
        /// Path of the member.
        member: String,
        /// The chunk at fault, where one is.
        chunk: Option<Sha256>,
        /// What is wrong.
        reason: String,
    },
    /// The archive does not hold this source.
    #[error("the backup does not hold the source '{name}': `show` lists what it holds")]
    NotInBackup {
        /// The source.
        name: String,
    },
    /// The archive does not hold what was asked for.
    #[error("the backup does not hold {member}: `show` lists what it holds")]
    NoSuchMember {
        /// As asked for; control characters escaped.
        member: String,
    },
    /// What was written is not what was meant.
    #[error("{member}: {reason}")]
    Mismatch {
        /// Path of the member.
        member: String,
        /// What differs.
        reason: String,
    },
    /// A system call failed on the place being written.
    #[error("{doing} {path}: {error}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what; control characters escaped.
        path: String,
        /// How it failed.
        error: io::Error,
    },
    /// The exchange was made but may not outlive a power cut. Treat as made: undo it or sync again.
    #[error("the exchange at {path} was made but could not be made durable: {error}", path = path.display())]
    NotDurable {
        /// The live place.
        path: PathBuf,
        /// How it failed.
        error: io::Error,
    },
    /// Cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
