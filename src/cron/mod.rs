//! When a schedule is due: cron expressions in a time zone, with a stated rule for the days on which clocks change.
//!
//! A time that does not exist, because clocks go forward, is due once, at the first moment after the gap. A time that
//! exists twice, because they go back, is due once, at its first pass. An expression that is due in every hour of the day
//! follows real hours instead: it is due in both passes, and the gap is as if it were not there.
//! It reads no clock. Called by the configuration and the scheduler.

mod fields;
mod resolve;
#[cfg(test)]
mod tests;

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use fields::Fields;

/// A cron expression of five fields (minute, hour, day of month, month, weekday) with the weekdays of POSIX: 0 and 7 are
/// Sunday. Also `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly` and their synonyms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronExpression {
    text: String,
    fields: Fields,
}

/// A text that is no cron expression, in words for people: which field, why, and what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadCron(String);

impl CronExpression {
    /// Reads `text`.
    ///
    /// # Errors
    /// [`BadCron`]; also for what could be read but is never due, or means something else to other programs.
    pub fn parse(text: &str) -> Result<Self, BadCron> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let fields = Fields::parse(&text).map_err(BadCron)?;
        Ok(Self { text, fields })
    }

    /// As it was written, with single blanks.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first time after `at` that it is due; `None` when the calendar ends before.
    #[must_use]
    pub fn next_after(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        if self.fields.is_hourly() {
            resolve::next_by_real_hours(&self.fields, at, zone)
        } else {
            resolve::next_by_the_calendar(&self.fields, at, zone)
        }
    }

    /// The last time, `at` included, that it was due; `None` when the calendar began after it.
    #[must_use]
    pub fn latest_until(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        if self.fields.is_hourly() {
            resolve::latest_by_real_hours(&self.fields, at, zone)
        } else {
            resolve::latest_by_the_calendar(&self.fields, at, zone)
        }
    }

    /// Every time after `at` that it is due, the soonest first.
    pub fn upcoming(&self, at: Timestamp, zone: &TimeZone) -> impl Iterator<Item = Timestamp> {
        std::iter::successors(self.next_after(at, zone), |due| self.next_after(*due, zone))
    }

    /// Every time that it was due, from `at` (included) back.
    pub fn past(&self, at: Timestamp, zone: &TimeZone) -> impl Iterator<Item = Timestamp> {
        let before = |due: &Timestamp| due.checked_sub(jiff::SignedDuration::from_nanos(1)).ok();
        std::iter::successors(self.latest_until(at, zone), move |due| self.latest_until(before(due)?, zone))
    }
}

impl fmt::Display for CronExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}
