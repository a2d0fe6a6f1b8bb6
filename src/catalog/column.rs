//! Columns to domain values and back.

use std::error::Error;
use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::Type;
use serde::de::DeserializeOwned;

/// A size or count as SQLite stores it. What is above 2^63 cannot occur on a disk.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A time as SQLite stores it.
pub(super) fn ms(time: Timestamp) -> i64 {
    time.as_millisecond()
}

/// A word, an id or a digest.
pub(super) fn word<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<T>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|error| undecodable(row, column, error))
}

/// A word, an id or a digest that may be absent.
pub(super) fn word_or_null<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    let text: Option<String> = row.get(column)?;
    text.map(|text| text.parse().map_err(|error| undecodable(row, column, error))).transpose()
}

/// A value that is kept as JSON.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| undecodable(row, column, error))
}

/// A value that is kept as JSON and may be absent.
pub(super) fn json_or_null<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| serde_json::from_str(&text).map_err(|error| undecodable(row, column, error))).transpose()
}

/// A time.
pub(super) fn time(row: &Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    let ms: i64 = row.get(column)?;
    Timestamp::from_millisecond(ms).map_err(|error| undecodable(row, column, error))
}

/// A time that may be absent.
pub(super) fn time_or_null(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Timestamp>> {
    let ms: Option<i64> = row.get(column)?;
    ms.map(|ms| Timestamp::from_millisecond(ms).map_err(|error| undecodable(row, column, error))).transpose()
}

/// A size or count.
pub(super) fn size(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|error| undecodable(row, column, error))
}

fn undecodable(row: &Row<'_>, column: &str, error: impl Error + Send + Sync + 'static) -> rusqlite::Error {
    let index = row.as_ref().column_index(column).unwrap_or_default();
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
}
