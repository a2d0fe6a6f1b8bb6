//! Values as people read them.

use std::borrow::Cow;

use bytesize::ByteSize;
use carelog_rpc::Time;
use jiff::tz::TimeZone;

/// `text` with everything escaped that could steer a terminal or turn the direction of writing.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let escaped = text.chars().map(|c| match c {
        '\n' | '\r' | '\t' => c.escape_default().to_string(),
        _ if c.is_ascii_control() => format!("\\x{:02x}", u32::from(c)),
        _ if steers(c) => c.escape_unicode().to_string(),
        _ => c.to_string(),
    });
    Cow::Owned(escaped.collect())
}

/// The same for a text of several lines of ours.
pub(crate) fn clean_lines(text: &str) -> String {
    text.split('\n').map(clean).collect::<Vec<_>>().join("\n")
}

fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// `1.4 GiB`.
pub(crate) fn size(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}

/// `12 files`, `1 file`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `45 s`, `12 min`, `2 h`, `3 d`: the unit in which it is at least 2, but for seconds.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// `2 h ago`.
pub(crate) fn age(at: Time, now: Time) -> String {
    if at > now { "in the future".to_owned() } else { format!("{} ago", span(at.seconds_until(now))) }
}

/// `2025-10-29 15:30:00` in `zone`.
pub(crate) fn local(at: Time, zone: &TimeZone) -> String {
    at.timestamp().to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// As many characters of an id as tell backups and jobs apart: those of the millisecond in which it was made.
pub(crate) fn short_id(id: &str) -> String {
    clean(id).chars().take(13).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(clean("plain \u{e4} name"), "plain \u{e4} name");
        assert_eq!(clean("a\x1b[2Jb\nc\x07\u{9b}d\u{202e}e"), "a\\x1b[2Jb\\nc\\x07\\u{9b}d\\u{202e}e");
    }

    #[test]
    fn a_span_is_told_in_the_unit_that_fits() {
        let told = [0, 119, 120, 7_199, 7_200, 172_799, 172_800, 31_536_000].map(span);
        assert_eq!(told, ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 d", "365 d"]);
    }

    #[test]
    fn an_age_counts_from_now() {
        assert_eq!(age(Time(0), Time(7_200_000)), "2 h ago");
        assert_eq!(age(Time(1), Time(0)), "in the future");
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!([0, 1023, 1024, 1_500_000_000].map(size), ["0 B", "1023 B", "1.0 KiB", "1.4 GiB"]);
    }

    #[test]
    fn a_time_is_told_in_the_zone_of_the_reader() {
        let zone = TimeZone::get("Europe/Berlin").expect("bundled");
        assert_eq!(local(Time(1_761_748_200_000), &zone), "2025-10-29 15:30:00");
    }
}
