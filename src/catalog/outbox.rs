//! The outbox: notices on their way to one recipient each, and jobs of whose end nobody was told yet.
//!
//! A row goes in with the fact that it tells of, and leaves the waiting ones when the other side took it, when it was given
//! up, or when a later one says more. What a notice says is text to this floor.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, Row, params};

use super::column::{json, ms, time, time_or_null, word};
use super::job::untold;
use super::{Catalog, CatalogError, Job};
use crate::model::{ChannelKind, JobId};

/// A row that waits for longer than this was written while the clock was wrong, and is due.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(2);

/// What was given up counts for this long.
const GIVEN_UP_COUNTS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What has ended is forgotten after this.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(90 * 24);

/// A notice to put into the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNotice {
    /// The way.
    pub channel: ChannelKind,
    /// The address, or the webhook's name.
    pub recipient: String,
    /// What it says, as JSON.
    pub notice: String,
}

/// A notice that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its number; later ones are newer.
    pub seq: i64,
    /// The way.
    pub channel: ChannelKind,
    /// The address, or the webhook's name.
    pub recipient: String,
    /// What it says.
    pub notice: serde_json::Value,
    /// When it was written.
    pub created_at: Timestamp,
    /// How often its delivery was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub next_attempt_at: Timestamp,
    /// What the other side, or the way there, answered last.
    pub last_error: Option<String>,
}

/// How the outbox stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoticesCount {
    /// Not delivered yet.
    pub waiting: u64,
    /// Given up within the last week.
    pub given_up: u64,
    /// Recipients of those to whom nothing was delivered since.
    pub unreachable: u64,
    /// Since when the oldest that was tried in vain waits; `None` when none was.
    pub failing_since: Option<Timestamp>,
    /// What was answered last to one that waits or was given up within the last week.
    pub last_error: Option<String>,
}

