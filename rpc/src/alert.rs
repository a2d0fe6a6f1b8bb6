//! What the daemon speaks up about.

use serde::{Deserialize, Serialize};

use crate::value::Time;
use crate::words::{EventKind, Severity};

/// A condition that fires, or did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// UUID.
    pub id: String,
    /// What it is about: `missing_backup/data`.
    pub key: String,
    /// What kind of thing happened.
    pub event: EventKind,
    /// How bad it is.
    pub severity: Severity,
    /// What happened and why.
    pub message: String,
    /// The next command or step.
    pub next: Option<String>,
    /// Since when.
    pub fired_at: Time,
    /// When somebody was last reminded of it.
    pub reminded_at: Option<Time>,
    /// When it was over; absent while it fires.
    pub resolved_at: Option<Time>,
    /// Who knows of it.
    pub acknowledged: Option<Acknowledgement>,
}

/// Somebody knows of an alert, and is reminded no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub who: String,
    /// When.
    pub at: Time,
    /// Why, or what is done about it.
    pub why: String,
}

/// What came of trying one way to tell somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelTest {
    /// `email` or `webhook`.
    pub channel: String,
    /// The address, or the webhook's name.
    pub recipient: String,
    /// Whether the other side took it.
    pub delivered: bool,
    /// What it answered, or why it could not be reached.
    pub answer: String,
}
