//! The rules in their plainest words: which due times there are, and which backups stay.

use std::collections::BTreeSet;

use jiff::civil::{Date, Weekday, date, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::reckoning::Made;

/// A schedule as the configuration has it.
pub(super) struct Rule {
    pub(super) name: &'static str,
    at: (i8, i8),
    on: Option<Weekday>,
    pub(super) catch_up: SignedDuration,
}

/// In the order of their names.
pub(super) const RULES: [Rule; 3] = [
    Rule { name: "daily-prune", at: (4, 15), on: None, catch_up: SignedDuration::from_hours(6) },
    Rule { name: "nightly", at: (2, 30), on: None, catch_up: SignedDuration::from_hours(12) },
    Rule { name: "weekly-verify", at: (5, 0), on: Some(Weekday::Sunday), catch_up: SignedDuration::from_hours(72) },
];

impl Rule {
    /// Every due time after the one moment and until the other.
    pub(super) fn due(&self, after: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        let (mut day, last) = (day_of(after), day_of(until));
        let mut due = Vec::new();
        while day <= last {
            if self.on.is_none_or(|weekday| weekday == day.weekday()) {
                due.push(self.on_day(day));
            }
            day = day.tomorrow().unwrap();
        }
        due.retain(|due| after < *due && *due <= until);
        due
    }

    pub(super) fn next(&self, after: Timestamp) -> Timestamp {
        self.due(after, after + SignedDuration::from_hours(9 * 24))[0]
    }

    fn on_day(&self, day: Date) -> Timestamp {
        // That morning clocks went from two to three: what was to be at half past two came at three.
        if day == date(2024, 3, 31) && self.at == (2, 30) {
            return "2024-03-31T03:00:00+02:00".parse().unwrap();
        }
        // Of the two times half past two of 27 October, the first.
        let at = day.to_datetime(time(self.at.0, self.at.1, 0, 0));
        berlin().to_ambiguous_zoned(at).earlier().unwrap().timestamp()
    }
}

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

fn day_of(at: Timestamp) -> Date {
    at.to_zoned(berlin()).date()
}

/// Whether `made` is one that the policy names, among those that hold the same: the last 7, the newest of each of the last
/// 30 days and 12 months that have one, and the newest of each year.
pub(super) fn is_kept(made: &Made, live: &[&Made]) -> bool {
    let newer: Vec<Date> = live
        .iter()
        .filter(|other| other.sources == made.sources && other.at > made.at)
        .map(|other| day_of(other.at))
        .collect();
    let day = day_of(made.at);
    let month = |day: Date| (day.year(), day.month());
    let days: BTreeSet<Date> = newer.iter().copied().collect();
    let months: BTreeSet<(i16, i8)> = newer.iter().copied().map(month).collect();
    newer.len() < 7
        || (!days.contains(&day) && days.len() < 30)
        || (!months.contains(&month(day)) && months.len() < 12)
        || newer.iter().all(|newer| newer.year() != day.year())
}

#[test]
fn a_night_without_half_past_two_has_one_due_time_and_one_with_two_of_them_too() {
    let nightly = &RULES[1];
    for (day, expected) in [
        (date(2024, 3, 30), "2024-03-30T01:30:00Z"),
        (date(2024, 3, 31), "2024-03-31T01:00:00Z"),
        (date(2024, 4, 1), "2024-04-01T00:30:00Z"),
        (date(2024, 10, 27), "2024-10-27T00:30:00Z"),
        (date(2024, 10, 28), "2024-10-28T01:30:00Z"),
    ] {
        let midnight = day.to_zoned(berlin()).unwrap().timestamp();
        let next = day.checked_add(1.day()).unwrap().to_zoned(berlin()).unwrap().timestamp();
        assert_eq!(nightly.due(midnight, next), [expected.parse::<Timestamp>().unwrap()]);
    }
}
