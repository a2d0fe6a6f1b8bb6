//! What somebody is told, before it becomes a mail or a document for a webhook. Kept in the outbox as JSON.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::{EventKind, Severity};

/// What became of the thing that a notice tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// It happened: a job ended.
    Happened,
    /// A condition began.
    Fired,
    /// It still lasts.
    Reminder,
    /// It is over.
    Resolved,
    /// Somebody tries whether notices arrive.
    Test,
}

impl Occasion {
    /// The word, as documents have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Happened => "happened",
            Self::Fired => "fired",
            Self::Reminder => "reminder",
            Self::Resolved => "resolved",
            Self::Test => "test",
        }
    }

    /// Whether it is a stage of something that lasts, of which the newest stage says all.
    #[must_use]
    pub const fn is_stage(self) -> bool {
        matches!(self, Self::Fired | Self::Reminder | Self::Resolved)
    }
}

/// A line of facts, such as `Size: 1.4 GiB`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What it is.
    pub label: String,
    /// Its value, in words for people.
    pub value: String,
}

/// What somebody is told. Names no file of a source: mail is read by more people than backups are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The same for every recipient and every attempt, so that one that arrives twice can be told.
    pub id: Uuid,
    /// The key of the alert that it tells of: a later notice with the same key to the same recipient says what became of
    /// it. Empty for one that stands for itself, such as a job's end or several alerts at once.
    pub key: String,
    /// What it is about.
    pub event: EventKind,
    /// What became of it.
    pub occasion: Occasion,
    /// How bad it is.
    pub severity: Severity,
    /// When it happened.
    pub at: Timestamp,
    /// Name of this machine.
    pub host: String,
    /// One line.
    pub title: String,
    /// What happened and why, a paragraph.
    pub message: String,
    /// Details, in order.
    pub facts: Vec<Fact>,
    /// What to do, in order; a check list after a restore.
    pub steps: Vec<String>,
    /// Whom to call; empty when nobody is configured.
    pub contact: String,
    /// The end of the audit trail at that moment, `seq:hash`.
    pub audit_head: String,
}
