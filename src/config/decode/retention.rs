//! `[retention]`, and `BACKUP_RETENTION_DAYS`.

use std::time::Duration;

use bytesize::ByteSize;
use toml::de::DeValue;

use crate::config::document::Fields;
use crate::config::environment::{self, Lookup};
use crate::config::problem::Problems;
use crate::config::reader::Reader;
use crate::config::value::{self, Parsed};
use crate::retention::{Keep, RetentionPolicy};

/// A hundred years: nobody means more, and nothing is lost by writing "all".
const MOST_DAYS: u16 = 36_500;

pub(super) fn retention(
    fields: Option<&Fields<'_>>,
    environment: &Lookup<'_>,
    problems: &mut Problems,
) -> RetentionPolicy {
    let default = RetentionPolicy::default();
    let mut reader = Reader::new(fields, problems);
    let within = reader.text("keep_within", value::duration);
    let days = reader.environment(environment, environment::BACKUP_RETENTION_DAYS, days);
    let policy = RetentionPolicy {
        keep_last: reader.value("keep_last", keep).unwrap_or(default.keep_last),
        keep_hourly: reader.value("keep_hourly", keep).unwrap_or(default.keep_hourly),
        keep_daily: reader.value("keep_daily", keep).unwrap_or(default.keep_daily),
        keep_weekly: reader.value("keep_weekly", keep).unwrap_or(default.keep_weekly),
        keep_monthly: reader.value("keep_monthly", keep).unwrap_or(default.keep_monthly),
        keep_yearly: reader.value("keep_yearly", keep).unwrap_or(default.keep_yearly),
        keep_within: days.or(within).unwrap_or(default.keep_within),
        keep_safety: reader.text("keep_safety", value::duration).unwrap_or(default.keep_safety),
        max_total_bytes: reader.text("max_total_size", max_total_size).unwrap_or(default.max_total_bytes),
        trash: reader.text("trash", value::duration).unwrap_or(default.trash),
    };
    if policy.keeps_nothing() {
        let origin = reader.origin("keep_last");
        reader.report(origin, "keep_last", "and every other keep_ are 0, which keeps nothing; let one of them be more");
    }
    policy
}

/// A number, or `"all"`.
fn keep(found: &DeValue<'_>) -> Parsed<Keep> {
    match found.as_str() {
        Some("all") => Ok(Keep::All),
        Some(other) => Err(format!("'{other}' is neither a whole number nor \"all\"")),
        None => value::integer(found, 0, u16::MAX).map(|count| Keep::Count(count.into())),
    }
}

fn days(text: &str) -> Parsed<Duration> {
    let days = value::integer_text(text, 1, MOST_DAYS)?;
    Ok(Duration::from_hours(24 * u64::from(days)))
}

/// A size; `"0"` for none.
fn max_total_size(text: &str) -> Parsed<Option<u64>> {
    let size = text.parse::<ByteSize>();
    let bytes =
        size.map_err(|error| format!("'{text}' is not a size ({error}); write one such as \"2TB\", or \"0\""))?;
    Ok(Some(bytes.as_u64()).filter(|bytes| *bytes > 0))
}
