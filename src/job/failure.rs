//! How errors of the lower floors end a job: the one place where they become codes.
//!
//! The message names the thing and the cause; the hint is the next step.

use std::io;

use crate::archive::verify::VerifyError;
use crate::archive::{ReadError, WriteError};
use crate::catalog::{CatalogError, JobError};
use crate::fsio::is_full;
use crate::model::ErrorCode;
use crate::progress::Cancelled;
use crate::source::postgres::PostgresError;
use crate::source::{SnapshotError, SourceError, StageError};
use crate::store::{BeingRemoved, StoreError};

/// A failure with its next step.
pub(super) fn failure(code: ErrorCode, message: impl std::fmt::Display, hint: &str) -> JobError {
    JobError { code, message: message.to_string(), hint: hint.to_owned() }
}

impl From<Cancelled> for JobError {
    fn from(cancelled: Cancelled) -> Self {
        failure(ErrorCode::Cancelled, cancelled, "nothing is left behind; ask for it again when it suits")
    }
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        let (code, hint) = match &error {
            StoreError::Missing { .. } => (ErrorCode::Refused, "mount the backup disk, then try again"),
            StoreError::Foreign { .. } => (ErrorCode::Refused, "look at [backup] dir in the configuration"),
            StoreError::Held { .. } => (ErrorCode::Refused, "`carelogctl release BACKUP -m REASON` ends its holds"),
            StoreError::NotFound(_) => (ErrorCode::NotFound, "`carelogctl list` shows what is there"),
            StoreError::BadSidecar { .. } => {
                (ErrorCode::Failed, "`carelogctl verify` shows whether the archive is whole")
            }
            StoreError::Io { source, .. } => (ErrorCode::Failed, hint_of(source)),
        };
        failure(code, error, hint)
    }
}

impl From<BeingRemoved> for JobError {
    fn from(error: BeingRemoved) -> Self {
        failure(ErrorCode::Conflict, error, "`carelogctl list` shows the others")
    }
}

impl From<CatalogError> for JobError {
    fn from(error: CatalogError) -> Self {
        let (code, hint) = match error {
            CatalogError::NoSuchBackup(_) | CatalogError::NoSuchJob(_) => {
                (ErrorCode::NotFound, "`carelogctl list --all` shows every backup")
            }
            CatalogError::NoSuchSchedule(_) => (ErrorCode::NotFound, "`carelogctl schedule list` shows every schedule"),
            CatalogError::DiskFull { .. } => {
                (ErrorCode::Failed, "nothing was changed: free space there (`df`), and try again")
            }
            CatalogError::Needed { .. } => (ErrorCode::Refused, "`carelogctl show BACKUP` tells who needs it"),
            _ => (ErrorCode::Failed, "look at the daemon's log: `journalctl -u carelogd`"),
        };
        failure(code, error, hint)
    }
}

impl From<SourceError> for JobError {
    fn from(error: SourceError) -> Self {
        let (code, hint) = match &error {
            SourceError::Cancelled(cancelled) => return (*cancelled).into(),
            SourceError::Refused { .. } => (ErrorCode::Refused, ""),
            SourceError::BadRule { .. } => (ErrorCode::Usage, "correct the source's exclude list in the configuration"),
            SourceError::Io { error, .. } => (ErrorCode::Failed, hint_of(error)),
            SourceError::Postgres(error) => of_postgres(error),
            SourceError::NotFound { .. }
            | SourceError::WrongType { .. }
            | SourceError::NotJson { .. }
            | SourceError::Unsettled { .. } => {
                (ErrorCode::Failed, "put it right, or leave it out meanwhile: `--source NAME` names the others")
            }
        };
        failure(code, error, hint)
    }
}

