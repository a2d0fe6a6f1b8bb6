//! Years in zones whose clocks are changed in different ways, held against the reference.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::reference::{Reference, due};
use crate::cron::CronExpression;

/// A zone, and years in which something happens there: half an hour in Lord Howe, Ramadan in Casablanca, a day that Apia
/// left out.
const ZONES: [(&str, i32, i32); 8] = [
    ("Europe/Berlin", 2024, 2030),
    ("America/New_York", 2024, 2030),
    ("Australia/Lord_Howe", 2024, 2030),
    ("Africa/Casablanca", 2024, 2030),
    ("Asia/Kathmandu", 2026, 2026),
    ("UTC", 2024, 2024),
    ("Pacific/Apia", 2011, 2012),
    ("America/Sao_Paulo", 2018, 2019),
];

const EXPRESSIONS: [&str; 16] = [
    "0 0 * * *",
    "30 2 * * *",
    "*/15 2 * * *",
    "0,30 1-3 * * *",
    "0 2,3 * * *",
    "15 2 * * 0",
    "0 3 * * 7",
    "30 * * * *",
    "*/30 * * * *",
    "17 * * * 6,0",
    "0 */2 * * *",
    "45 23 31 * *",
    "0 0 1 1 *",
    "0 12 * * 5",
    "*/20 9-17 * 3,10,11 *",
    "* * 29 2 *",
];

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn year(year: i32) -> Timestamp {
    format!("{year}-01-01T00:00:00Z").parse().unwrap()
}

/// Every due time in `[from, to)` by the wrapper, forwards.
fn forwards(cron: &CronExpression, zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let just_before = from - SignedDuration::from_nanos(1);
    cron.upcoming(just_before, zone).take_while(|due| *due < to).collect()
}

/// The same, backwards.
fn backwards(cron: &CronExpression, zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let just_before = to - SignedDuration::from_nanos(1);
    let mut found: Vec<_> = cron.past(just_before, zone).take_while(|due| *due >= from).collect();
    found.reverse();
    found
}

/// Moments before and after each of the first few changes of the clocks, where what they show is ahead or behind.
fn around_changes(zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let changes = zone.following(from).map(|change| change.timestamp()).take_while(|at| *at < to).take(4);
    let around = |at: Timestamp| (-30..=30).map(move |step| at + SignedDuration::from_secs(step * 310));
    changes.flat_map(around).collect()
}

#[test]
fn years_of_usual_expressions_are_due_when_the_reference_says() {
    let references = EXPRESSIONS.map(Reference::new);
    for (name, first, last) in ZONES {
        let (zone, from, to) = (zone(name), year(first), year(last + 1));
        for (expression, expected) in EXPRESSIONS.iter().zip(due(&references, &zone, from, to)) {
            let cron = CronExpression::parse(expression).unwrap();
            assert_eq!(forwards(&cron, &zone, from, to), expected, "'{expression}' in {name}");
            assert_eq!(backwards(&cron, &zone, from, to), expected, "'{expression}' in {name}, backwards");
            for at in around_changes(&zone, from, to) {
                let next = expected.iter().find(|due| **due > at).copied();
                assert_eq!(cron.next_after(at, &zone).filter(|due| *due < to), next, "'{expression}' after {at}");
                let last = expected.iter().rfind(|due| **due <= at).copied();
                assert_eq!(cron.latest_until(at, &zone).filter(|due| *due >= from), last, "'{expression}' until {at}");
            }
        }
    }
}

/// The due times of `expression` in `zone_name` on and around `day`, as the clocks there show them.
fn shown(expression: &str, zone_name: &str, from: &str, to: &str) -> Vec<String> {
    let zone = zone(zone_name);
    let moment = |text: &str| -> Timestamp { text.parse().unwrap() };
    let due = forwards(&CronExpression::parse(expression).unwrap(), &zone, moment(from), moment(to));
    due.iter()
        .map(|due| zone.to_datetime(*due).strftime("%d %H:%M").to_string() + &zone.to_offset(*due).to_string())
        .collect()
}

