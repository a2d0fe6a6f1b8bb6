//! Why a backup is kept, or why it expires.

use std::fmt;
use std::time::Duration;

use super::Keep;
use super::period::Period;
use crate::model::SourceName;

/// One reason. Those before [`Reason::NoRule`] keep a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// One of the newest of its kind.
    Last {
        /// Which, the newest being 1.
        nth: usize,
        /// Of how many.
        of: Keep,
    },
    /// The newest of its hour, day, week, month or year.
    Newest {
        /// Which kind of period.
        period: Period,
        /// The period's name.
        name: String,
    },
    /// Younger than `keep_within`.
    Within(Duration),
    /// A safety backup that is younger than `keep_safety`.
    SafetyWithin(Duration),
    /// Somebody holds it.
    Held {
        /// Who.
        who: String,
        /// Why.
        why: String,
    },
    /// The newest backup of a configured source of which every byte was found to be sound.
    LastVerified(SourceName),
    /// The newest backup of a configured source that can be restored.
    NewestGood(SourceName),
    /// It is damaged or missing, and nothing better holds the source.
    OnlyOne(SourceName),
    /// The source could not be backed up the last time.
    Failed(SourceName),
    /// The newest backup of the source is far smaller than usual.
    Suspicious(SourceName),
    /// A restore still needs it.
    NeededFor(String),
    /// It is dated in the future.
    Future,
    /// The clock cannot be believed.
    Clock,
    /// No rule keeps it.
    NoRule,
    /// A safety backup older than this.
    SafetyOver(Duration),
    /// It expired before, and its archive stays for others.
    Retained {
        /// How many others.
        needed_by: usize,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last { nth, of: Keep::Count(of) } => write!(f, "last {nth} of {of}"),
            Self::Last { of: Keep::All, .. } => f.write_str("every one is kept"),
            Self::Newest { period, name } => write!(f, "{period} {name}"),
            Self::Within(time) => write!(f, "within {}", InWords(*time)),
            Self::SafetyWithin(time) => write!(f, "safety within {}", InWords(*time)),
            Self::Held { who, why } => write!(f, "held by {who}: {why}"),
            Self::LastVerified(source) => write!(f, "last verified backup of {source}"),
            Self::NewestGood(source) => write!(f, "newest of {source}"),
            Self::OnlyOne(source) => write!(f, "not whole, but nothing better holds {source}"),
            Self::Failed(source) => write!(f, "the last backup of {source} failed"),
            Self::Suspicious(source) => write!(f, "the newest backup of {source} is suspiciously small"),
            Self::NeededFor(what) => f.write_str(what),
            Self::Future => f.write_str("dated in the future"),
            Self::Clock => f.write_str("the clock cannot be believed"),
            Self::NoRule => f.write_str("no rule keeps it"),
            Self::SafetyOver(time) => write!(f, "safety backup older than {}", InWords(*time)),
            Self::Retained { needed_by: 1 } => f.write_str("its archive stays for 1 other"),
            Self::Retained { needed_by } => write!(f, "its archive stays for {needed_by} others"),
        }
    }
}

/// A duration as it is written in the configuration.
pub(super) struct InWords(pub(super) Duration);

impl fmt::Display for InWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: u64 = 24 * 3600;
        let seconds = self.0.as_secs();
        if seconds >= DAY && seconds.is_multiple_of(DAY) {
            write!(f, "{}d", seconds / DAY)
        } else {
            write!(f, "{}", humantime::format_duration(self.0))
        }
    }
}
