//! From minutes of the calendar to moments, in a zone whose clocks are changed now and then.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::fields::Fields;

/// The first moment after `at`, each minute of the calendar being due just once: one in a gap right after it, one that
/// comes twice at its first pass. So later minutes are never due earlier, and the first that comes after `at` is it.
pub(super) fn next_by_the_calendar(fields: &Fields, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let mut minute = fields.next_from(minute_behind(zone.to_datetime(at))?)?;
    loop {
        let due = once(minute, zone)?;
        if due > at {
            return Some(due);
        }
        minute = fields.next_from(minute_behind(minute)?)?;
    }
}

/// The last such moment until `at`.
pub(super) fn latest_by_the_calendar(fields: &Fields, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    // In the second pass the first has gone further than the clock shows.
    let shown = zone.to_datetime(at);
    let furthest = last_change(at, zone).map_or(shown, |change| shown.max(change.shown_before));
    let mut minute = fields.latest_until(furthest)?;
    loop {
        let due = once(minute, zone)?;
        if due <= at {
            return Some(due);
        }
        minute = fields.latest_until(minute.checked_sub(1.minute()).ok()?)?;
    }
}

/// The first moment after `at` at which a clock on the wall shows a due minute.
pub(super) fn next_by_real_hours(fields: &Fields, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let mut from = minute_behind(zone.to_datetime(at))?;
    let mut offset = zone.to_offset(at);
    let mut changes = zone.following(at);
    loop {
        let change = changes.next();
        let due = fields.next_from(from).and_then(|minute| offset.to_timestamp(minute).ok());
        match (due, change) {
            (Some(due), Some(change)) if due < change.timestamp() => return Some(due),
            (_, Some(change)) => {
                offset = change.offset();
                from = whole_minute_from(offset.to_datetime(change.timestamp()))?;
            }
            (due, None) => return due,
        }
    }
}

/// The last such moment until `at`.
pub(super) fn latest_by_real_hours(fields: &Fields, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let mut until = at;
    loop {
        let offset = zone.to_offset(until);
        let due = fields.latest_until(offset.to_datetime(until)).and_then(|minute| offset.to_timestamp(minute).ok());
        match (due, last_change(until, zone)) {
            (Some(due), Some(change)) if due >= change.at => return Some(due),
            (_, Some(change)) => until = change.at.checked_sub(SignedDuration::from_nanos(1)).ok()?,
            (due, None) => return due,
        }
    }
}

/// When a minute of the calendar is due, being due just once.
fn once(minute: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(minute).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(minute).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(minute).ok(),
        // Taken with the offset behind the gap it lies before the gap.
        AmbiguousOffset::Gap { after, .. } => {
            let before_gap = after.to_timestamp(minute).ok()?;
            zone.following(before_gap).next().map(|change| change.timestamp())
        }
    }
}

/// A change of the clocks.
struct Change {
    at: Timestamp,
    /// Up to here the clocks had gone.
    shown_before: DateTime,
}

/// The last change until `at`.
fn last_change(at: Timestamp, zone: &TimeZone) -> Option<Change> {
    let moment = SignedDuration::from_nanos(1);
    let found = zone.preceding(at.checked_add(moment).ok()?).next()?.timestamp();
    let before: Offset = zone.to_offset(found.checked_sub(moment).ok()?);
    let shown_before = before.to_datetime(found).checked_sub(moment).ok()?;
    Some(Change { at: found, shown_before })
}

/// The whole minute behind the one that `shown` lies in.
fn minute_behind(shown: DateTime) -> Option<DateTime> {
    begun_minute(shown)?.checked_add(1.minute()).ok()
}

/// `shown`, or the next whole minute.
fn whole_minute_from(shown: DateTime) -> Option<DateTime> {
    if begun_minute(shown)? == shown { Some(shown) } else { minute_behind(shown) }
}

fn begun_minute(shown: DateTime) -> Option<DateTime> {
    shown.with().second(0).subsec_nanosecond(0).build().ok()
}
