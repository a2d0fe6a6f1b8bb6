//! The five fields: reading them, and the minutes of the calendar that they name, with no regard to any zone.
//!
//! What one field may say is decided by the crate `cron`; the weekdays, which it counts from 1 for Sunday, are put in its
//! words first.

use std::str::FromStr as _;

use ::cron::{Schedule, TimeUnitSpec};
use jiff::civil::{Date, DateTime, Time};

/// What stands for a whole expression.
const SHORTHANDS: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// One of the fields, for messages.
struct Kind {
    name: &'static str,
    low: u32,
    high: u32,
    names: &'static str,
}

const MINUTE: Kind = Kind { name: "minute", low: 0, high: 59, names: "" };
const HOUR: Kind = Kind { name: "hour", low: 0, high: 23, names: "" };
const DAY: Kind = Kind { name: "day of month", low: 1, high: 31, names: "" };
const MONTH: Kind = Kind { name: "month", low: 1, high: 12, names: " or jan to dec" };
const WEEKDAY: Kind = Kind { name: "weekday", low: 0, high: 7, names: " (0 and 7 are Sunday) or sun to sat" };

/// The leap years are eight years apart around 2100; nothing that is ever due is further away.
const YEARS: i16 = 8;

/// The minutes of the calendar in which an expression is due: bit `n` of each stands for the value `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    /// Sunday is 0.
    weekdays: u64,
}

impl Fields {
    /// Reads `text`, whose fields single blanks separate.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let written = match text.strip_prefix('@') {
            Some(_) => shorthand(text)?,
            None => text,
        };
        let fields: Vec<&str> = written.split(' ').filter(|field| !field.is_empty()).collect();
        let [minute, hour, day, month, weekday] = fields[..] else { return Err(wrong_count(&fields)) };
        let fields = Self {
            minutes: bits(
                &parsed(&MINUTE, minute, &format!("0 {minute} * * * *"))?.minutes().iter().collect::<Vec<_>>(),
            ),
            hours: bits(&parsed(&HOUR, hour, &format!("0 0 {hour} * * *"))?.hours().iter().collect::<Vec<_>>()),
            days: bits(&parsed(&DAY, day, &format!("0 0 0 {day} * *"))?.days_of_month().iter().collect::<Vec<_>>()),
            months: bits(&parsed(&MONTH, month, &format!("0 0 0 * {month} *"))?.months().iter().collect::<Vec<_>>()),
            weekdays: weekdays(weekday)?,
        };
        if fields.days != ALL_DAYS && fields.weekdays != ALL_WEEKDAYS {
            return Err(format!(
                "names days of the month ('{day}') and weekdays ('{weekday}'), which some programs take for 'both' and \
                 others for 'either'; write two schedules for either: '{minute} {hour} {day} {month} *' and \
                 '{minute} {hour} * {month} {weekday}'"
            ));
        }
        if !fields.is_ever_due() {
            return Err(format!("is never due: no month of '{month}' has a day of '{day}'"));
        }
        Ok(fields)
    }

    /// Whether it is due in every hour of the days on which it is due at all.
    pub(super) const fn is_hourly(&self) -> bool {
        self.hours == ALL_HOURS
    }

    /// The first due minute from `from` on.
    pub(super) fn next_from(&self, from: DateTime) -> Option<DateTime> {
        if self.is_day(from.date())
            && let Some(time) = self.first_time_from(from.time())
        {
            return Some(from.date().to_datetime(time));
        }
        let mut date = from.date();
        loop {
            date = match has(self.months, date.month()) {
                true => date.tomorrow().ok()?,
                false => date.last_of_month().tomorrow().ok()?,
            };
            if date.year() - from.year() > YEARS {
                return None;
            }
            if self.is_day(date) {
                return Some(date.to_datetime(self.first_time_from(Time::midnight())?));
            }
        }
    }

    /// The last due minute until `until`, itself included.
    pub(super) fn latest_until(&self, until: DateTime) -> Option<DateTime> {
        if self.is_day(until.date())
            && let Some(time) = self.last_time_until(until.time())
        {
            return Some(until.date().to_datetime(time));
        }
        let mut date = until.date();
        loop {
            date = match has(self.months, date.month()) {
                true => date.yesterday().ok()?,
                false => date.first_of_month().yesterday().ok()?,
            };
            if until.year() - date.year() > YEARS {
                return None;
            }
            if self.is_day(date) {
                return Some(date.to_datetime(self.last_time_until(Time::MAX)?));
            }
        }
    }

    fn is_day(&self, date: Date) -> bool {
        has(self.months, date.month())
            && has(self.days, date.day())
            && has(self.weekdays, date.weekday().to_sunday_zero_offset())
    }

    fn first_time_from(&self, from: Time) -> Option<Time> {
        if has(self.hours, from.hour())
            && let Some(minute) = lowest(self.minutes & (u64::MAX << from.minute()))
        {
            return Time::new(from.hour(), minute, 0, 0).ok();
        }
        let hour = lowest(self.hours & (u64::MAX << (from.hour() + 1)))?;
        Time::new(hour, lowest(self.minutes)?, 0, 0).ok()
    }

    fn last_time_until(&self, until: Time) -> Option<Time> {
        if has(self.hours, until.hour())
            && let Some(minute) = highest(self.minutes & below(until.minute() + 1))
        {
            return Time::new(until.hour(), minute, 0, 0).ok();
        }
        let hour = highest(self.hours & below(until.hour()))?;
        Time::new(hour, highest(self.minutes)?, 0, 0).ok()
    }

    /// Of each month its longest form counts: the 29th of February comes, if seldom.
    fn is_ever_due(&self) -> bool {
        (1_i8..=12).filter(|month| has(self.months, *month)).any(|month| {
            let longest = match month {
                2 => 29,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            self.days & below(longest + 1) != 0
        })
    }
}

