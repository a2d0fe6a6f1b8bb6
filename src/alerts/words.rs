//! Values in words for people, steady enough that an alert is not put in other words each minute.

use std::time::Duration;

use bytesize::ByteSize;
use jiff::Timestamp;

use crate::model::ErrorCode;

/// `1.4 GiB`.
pub(super) fn size(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}

/// `12 files`, `1 file`.
pub(super) fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `45 s`, `12 min`, `2 h`, `3 d`: the unit in which it is at least 2, but for seconds.
pub(super) fn span(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// As it is written in the configuration: `36h`.
pub(super) fn limit(limit: Duration) -> String {
    humantime::format_duration(limit).to_string()
}

/// `2025-10-29 14:30 UTC`.
pub(super) fn at(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Why a job did not do what was asked, without its own words, which may name files of sources.
pub(super) const fn reason(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::Failed => "something could not be read, written or run",
        ErrorCode::Usage => "what was asked for makes no sense with the present configuration",
        ErrorCode::NotFound => "something that it names does not exist",
        ErrorCode::NotPermitted => "it is not permitted",
        ErrorCode::Corruption => "stored data is damaged or missing",
        ErrorCode::Conflict => "something else was in the way",
        ErrorCode::Refused => "it was refused for safety before anything was changed",
        ErrorCode::Cancelled => "it was cancelled",
    }
}
