//! A notice on its way to one recipient.

use jiff::Timestamp;

use super::Notice;
use crate::model::ChannelKind;

/// A way out. What is wrong with one way says nothing about another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// The mail server.
    Mail,
    /// The webhook of this name.
    Webhook(String),
}

impl Way {
    /// The way of a row of the outbox.
    #[must_use]
    pub fn of(channel: ChannelKind, recipient: &str) -> Self {
        match channel {
            ChannelKind::Email => Self::Mail,
            ChannelKind::Webhook => Self::Webhook(recipient.to_owned()),
        }
    }
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mail => f.write_str("the mail server"),
            Self::Webhook(name) => write!(f, "the webhook '{name}'"),
        }
    }
}

/// A notice on its way to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The address, or the webhook's name.
    pub recipient: String,
    /// What it says.
    pub notice: Notice,
    /// What it says in place of earlier ones that did not arrive.
    pub earlier: Option<Earlier>,
}

/// Earlier notices about the same thing that did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// How many.
    pub count: usize,
    /// When the thing of the first happened.
    pub since: Timestamp,
}

/// Why a letter did not arrive, in words for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// No letter would get through this way at present.
    #[error("{0}")]
    Unreachable(String),
    /// This letter was not taken, now; others may be.
    #[error("{0}")]
    Refused(String),
    /// This letter was not taken, and the other side says that it never will be.
    #[error("{0}")]
    Rejected(String),
    /// The configuration has this way no more.
    #[error("it is not configured any more")]
    Gone,
}

/// What carries letters.
pub trait Channels {
    /// Sends letters one behind the other, and calls `done` with the number of each and the answer to it as soon as that
    /// is known. Of letters behind the first that is [`Undelivered::Unreachable`] or [`Undelivered::Gone`], and of those
    /// that are left when it was asked to stop, nothing is said.
    fn deliver(&self, way: &Way, letters: &[Letter], done: &mut dyn FnMut(usize, Result<String, Undelivered>));
}