const ALL_HOURS: u64 = (1 << 24) - 1;
const ALL_DAYS: u64 = (1 << 32) - 2;
const ALL_WEEKDAYS: u64 = (1 << 7) - 1;

/// Whether `bits` name this value.
const fn has(bits: u64, value: i8) -> bool {
    bits >> value & 1 == 1
}

/// The bits below bit `n`.
const fn below(n: i8) -> u64 {
    (1 << n) - 1
}

fn lowest(bits: u64) -> Option<i8> {
    (bits != 0).then(|| i8::try_from(bits.trailing_zeros()).ok()).flatten()
}

fn highest(bits: u64) -> Option<i8> {
    (bits != 0).then(|| i8::try_from(63 - bits.leading_zeros()).ok()).flatten()
}

fn bits(values: &[u32]) -> u64 {
    values.iter().fold(0, |bits, value| bits | 1 << value)
}

fn shorthand(text: &str) -> Result<&'static str, String> {
    let found = SHORTHANDS.iter().find(|(name, _)| text.eq_ignore_ascii_case(name));
    found.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let known: Vec<&str> = SHORTHANDS.iter().map(|(name, _)| *name).collect();
        format!("'{text}' is not known; there are {}, or write five fields such as '0 2 * * *'", known.join(", "))
    })
}

fn wrong_count(fields: &[&str]) -> String {
    const ORDER: &str = "minute, hour, day of month, month, weekday, for example '0 2 * * *'";
    match fields {
        [] => format!("is empty; write {ORDER}"),
        // With seconds in front, and perhaps the year behind.
        ["0", five @ ..] if five.len() == 5 || (five.len() == 6 && five[5] == "*") => format!(
            "has {} fields, five are expected: {ORDER}; if the first are the seconds, write '{}'",
            fields.len(),
            five[..5].join(" ")
        ),
        _ => {
            let noun = if fields.len() == 1 { "field" } else { "fields" };
            format!("has {} {noun}, five are expected: {ORDER}; there are no seconds and no years", fields.len())
        }
    }
}

/// Has the crate read one field, within an `expression` in which it stands by itself.
fn parsed(kind: &Kind, field: &str, expression: &str) -> Result<Schedule, String> {
    // The sign of another dialect for "any", which the crate takes in two of the fields.
    let read = if field.contains('?') { None } else { Schedule::from_str(expression).ok() };
    read.ok_or_else(|| complaint(kind, field))
}

/// Which weekdays `field` names. Each of its items is put in the crate's words, so that ranges may end on Sunday.
fn weekdays(field: &str) -> Result<u64, String> {
    let mut found = 0;
    for item in field.split(',') {
        let (range, step) = item.split_once('/').map_or((item, "1"), |(range, step)| (range, step));
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (weekday(first, 0), weekday(last, 7)),
            None if range == "*" => (Some(0), Some(6)),
            // As everywhere: a step behind one value goes on to the end.
            None => (weekday(range, 0), if item.contains('/') { Some(6) } else { weekday(range, 0) }),
        };
        let (Some(first), Some(last)) = (first, last) else { return Err(complaint(&WEEKDAY, field)) };
        let days = if first <= last { (first..=last).collect::<Vec<_>>() } else { Vec::new() };
        let ordinals: Vec<String> = days.iter().map(|day| (day % 7 + 1).to_string()).collect();
        let every = step.parse::<usize>().ok().filter(|every| (1..=7).contains(every));
        let (Some(every), false) = (every, ordinals.is_empty()) else { return Err(complaint(&WEEKDAY, field)) };
        let listed = ordinals.iter().step_by(every).cloned().collect::<Vec<_>>().join(",");
        let schedule = parsed(&WEEKDAY, field, &format!("0 0 0 * * {listed}"))?;
        found |= schedule.days_of_week().iter().fold(0, |bits, ordinal| bits | 1 << (ordinal - 1));
    }
    Ok(found)
}

/// The number of a weekday; a name for Sunday stands for `sunday`, by whether it begins or ends a range.
fn weekday(text: &str, sunday: u32) -> Option<u32> {
    const NAMES: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().filter(|day| *day <= 7);
    }
    let text = text.to_ascii_lowercase();
    let named = |name: &&str| text == **name || text == name[..3];
    let day = u32::try_from(NAMES.iter().position(named)?).ok()?;
    Some(if day == 0 { sunday } else { day })
}

/// What is wrong with a field, as closely as can be said.
fn complaint(kind: &Kind, field: &str) -> String {
    let Kind { name, low, high, names } = kind;
    let numbers = || field.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
    let outside = numbers().find(|digits| digits.parse::<u32>().map_or(true, |number| number > *high));
    let backwards = field.split(',').find(|item| {
        let ends = item.split('/').next().and_then(|range| range.split_once('-'));
        ends.and_then(|(a, b)| Some((a.parse::<u32>().ok()?, b.parse::<u32>().ok()?))).is_some_and(|(a, b)| a > b)
    });
    let reason = match (outside, backwards) {
        (Some(number), _) => format!("{number} is too large"),
        (None, Some(range)) => format!("'{range}' runs backwards; write it as two ranges, with a comma"),
        (None, None) => "it cannot be understood".to_owned(),
    };
    format!(
        "the {name} field '{field}': {reason}; it takes {low} to {high}{names}, ranges (1-5), lists (1,3) and steps (*/2)"
    )
}