impl Catalog {
    /// Up to 100 jobs that ended and of which nobody was told, the oldest first.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn untold_jobs(&self) -> Result<Vec<Job>, CatalogError> {
        self.read(untold::jobs)
    }

    /// Puts the notices of a job's end into the outbox, unless somebody did before; returns whether it did. There may be
    /// none, when nobody wants to know.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn tell(&self, job: JobId, notices: &[NewNotice], now: Timestamp) -> Result<bool, CatalogError> {
        self.write(|tx| {
            let is_new = untold::mark(tx, job)?;
            if is_new {
                insert(tx, notices, now)?;
            }
            Ok(is_new)
        })
    }

    /// Up to `limit` notices whose delivery is due, the oldest first.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn due_notices(&self, now: Timestamp, limit: u32) -> Result<Vec<OutboxRow>, CatalogError> {
        let sql =
            "SELECT * FROM outbox WHERE state = 'waiting' AND (next_attempt_at_ms <= ?1 OR next_attempt_at_ms > ?2)
            ORDER BY seq LIMIT ?3";
        self.read(|db| rows(db, sql, params![ms(now), ms(later(now, LONGEST_WAIT)), limit]))
    }

    /// All notices that wait, due or not, the oldest first.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn waiting_notices(&self) -> Result<Vec<OutboxRow>, CatalogError> {
        self.read(|db| rows(db, "SELECT * FROM outbox WHERE state = 'waiting' ORDER BY seq", []))
    }

    /// When the next notice is due; `None` when none waits.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn next_notice_at(&self) -> Result<Option<Timestamp>, CatalogError> {
        let sql = "SELECT min(next_attempt_at_ms) AS at FROM outbox WHERE state = 'waiting'";
        self.read(|db| Ok(db.query_row(sql, [], |row| time_or_null(row, "at"))?))
    }

    /// Notes that the other side took a notice.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn notice_delivered(&self, seq: i64, now: Timestamp) -> Result<(), CatalogError> {
        let sql = "UPDATE outbox SET state = 'sent', attempts = attempts + 1, ended_at_ms = ?2, last_error = NULL
            WHERE seq = ?1 AND state = 'waiting'";
        self.write(|tx| Ok(tx.execute(sql, params![seq, ms(now)]).map(drop)?))
    }

    /// Notes that a notice was not delivered, and when it is tried next; `None` to give it up.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn notice_failed(
        &self,
        seq: i64,
        error: &str,
        next_attempt: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        let sql = "UPDATE outbox SET attempts = attempts + 1, last_error = ?2,
            next_attempt_at_ms = coalesce(?3, next_attempt_at_ms),
            state = iif(?3 IS NULL, 'given_up', state), ended_at_ms = iif(?3 IS NULL, ?4, NULL)
            WHERE seq = ?1 AND state = 'waiting'";
        self.write(|tx| Ok(tx.execute(sql, params![seq, error, next_attempt.map(ms), ms(now)]).map(drop)?))
    }

    /// Ends notices that wait because a later one to the same recipient says what became of the same thing.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn notices_superseded(&self, seqs: &[i64], now: Timestamp) -> Result<(), CatalogError> {
        let sql = "UPDATE outbox SET state = 'superseded', ended_at_ms = ?2 WHERE seq = ?1 AND state = 'waiting'";
        self.write(|tx| {
            let mut statement = tx.prepare_cached(sql)?;
            seqs.iter().try_for_each(|seq| statement.execute(params![seq, ms(now)]).map(drop))?;
            Ok(())
        })
    }

    /// How the outbox stands.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn notices_status(&self, now: Timestamp) -> Result<NoticesCount, CatalogError> {
        let since = ms(later(now, -GIVEN_UP_COUNTS));
        let sql = "SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting,
                count(*) FILTER (WHERE state = 'given_up') AS given_up,
                min(created_at_ms) FILTER (WHERE state = 'waiting' AND attempts > 0) AS failing_since
            FROM outbox WHERE state = 'waiting' OR (state = 'given_up' AND ended_at_ms >= ?1)";
        let last_error = "SELECT last_error FROM outbox WHERE last_error IS NOT NULL
            AND (state = 'waiting' OR (state = 'given_up' AND ended_at_ms >= ?1)) ORDER BY seq DESC LIMIT 1";
        let unreachable =
            "SELECT count(DISTINCT lost.channel || ' ' || lost.recipient) AS unreachable FROM outbox AS lost
            WHERE lost.state = 'given_up' AND lost.ended_at_ms >= ?1 AND NOT EXISTS (
                SELECT 1 FROM outbox AS sent WHERE sent.state = 'sent' AND sent.channel = lost.channel
                AND sent.recipient = lost.recipient AND sent.ended_at_ms >= lost.ended_at_ms)";
        self.read(|db| {
            let unreachable = db.query_row(unreachable, [since], |row| super::column::size(row, "unreachable"))?;
            let count = db.query_row(sql, [since], |row| {
                Ok(NoticesCount {
                    waiting: super::column::size(row, "waiting")?,
                    given_up: super::column::size(row, "given_up")?,
                    failing_since: time_or_null(row, "failing_since")?,
                    last_error: None,
                    unreachable,
                })
            })?;
            let last_error = db.prepare_cached(last_error)?.query_map([since], |row| row.get(0))?.next().transpose()?;
            Ok(NoticesCount { last_error, ..count })
        })
    }

    /// Forgets notices that ended long ago.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn forget_old_notices(&self, now: Timestamp) -> Result<(), CatalogError> {
        let before = ms(later(now, -FORGOTTEN_AFTER));
        // Looked for first: a transaction that changes nothing would still be an fsync.
        let old = "SELECT EXISTS (SELECT 1 FROM outbox WHERE state <> 'waiting' AND ended_at_ms < ?1)";
        if self.read(|db| Ok(db.query_row(old, [before], |row| row.get(0))?))? {
            let sql = "DELETE FROM outbox WHERE state <> 'waiting' AND ended_at_ms < ?1";
            self.write(|tx| Ok(tx.execute(sql, [before]).map(drop)?))?;
        }
        Ok(())
    }
}

/// Adds waiting rows that are due at once, as part of the transaction of what they tell of.
pub(super) fn insert(tx: &Connection, notices: &[NewNotice], now: Timestamp) -> Result<(), CatalogError> {
    let sql = "INSERT INTO outbox (channel, recipient, notice_json, created_at_ms, next_attempt_at_ms, state)
        VALUES (?1, ?2, ?3, ?4, ?4, 'waiting')";
    let mut statement = tx.prepare_cached(sql)?;
    for notice in notices {
        statement.execute(params![notice.channel.as_str(), notice.recipient, notice.notice, ms(now)])?;
    }
    Ok(())
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.saturating_add(by).unwrap_or(now)
}

fn rows(db: &Connection, sql: &str, parameters: impl rusqlite::Params) -> Result<Vec<OutboxRow>, CatalogError> {
    let mut statement = db.prepare_cached(sql)?;
    Ok(statement.query_map(parameters, row_in)?.collect::<Result<_, _>>()?)
}

fn row_in(row: &Row<'_>) -> rusqlite::Result<OutboxRow> {
    Ok(OutboxRow {
        seq: row.get("seq")?,
        channel: word(row, "channel")?,
        recipient: row.get("recipient")?,
        notice: json(row, "notice_json")?,
        created_at: time(row, "created_at_ms")?,
        attempts: row.get("attempts")?,
        next_attempt_at: time(row, "next_attempt_at_ms")?,
        last_error: row.get("last_error")?,
    })
}

#[cfg(test)]
mod tests;
