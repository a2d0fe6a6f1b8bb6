//! When an expression is due, slowly and obviously: every minute since long ago is asked whether it is.

use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

/// The reference for one expression of numbers, `*`, lists, ranges and steps: which values each field names.
pub(super) struct Reference {
    fields: Vec<[bool; 60]>,
}

impl Reference {
    pub(super) fn new(expression: &str) -> Self {
        let names = |field: &str, value: usize| {
            let value = i8::try_from(value).unwrap();
            field.split(',').any(|item| item_names(item, value))
        };
        let values = |field: &str| -> [bool; 60] { std::array::from_fn(|value| names(field, value)) };
        Self { fields: expression.split(' ').map(values).collect() }
    }

    /// Whether a clock that shows `at` shows a due minute.
    fn names(&self, at: DateTime) -> bool {
        let names = |field: usize, value: i8| self.fields[field][usize::try_from(value).unwrap()];
        let weekday = at.weekday().to_sunday_zero_offset();
        names(0, at.minute())
            && names(1, at.hour())
            && names(2, at.day())
            && names(3, at.month())
            && (names(4, weekday) || (weekday == 0 && names(4, 7)))
    }

    fn is_hourly(&self) -> bool {
        self.fields[1][..24].iter().all(|is_named| *is_named)
    }
}

fn item_names(item: &str, value: i8) -> bool {
    let number = |text: &str| i8::from_str(text).unwrap();
    let (range, step) = item.split_once('/').map_or((item, 1), |(range, step)| (range, number(step)));
    let (low, high) = match range.split_once('-') {
        Some((low, high)) => (number(low), number(high)),
        None if range == "*" => (0, i8::MAX),
        None => (number(range), number(range)),
    };
    (low..=high).contains(&value) && (value - low) % step == 0
}

/// Every moment in `[from, to)` at which each of `all` is due, in the order of `all`.
pub(super) fn due(all: &[Reference], zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Vec<Timestamp>> {
    let mut found = vec![Vec::new(); all.len()];
    let hourly: Vec<bool> = all.iter().map(Reference::is_hourly).collect();
    // Two days before, so that what a clock showed already is known.
    let mut at = from - SignedDuration::from_hours(48);
    let mut furthest = zone.to_datetime(at);
    while at < to {
        let shown = zone.to_datetime(at);
        let skipped = minutes_between(furthest, shown);
        for (index, reference) in all.iter().enumerate() {
            let is_due = if hourly[index] {
                reference.names(shown)
            } else {
                (shown > furthest && reference.names(shown)) || skipped.iter().any(|minute| reference.names(*minute))
            };
            if is_due && at >= from {
                found[index].push(at);
            }
        }
        furthest = furthest.max(shown);
        at += SignedDuration::from_mins(1);
    }
    found
}

/// The minutes that no clock shows between two that it shows one after the other.
fn minutes_between(before: DateTime, after: DateTime) -> Vec<DateTime> {
    let mut between = Vec::new();
    let mut minute = before + 1.minute();
    while minute < after {
        between.push(minute);
        minute += 1.minute();
    }
    between
}
