//! Times as people type them: RFC 3339, `YYYY-MM-DD[ HH:MM[:SS]]` in the configured zone, or an age such as `2d`.

use carelog_rpc::{ErrorCode, ErrorReply};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// The moment that `text` means.
///
/// # Errors
/// A usage error that says what would be understood.
pub(super) fn parse(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, ErrorReply> {
    let text = text.trim();
    absolute(text).or_else(|| civil(text, zone)).or_else(|| age(text, now)).ok_or_else(|| {
        ErrorReply::new(ErrorCode::Usage, format!("'{text}' is no time"))
            .hint("write 2025-10-29, 2025-10-29 14:30, 2025-10-29T14:30:00Z, or an age such as 2d or 90min")
    })
}

/// As [`parse`], of the end of a span of time. Times are shown in whole seconds, so one that is typed as it was shown means
/// all of that second.
pub(super) fn parse_end(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, ErrorReply> {
    let at = parse(text, now, zone)?;
    let whole_second = SignedDuration::from_nanos(999_999_999);
    Ok(if at.subsec_nanosecond() == 0 { at.saturating_add(whole_second).unwrap_or(at) } else { at })
}

fn absolute(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// A time that the zone skips means the first moment after the gap, one that it has twice the first of the two.
fn civil(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let parse = |format: &str| DateTime::strptime(format, text).ok();
    let date = || jiff::civil::Date::strptime("%Y-%m-%d", text).ok().map(|date| date.at(0, 0, 0, 0));
    let civil = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|format| parse(format))
        .or_else(date)?;
    zone.to_ambiguous_timestamp(civil).compatible().ok()
}

fn age(text: &str, now: Timestamp) -> Option<Timestamp> {
    let age = humantime::parse_duration(text).ok()?;
    now.checked_sub(SignedDuration::try_from(age).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<String> {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now = "2025-10-29T12:00:00Z".parse().unwrap();
        parse(text, now, &zone).ok().map(|at| at.to_string())
    }

    #[test]
    fn every_form_of_the_manual_is_understood() {
        for (text, expected) in [
            ("2025-10-29T14:30:00Z", "2025-10-29T14:30:00Z"),
            ("2025-10-29T14:30:00+02:00", "2025-10-29T12:30:00Z"),
            ("2025-10-29", "2025-10-28T23:00:00Z"),
            ("2025-10-29 14:30", "2025-10-29T13:30:00Z"),
            ("2025-07-01 14:30:15", "2025-07-01T12:30:15Z"),
            ("2d", "2025-10-27T12:00:00Z"),
            ("1h 30min", "2025-10-29T10:30:00Z"),
            // Skipped by the clock change in March, doubled by the one in October.
            ("2025-03-30 02:30", "2025-03-30T01:30:00Z"),
            ("2025-10-26 02:30", "2025-10-26T00:30:00Z"),
        ] {
            assert_eq!(parsed(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn the_end_of_a_span_is_all_of_the_second_that_was_typed() {
        let now = "2025-10-29T12:00:00.25Z".parse().unwrap();
        for (text, expected) in [
            ("2025-10-29 14:30:15", "2025-10-29T14:30:15.999999999Z"),
            ("2025-10-29T14:30:15.5Z", "2025-10-29T14:30:15.5Z"),
            ("2d", "2025-10-27T12:00:00.25Z"),
        ] {
            assert_eq!(parse_end(text, now, &TimeZone::UTC).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "yesterday", "2025-13-01", "2025-02-30", "2025-10-29 25:00", "-2d", "99999999999999999999d"] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