#[test]
fn a_time_that_does_not_exist_is_due_once_right_after_the_gap() {
    let (from, to) = ("2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z");
    let at_half_past = shown("30 2 * * *", "Europe/Berlin", from, to);
    assert_eq!(at_half_past, ["29 03:00+02", "30 02:30+02"]);
    assert_eq!(shown("*/10 2 * * *", "Europe/Berlin", from, "2026-03-29T12:00:00Z"), ["29 03:00+02"]);
    assert_eq!(shown("0 2,3 29 * *", "Europe/Berlin", from, to), ["29 03:00+02"], "nor is what is due then anyway");
    let apia = shown("0 12 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", "2011-12-31T12:00:00Z");
    assert_eq!(apia, ["29 12:00-10", "31 00:00+14", "31 12:00+14"], "a whole day that does not exist");
}

#[test]
fn a_time_that_exists_twice_is_due_once_at_its_first_pass() {
    let (from, to) = ("2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z");
    assert_eq!(shown("30 2 * * *", "Europe/Berlin", from, to), ["25 02:30+02", "26 02:30+01"]);
    assert_eq!(shown("0 2,3 25 * *", "Europe/Berlin", from, to), ["25 02:00+02", "25 03:00+01"]);
    let lord_howe = shown("45 1 * * *", "Australia/Lord_Howe", "2026-04-03T20:00:00Z", "2026-04-05T20:00:00Z");
    assert_eq!(lord_howe, ["05 01:45+11", "06 01:45+10:30"]);
}

#[test]
fn what_is_due_every_hour_follows_real_hours() {
    let spring = shown("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T03:00:00Z");
    assert_eq!(spring, ["29 01:30+01", "29 03:30+02", "29 04:30+02"]);
    let autumn = shown("30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T03:00:00Z");
    assert_eq!(autumn, ["25 02:30+02", "25 02:30+01", "25 03:30+01"]);
}

prop_compose! {
    fn item(low: u8, high: u8)(a in low..=high, b in low..=high, step in 1..=high, form in 0..4) -> String {
        let (a, b) = (a.min(b), a.max(b));
        match form {
            0 => a.to_string(),
            1 => format!("{a}-{b}"),
            2 => format!("{a}-{b}/{step}"),
            _ if low == 0 => format!("*/{step}"),
            _ => format!("{a},{b}"),
        }
    }
}

/// A field of one or two items, or any value.
fn field(low: u8, high: u8) -> impl Strategy<Value = String> {
    prop_oneof![
        2 => Just("*".to_owned()),
        3 => item(low, high),
        1 => (item(low, high), item(low, high)).prop_map(|(a, b)| format!("{a},{b}")),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    let days = prop_oneof![
        2 => Just(("*".to_owned(), "*".to_owned())),
        1 => field(1, 28).prop_map(|day| (day, "*".to_owned())),
        1 => field(0, 6).prop_map(|weekday| ("*".to_owned(), weekday)),
    ];
    (item(0, 59), field(0, 23), days, field(1, 12))
        .prop_map(|(minute, hour, (day, weekday), month)| format!("{minute} {hour} {day} {month} {weekday}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn a_year_of_any_expressions_in_any_of_the_zones_is_due_when_the_reference_says(
        expressions in prop::collection::vec(expression(), 4),
        (name, first, last) in prop::sample::select(&ZONES[..]),
        offset in 0..7,
        minute in 0_i64..525_600,
    ) {
        let zone = zone(name);
        let from = year(first + offset % (last - first + 1));
        let to = from + SignedDuration::from_hours(365 * 24);
        let references: Vec<_> = expressions.iter().map(|expression| Reference::new(expression)).collect();
        for (expression, expected) in expressions.iter().zip(due(&references, &zone, from, to)) {
            let cron = CronExpression::parse(expression).unwrap();
            prop_assert_eq!(&forwards(&cron, &zone, from, to), &expected, "'{}' in {}", expression, name);
            prop_assert_eq!(&backwards(&cron, &zone, from, to), &expected, "'{}' in {}", expression, name);
            // From anywhere within, too, and not only from one due time to the next.
            let at = from + SignedDuration::from_mins(minute) + SignedDuration::from_secs(7);
            let next = expected.iter().find(|due| **due > at).copied();
            prop_assert_eq!(cron.next_after(at, &zone).filter(|due| *due < to), next, "'{}' in {}", expression, name);
            let last = expected.iter().rfind(|due| **due <= at).copied();
            prop_assert_eq!(cron.latest_until(at, &zone).filter(|due| *due >= from), last, "'{}' in {}", expression, name);
        }
    }
}