/// Most messages of PostgreSQL say what to do themselves.
fn of_postgres(error: &PostgresError) -> (ErrorCode, &'static str) {
    match error {
        PostgresError::Cancelled(_) => (ErrorCode::Cancelled, ""),
        PostgresError::Full { .. } | PostgresError::NotAccepting { .. } => (ErrorCode::Failed, ""),
        PostgresError::NotLoaded { .. } => (
            ErrorCode::Failed,
            "`restore --to DIR` writes the SQL out, to be changed and loaded by hand; or put right in the live database what the \
             server does not take, and back it up again",
        ),
        PostgresError::ToolsTooOld { .. } | PostgresError::Rights { .. } => (ErrorCode::Refused, ""),
        PostgresError::NoTools { .. }
        | PostgresError::User { .. }
        | PostgresError::NotRun { .. }
        | PostgresError::NoDatabase { .. } => (ErrorCode::Failed, "`carelogd check-config` shows what is configured"),
        PostgresError::Unreachable { .. }
        | PostgresError::Denied { .. }
        | PostgresError::Failed { .. }
        | PostgresError::TimedOut { .. }
        | PostgresError::Incomplete { .. }
        | PostgresError::Answer { .. } => (ErrorCode::Failed, "look at the database server's log, and try again"),
    }
}

impl From<WriteError> for JobError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Cancelled(cancelled) => cancelled.into(),
            WriteError::Archive(ref cause) => {
                let hint = hint_of(cause);
                failure(ErrorCode::Failed, error, hint)
            }
            other => failure(ErrorCode::Failed, other, ""),
        }
    }
}

impl From<SnapshotError> for JobError {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::Source(error) => error.into(),
            SnapshotError::Write(error) => error.into(),
            SnapshotError::Base { .. } => failure(
                ErrorCode::Corruption,
                error,
                "`backup --full` builds on no other; `verify` says what else is hurt",
            ),
            SnapshotError::Cancelled(cancelled) => cancelled.into(),
        }
    }
}

impl From<ReadError> for JobError {
    fn from(error: ReadError) -> Self {
        match &error {
            ReadError::Io(cause) => {
                let hint = hint_of(cause);
                failure(ErrorCode::Failed, error, hint)
            }
            ReadError::TooNew(_) => failure(ErrorCode::Failed, error, ""),
            ReadError::MissingArchive { .. } => failure(
                ErrorCode::Corruption,
                error,
                "bring its archive back into the backup directory; `carelogctl show BACKUP` lists all that are needed",
            ),
            ReadError::NotAnArchive(_) | ReadError::Damaged(_) | ReadError::MissingChunk(_) => failure(
                ErrorCode::Corruption,
                error,
                "`carelogctl verify BACKUP` names what is hurt; choose another backup",
            ),
        }
    }
}

impl From<VerifyError> for JobError {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Io(error) => ReadError::Io(error).into(),
            VerifyError::Cancelled(cancelled) => cancelled.into(),
        }
    }
}

impl From<io::Error> for JobError {
    fn from(error: io::Error) -> Self {
        let hint = hint_of(&error);
        failure(ErrorCode::Failed, error, hint)
    }
}

impl From<StageError> for JobError {
    fn from(error: StageError) -> Self {
        let (code, hint) = match error {
            StageError::Source(error) => return error.into(),
            StageError::Read(error) => return error.into(),
            StageError::Cancelled(cancelled) => return cancelled.into(),
            StageError::Damaged { .. } => (ErrorCode::Corruption, "choose another backup: `carelogctl list`"),
            StageError::NotInBackup { .. } | StageError::NoSuchMember { .. } => {
                (ErrorCode::NotFound, "`carelogctl show BACKUP` lists what it holds")
            }
            StageError::Io { error: ref cause, .. } if is_full(cause) => {
                (ErrorCode::Failed, "the disk of the live data is full: free space there and try again")
            }
            StageError::Io { error: ref cause, .. } => (ErrorCode::Failed, hint_of(cause)),
            StageError::Mismatch { .. } | StageError::NotDurable { .. } => (ErrorCode::Failed, ""),
        };
        failure(code, error, hint)
    }
}

/// The next step after an error of the system.
fn hint_of(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full: free space (`carelogctl delete` removes a backup; one with - under NEEDED BY in the list frees room at once) and try again"
        }
        io::ErrorKind::PermissionDenied => "carelogd runs without the right to do this: look at its unit and the owner",
        io::ErrorKind::ReadOnlyFilesystem => {
            "the file system is mounted read-only, perhaps after an error: look at dmesg"
        }
        _ => "look at the disk and at the daemon's log: `journalctl -u carelogd`",
    }
}
