//! How much the archives took on each day.

use jiff::Timestamp;
use rusqlite::params;

use super::column::{int, size};
use super::{Catalog, CatalogError};

const MS_PER_DAY: i64 = 24 * 60 * 60 * 1000;

/// How many days are looked back on.
const DAYS: i64 = 28;

impl Catalog {
    /// Notes what the archives take, unless that was done today.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn note_store_bytes(&self, bytes: u64, now: Timestamp) -> Result<(), CatalogError> {
        let day = day_of(now);
        let noted = "SELECT EXISTS (SELECT 1 FROM store_days WHERE day = ?1)";
        if self.read(|db| Ok(db.query_row(noted, [day], |row| row.get(0))?))? {
            return Ok(());
        }
        self.write(|tx| {
            tx.execute("INSERT OR IGNORE INTO store_days (day, bytes) VALUES (?1, ?2)", params![day, int(bytes)])?;
            // Also what a wrong clock wrote into the future.
            tx.execute("DELETE FROM store_days WHERE day <= ?1 OR day > ?2", params![day - DAYS, day])?;
            Ok(())
        })
    }

    /// What the archives took on the days of the last four weeks on which it was noted, as days before now and bytes.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn store_days(&self, now: Timestamp) -> Result<Vec<(i64, u64)>, CatalogError> {
        let sql = "SELECT day - ?1 AS day, bytes FROM store_days WHERE day > ?1 - ?2 AND day <= ?1 ORDER BY day";
        self.read(|db| {
            let mut statement = db.prepare_cached(sql)?;
            let days = statement.query_map([day_of(now), DAYS], |row| Ok((row.get("day")?, size(row, "bytes")?)))?;
            Ok(days.collect::<Result<_, _>>()?)
        })
    }
}

fn day_of(now: Timestamp) -> i64 {
    now.as_millisecond().div_euclid(MS_PER_DAY)
}

#[cfg(test)]
mod tests {
    use crate::catalog::samples::{self, time};

    #[test]
    fn the_first_look_of_a_day_counts_and_four_weeks_are_kept() {
        let (catalog, _dir) = samples::catalog();
        let day = |n: u32| time(n * 24 * 60);
        for n in 0..40 {
            catalog.note_store_bytes(u64::from(n), day(n)).unwrap();
            catalog.note_store_bytes(1000, day(n)).unwrap();
        }
        let days = catalog.store_days(day(39)).unwrap();
        let expected: Vec<_> = (12..40).map(|n| (n - 39, u64::try_from(n).unwrap())).collect();
        assert_eq!(days, expected);
        assert_eq!(catalog.store_days(day(12)).unwrap(), [(0, 12)], "what is to come is not known yet");
        catalog.note_store_bytes(7, day(9)).unwrap();
        assert_eq!(catalog.store_days(day(9)).unwrap(), [(0, 7)], "a clock that was set back begins anew");
    }
}
