//! The audit table: appended to by every other noun's transactions, never changed.

use jiff::Timestamp;
use rusqlite::{Connection, Row, named_params};

use super::column::{int, json, ms, size, time, word};
use super::{Catalog, CatalogError};
use crate::audit::{Actor, Chain, Entry, FirstBroken, Head, Record};

/// Which records to list; the default is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Of this user, or of the person in whose name a gateway asked.
    pub user: Option<String>,
    /// The newest so many.
    pub limit: Option<u32>,
}

/// Why a check of the trail did not end well.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Somebody changed it.
    #[error(transparent)]
    Broken(#[from] FirstBroken),
    /// It could not be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl Catalog {
    /// Records something that changes no state: a refusal, a request to cancel.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn record(&self, entry: &Entry) -> Result<(), CatalogError> {
        self.write(|tx| append(tx, entry))
    }

    /// The records that `filter` asks for, oldest first.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn audit_records(&self, filter: &AuditFilter) -> Result<Vec<Record>, CatalogError> {
        let sql = "SELECT * FROM (
                SELECT * FROM audit
                WHERE (:since IS NULL OR time_ms >= :since)
                  AND (:user IS NULL OR user = :user OR on_behalf_of = :user)
                ORDER BY seq DESC LIMIT :limit
            ) ORDER BY seq";
        self.read(|db| {
            let mut statement = db.prepare_cached(sql)?;
            let records = statement.query_map(
                named_params! {
                    ":since": filter.since.map(ms),
                    ":user": filter.user,
                    ":limit": filter.limit.map_or(-1, i64::from),
                },
                record_in,
            )?;
            Ok(records.collect::<Result<_, _>>()?)
        })
    }

    /// The end of the trail, as it was noted with its last record. Whoever was told of it can later show that nothing
    /// before it was changed.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn audit_head(&self) -> Result<Head, CatalogError> {
        self.read(head)
    }

    /// Checks the whole trail; returns its end.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn verify_audit(&self) -> Result<Head, AuditError> {
        let connection = self.lock();
        let noted = head(&connection)?;
        let mut statement = connection.prepare("SELECT * FROM audit ORDER BY seq").map_err(CatalogError::from)?;
        let mut chain = Chain::default();
        for record in statement.query_map([], record_in).map_err(CatalogError::from)? {
            match record {
                Ok(record) => chain.push(&record)?,
                Err(error) if is_about_content(&error) => {
                    return Err(
                        FirstBroken { seq: chain.next_seq(), why: format!("it cannot be read: {error}") }.into()
                    );
                }
                Err(error) => return Err(CatalogError::from(error).into()),
            }
        }
        Ok(chain.end(Some(noted))?)
    }
}

/// Appends `entry` to the trail, as part of the transaction that changes what it tells of.
pub(super) fn append(tx: &Connection, entry: &Entry) -> Result<(), CatalogError> {
    let Record { seq, entry, prev, hash } = Record::behind(head(tx)?, entry.clone());
    let sql = "INSERT INTO audit VALUES (:seq, :time, :user, :uid, :login_uid, :via, :on_behalf_of, :action, :target,
               :parameters, :reason, :outcome, :prev, :hash)";
    tx.prepare_cached(sql)?.execute(named_params! {
        ":seq": int(seq),
        ":time": ms(entry.time),
        ":user": entry.actor.user,
        ":uid": entry.actor.uid,
        ":login_uid": entry.actor.login_uid,
        ":via": entry.actor.via,
        ":on_behalf_of": entry.actor.on_behalf_of,
        ":action": entry.action,
        ":target": entry.target,
        ":parameters": serde_json::to_string(&entry.parameters)?,
        ":reason": entry.reason,
        ":outcome": entry.outcome.as_str(),
        ":prev": prev.to_string(),
        ":hash": hash.to_string(),
    })?;
    tx.execute("UPDATE audit_head SET seq = ?1, hash = ?2", (int(seq), hash.to_string()))?;
    Ok(())
}

fn head(db: &Connection) -> Result<Head, CatalogError> {
    let read = |row: &Row<'_>| Ok(Head { seq: size(row, "seq")?, hash: word(row, "hash")? });
    Ok(db.query_row("SELECT seq, hash FROM audit_head", [], read)?)
}

/// Whether a value in a row is not what this program writes, as opposed to a row that cannot be had.
fn is_about_content(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
    matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..))
}

fn record_in(row: &Row<'_>) -> rusqlite::Result<Record> {
    let actor = Actor {
        user: row.get("user")?,
        uid: row.get("uid")?,
        login_uid: row.get("login_uid")?,
        via: row.get("via")?,
        on_behalf_of: row.get("on_behalf_of")?,
    };
    let entry = Entry {
        time: time(row, "time_ms")?,
        actor,
        action: row.get("action")?,
        target: row.get("target")?,
        parameters: json(row, "parameters_json")?,
        reason: row.get("reason")?,
        outcome: word(row, "outcome")?,
    };
    Ok(Record { seq: size(row, "seq")?, entry, prev: word(row, "prev")?, hash: word(row, "hash")? })
}

#[cfg(test)]
mod tests;
