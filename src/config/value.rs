//! Single values: from a TOML value or a text to a typed value, or a sentence that says what was expected.

use std::path::{Component, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use jiff::tz::TimeZone;
use toml::de::DeValue;

use super::settings::MinFree;

/// What a value turned out to be, or why it is none.
pub(super) type Parsed<T> = Result<T, String>;

/// A text, handed on to `parse`.
pub(super) fn text<T>(value: &DeValue<'_>, parse: impl Fn(&str) -> Parsed<T>) -> Parsed<T> {
    value.as_str().map_or_else(|| Err(wrong_type(value, "a text in quotes")), parse)
}

/// A list of texts, each handed on to `parse`; the first bad one is named.
pub(super) fn list<T>(value: &DeValue<'_>, parse: impl Fn(&str) -> Parsed<T>) -> Parsed<Vec<T>> {
    let items = value.as_array().ok_or_else(|| wrong_type(value, "a list such as [\"a\", \"b\"]"))?;
    items.iter().map(|item| text(item.get_ref(), &parse)).collect()
}

/// `true` or `false`.
pub(super) fn boolean(value: &DeValue<'_>) -> Parsed<bool> {
    value.as_bool().ok_or_else(|| wrong_type(value, "true or false"))
}

/// A whole number of `low` to `high`.
pub(super) fn integer(value: &DeValue<'_>, low: u16, high: u16) -> Parsed<u16> {
    let number = value.as_integer().ok_or_else(|| wrong_type(value, "a whole number"))?;
    let parsed = i64::from_str_radix(number.as_str(), number.radix()).ok();
    within(parsed, low, high).ok_or_else(|| out_of_range(&number.to_string(), low, high))
}

/// A whole number of `low` to `high`, from a text.
pub(super) fn integer_text(text: &str, low: u16, high: u16) -> Parsed<u16> {
    within(text.trim().parse().ok(), low, high).ok_or_else(|| out_of_range(text, low, high))
}

fn within(number: Option<i64>, low: u16, high: u16) -> Option<u16> {
    number.and_then(|number| u16::try_from(number).ok()).filter(|number| (low..=high).contains(number))
}

fn out_of_range(given: &str, low: u16, high: u16) -> String {
    format!("{given} is not a whole number from {low} to {high}")
}

/// An absolute path without `..`, so that what it names does not depend on where the daemon was started.
pub(super) fn absolute_path(text: &str) -> Parsed<PathBuf> {
    let path = PathBuf::from(text);
    if text.contains('\0') {
        return Err("holds a NUL byte, which no path can".to_owned());
    }
    if !path.is_absolute() {
        return Err(format!("'{text}' is not an absolute path; begin it with /"));
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(format!("'{text}' goes up with '..'; write the path that is meant"));
    }
    // Collected again, so that a doubled or trailing slash makes no difference later.
    Ok(path.components().collect())
}

/// A duration such as `36h` or `7d`.
pub(super) fn duration(text: &str) -> Parsed<Duration> {
    humantime::parse_duration(text)
        .map_err(|error| format!("'{text}' is not a duration ({error}); write one such as \"36h\" or \"7d\""))
}

/// A duration that is more than nothing.
pub(super) fn positive_duration(text: &str) -> Parsed<Duration> {
    let duration = duration(text)?;
    if duration.is_zero() { Err(format!("'{text}' is no time at all; write a duration above 0")) } else { Ok(duration) }
}

/// A share such as `5%` or a size such as `10GB`.
pub(super) fn min_free(text: &str) -> Parsed<MinFree> {
    if let Some(percent) = text.strip_suffix('%') {
        return integer_text(percent, 0, 99)
            .map_err(|reason| format!("{reason} before the %"))
            .and_then(|percent| u8::try_from(percent).map_err(|error| error.to_string()))
            .map(MinFree::Percent);
    }
    text.parse::<ByteSize>()
        .map(|size| MinFree::Bytes(size.as_u64()))
        .map_err(|error| format!("'{text}' is neither a share nor a size ({error}); write \"5%\" or \"10GB\""))
}

/// A time zone of the IANA database.
pub(super) fn timezone(text: &str) -> Parsed<TimeZone> {
    TimeZone::get(text)
        .map_err(|_| format!("'{text}' is no time zone of the IANA database; write one such as \"Europe/Berlin\""))
}

pub(super) fn wrong_type(value: &DeValue<'_>, expected: &str) -> String {
    let given = match value.type_str() {
        "string" => "a text",
        "integer" => "a whole number",
        "float" => "a number with a point",
        "boolean" => "true or false",
        "datetime" => "a date",
        "array" => "a list",
        _ => "a table",
    };
    format!("expected {expected}, found {given}")
}
