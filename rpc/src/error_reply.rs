//! A refusal or a failure, in the three parts in which every error is told.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::words::ErrorCode;

/// Why something was not done: what happened, why, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReply {
    /// Its class; exit codes follow from it.
    pub code: ErrorCode,
    /// What happened, naming the thing.
    pub message: String,
    /// Why, where it is known.
    pub cause: Option<String>,
    /// What to do next, where there is advice.
    pub hint: Option<String>,
}

impl ErrorReply {
    /// An error that has only a message so far.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), cause: None, hint: None }
    }

    /// Adds why.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for ErrorReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(cause) = &self.cause {
            write!(f, ": {cause}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for ErrorReply {}
