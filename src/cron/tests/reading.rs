//! What is understood, and how the rest is refused.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use crate::cron::CronExpression;

/// The next `count` times after `from`, in UTC.
fn next(expression: &str, from: &str, count: usize) -> Vec<String> {
    let cron = CronExpression::parse(expression).unwrap();
    let from: Timestamp = from.parse().unwrap();
    cron.upcoming(from, &TimeZone::UTC).take(count).map(|due| due.to_string()).collect()
}

#[test]
fn weekdays_are_those_of_posix() {
    // 2026-11-22 is a Sunday.
    let saturday = "2026-11-21T12:00:00Z";
    for sunday in ["0 0 * * 0", "0 0 * * 7", "0 0 * * sun", "0 0 * * SUNDAY", "@weekly"] {
        assert_eq!(next(sunday, saturday, 2), ["2026-11-22T00:00:00Z", "2026-11-29T00:00:00Z"], "{sunday}");
    }
    let days =
        |expression| -> Vec<String> { next(expression, saturday, 4).iter().map(|due| due[8..10].to_owned()).collect() };
    assert_eq!(days("0 0 * * 1-5"), ["23", "24", "25", "26"]);
    assert_eq!(days("0 0 * * mon,wed"), ["23", "25", "30", "02"]);
    for weekend in ["0 0 * * 6-7", "0 0 * * sat-sun", "0 0 * * 0,6"] {
        assert_eq!(days(weekend), ["22", "28", "29", "05"], "{weekend}");
    }
    assert_eq!(days("0 0 * * sun-mon"), ["22", "23", "29", "30"]);
    assert_eq!(days("0 0 * * */3"), ["22", "25", "28", "29"]);
    assert_eq!(days("0 0 * * 1-5/2"), ["23", "25", "27", "30"]);
    assert_eq!(days("0 0 * * 5/1"), ["27", "28", "04", "05"]);
}

#[test]
fn lists_ranges_steps_names_and_shorthands_are_understood() {
    let new_year = "2026-01-01T00:00:00Z";
    assert_eq!(next("*/20 9 * * *", new_year, 2), ["2026-01-01T09:00:00Z", "2026-01-01T09:20:00Z"]);
    assert_eq!(next(" 5,35   8-9\t* * * ", new_year, 3)[2], "2026-01-01T09:05:00Z");
    assert_eq!(next("0 0 31 jan-apr *", new_year, 2), ["2026-01-31T00:00:00Z", "2026-03-31T00:00:00Z"]);
    assert_eq!(next("0 0 29 2 *", new_year, 1), ["2028-02-29T00:00:00Z"]);
    assert_eq!(next("0 0 29 2 *", "2096-03-01T00:00:00Z", 1), ["2104-02-29T00:00:00Z"]);
    assert_eq!(next("@hourly", new_year, 1), ["2026-01-01T01:00:00Z"]);
    assert_eq!(next("@Daily", new_year, 1), ["2026-01-02T00:00:00Z"]);
    assert_eq!(next("@midnight", new_year, 1), ["2026-01-02T00:00:00Z"]);
    assert_eq!(next("@monthly", new_year, 1), ["2026-02-01T00:00:00Z"]);
    assert_eq!(next("@yearly", new_year, 1), ["2027-01-01T00:00:00Z"]);
    assert_eq!(next("@annually", new_year, 1), ["2027-01-01T00:00:00Z"]);
}

#[test]
fn what_is_refused_is_told_with_its_field_and_the_reason() {
    for (text, message) in [
        ("", "is empty; write minute, hour, day of month, month, weekday, for example '0 2 * * *'"),
        ("@reboot", "'@reboot' is not known; there are @hourly, @daily, "),
        ("0 2 * *", "has 4 fields, five are expected: minute, hour, day of month, month, weekday"),
        ("nightly", "has 1 field, five are expected"),
        (
            "0 30 2 * * *",
            "has 6 fields, five are expected: minute, hour, day of month, month, weekday, for example \
            '0 2 * * *'; if the first are the seconds, write '30 2 * * *'",
        ),
        (
            "0 30 2 * * * *",
            "has 7 fields, five are expected: minute, hour, day of month, month, weekday, for example \
            '0 2 * * *'; if the first are the seconds, write '30 2 * * *'",
        ),
        (
            "5 30 2 * * *",
            "has 6 fields, five are expected: minute, hour, day of month, month, weekday, for example \
            '0 2 * * *'; there are no seconds and no years",
        ),
        (
            "60 2 * * *",
            "the minute field '60': 60 is too large; it takes 0 to 59, ranges (1-5), lists (1,3) and steps (*/2)",
        ),
        ("0 24 * * *", "the hour field '24': 24 is too large; it takes 0 to 23"),
        ("0 22-6 * * *", "the hour field '22-6': '22-6' runs backwards; write it as two ranges, with a comma"),
        ("0 2 0 * *", "the day of month field '0': it cannot be understood; it takes 1 to 31"),
        ("0 2 * 13 *", "the month field '13': 13 is too large; it takes 1 to 12 or jan to dec"),
        ("0 2 * * 8", "the weekday field '8': 8 is too large; it takes 0 to 7 (0 and 7 are Sunday) or sun to sat"),
        ("0 2 * * fri-mon", "the weekday field 'fri-mon': it cannot be understood"),
        ("0 2 * * 5-1", "the weekday field '5-1': '5-1' runs backwards"),
        ("0 2 * * */0", "the weekday field '*/0': it cannot be understood"),
        ("0 2 * * mon,", "the weekday field 'mon,': it cannot be understood"),
        ("0 2 ? * *", "the day of month field '?': it cannot be understood"),
        ("0 2 * * 5L", "the weekday field '5L': it cannot be understood"),
        ("*/0 2 * * *", "the minute field '*/0': it cannot be understood"),
        ("0 two * * *", "the hour field 'two': it cannot be understood"),
        ("99999999999999999999 2 * * *", "the minute field '99999999999999999999': 99999999999999999999 is too large"),
        (
            "0 2 1 * 1",
            "names days of the month ('1') and weekdays ('1'), which some programs take for 'both' and others \
            for 'either'; write two schedules for either: '0 2 1 * *' and '0 2 * * 1'",
        ),
        ("0 0 31 2 *", "is never due: no month of '2' has a day of '31'"),
        ("0 0 31 apr,jun *", "is never due: no month of 'apr,jun' has a day of '31'"),
        ("0 0 30,31 2 *", "is never due"),
    ] {
        let found = CronExpression::parse(text).map(|cron| cron.to_string()).unwrap_err().to_string();
        assert!(found.starts_with(message), "{text:?}\nexpected {message}\nfound    {found}");
    }
}

#[test]
fn it_prints_as_it_was_written() {
    assert_eq!(CronExpression::parse(" 0  2 * * Mon ").unwrap().to_string(), "0 2 * * Mon");
    assert_eq!(CronExpression::parse("@daily").unwrap().as_str(), "@daily");
}

#[test]
fn the_end_of_the_calendar_is_the_end() {
    let cron = CronExpression::parse("0 0 * * *").unwrap();
    assert_eq!(cron.next_after(Timestamp::MAX, &TimeZone::UTC), None);
    assert_eq!(cron.latest_until(Timestamp::MIN, &TimeZone::UTC), None);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[-0-9*/,?@#LWa-z\u{663} ]{0,24}") {
        if let Ok(cron) = CronExpression::parse(&text) {
            prop_assert!(cron.next_after(Timestamp::UNIX_EPOCH, &TimeZone::UTC).is_some(), "{text}");
        }
    }
}
