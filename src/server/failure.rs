//! How errors of the lower floors are told to a client.

use carelog_rpc::{ErrorCode as Code, ErrorReply};

use crate::catalog::{AuditError, CatalogError, FindError, JobError};
use crate::model::ErrorCode;
use crate::queue::EnqueueError;
use crate::store::{BeingRemoved, StoreError};

/// A failure on its way to the client.
#[derive(Debug)]
pub(super) struct Failure(pub(super) ErrorReply);

impl Failure {
    pub(super) fn new(code: Code, message: impl Into<String>, hint: &str) -> Self {
        Self(ErrorReply { hint: (!hint.is_empty()).then(|| hint.to_owned()), ..ErrorReply::new(code, message) })
    }
}

impl From<ErrorReply> for Failure {
    fn from(error: ErrorReply) -> Self {
        Self(error)
    }
}

impl From<JobError> for Failure {
    fn from(error: JobError) -> Self {
        Self(error_reply(&error))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        JobError::from(error).into()
    }
}

impl From<CatalogError> for Failure {
    fn from(error: CatalogError) -> Self {
        JobError::from(error).into()
    }
}

impl From<BeingRemoved> for Failure {
    fn from(error: BeingRemoved) -> Self {
        JobError::from(error).into()
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        JobError::from(error).into()
    }
}

impl From<FindError> for Failure {
    fn from(error: FindError) -> Self {
        match error {
            FindError::Catalog(error) => error.into(),
            FindError::NotFound { noun: "job", .. } => {
                Self::new(Code::NotFound, error.to_string(), "`carelogctl jobs --all` shows every job")
            }
            FindError::NotFound { noun: "alert", .. } => Self::new(
                Code::NotFound,
                error.to_string(),
                "`carelogctl alerts` shows those that fire, with their keys",
            ),
            FindError::NoneUsable { .. } => Self::new(
                Code::NotFound,
                error.to_string(),
                "`carelogctl list --all` shows them; `carelogctl restore BACKUP --partial` restores what is undamaged of one",
            ),
            FindError::NotFound { .. } | FindError::NoneBefore { .. } => {
                Self::new(Code::NotFound, error.to_string(), "`carelogctl list --all` shows every backup")
            }
            FindError::TooShort { .. } | FindError::Ambiguous { .. } => Self::new(Code::Usage, error.to_string(), ""),
        }
    }
}

impl From<EnqueueError> for Failure {
    fn from(error: EnqueueError) -> Self {
        match error {
            EnqueueError::ShuttingDown => Self::new(Code::Conflict, error.to_string(), ""),
            EnqueueError::Directory => Self::new(Code::Usage, error.to_string(), ""),
            EnqueueError::Catalog(error) => error.into(),
        }
    }
}

impl From<AuditError> for Failure {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Catalog(error) => error.into(),
            AuditError::Broken(broken) => Self::new(Code::Corruption, broken.to_string(), ""),
        }
    }
}

/// A job's error as the wire has it.
pub(super) fn error_reply(error: &JobError) -> ErrorReply {
    let code = match error.code {
        ErrorCode::Failed => Code::Failed,
        ErrorCode::Usage => Code::Usage,
        ErrorCode::NotFound => Code::NotFound,
        ErrorCode::NotPermitted => Code::NotPermitted,
        ErrorCode::Corruption => Code::Corruption,
        ErrorCode::Conflict => Code::Conflict,
        ErrorCode::Refused => Code::RefusedForSafety,
        ErrorCode::Cancelled => Code::Cancelled,
    };
    Failure::new(code, error.message.clone(), &error.hint).0
}
