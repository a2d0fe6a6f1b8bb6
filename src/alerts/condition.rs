//! Something that is wrong at a moment. An alert is the stored form of one.

use crate::model::{EventKind, Severity};

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What it is about, such as `missing_backup/data`: the same from its beginning to its end.
    pub key: String,
    /// What kind of thing it is; `None` for one that the status shows and nobody is alerted of.
    pub event: Option<EventKind>,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong and why. Names no file of a source.
    pub message: String,
    /// The next command or step; empty when there is none.
    pub next_step: String,
    /// The end of a job told of its beginning, so that only reminders and its own end are left to tell.
    pub is_told_by_job: bool,
}

impl Condition {
    /// One of which somebody is alerted.
    #[must_use]
    pub fn alert(key: String, event: EventKind, severity: Severity, message: String, next_step: &str) -> Self {
        let next_step = next_step.to_owned();
        Self { key, event: Some(event), severity, message, next_step, is_told_by_job: false }
    }

    /// One that only the status shows.
    #[must_use]
    pub fn shown(key: String, severity: Severity, message: String, next_step: &str) -> Self {
        Self { key, event: None, severity, message, next_step: next_step.to_owned(), is_told_by_job: false }
    }
}
