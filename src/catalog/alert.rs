//! Alerts: what fires, what did, and who knows of it. One row fires for each key.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Params, Row, named_params, params};
use serde::{Deserialize, Serialize};

use super::column::{json_or_null, ms, time, time_or_null, word};
use super::find::{IdPrefix, MAX_CANDIDATES, only_one};
use super::{Catalog, CatalogError, FindError, NewNotice, audit, outbox};
use crate::audit::{Actor, Entry};
use crate::model::{AlertId, EventKind, Severity};

/// A condition that fires, or did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRecord {
    /// From its firing to its end.
    pub id: AlertId,
    /// What it is about, such as `missing_backup/data`.
    pub key: String,
    /// What kind of thing happened.
    pub event: EventKind,
    /// How bad it is.
    pub severity: Severity,
    /// What happened and why.
    pub message: String,
    /// The next command or step; empty when there is none.
    pub next_step: String,
    /// Since when.
    pub fired_at: Timestamp,
    /// When somebody was last reminded.
    pub reminded_at: Option<Timestamp>,
    /// When it was over; `None` while it fires.
    pub resolved_at: Option<Timestamp>,
    /// Who knows of it.
    pub acknowledged: Option<Acknowledgement>,
}

/// Somebody knows of an alert, and is reminded no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub who: String,
    /// When.
    pub at: Timestamp,
    /// Why, or what is done about it.
    pub why: String,
}

/// A change in the life of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertChange {
    /// It begins.
    Fire(AlertRecord),
    /// It still fires, and is put in other words by now. Of this the audit trail has no record: it changes by the minute.
    Reword {
        /// Which.
        id: AlertId,
        /// How bad it is by now.
        severity: Severity,
        /// What happened and why.
        message: String,
        /// The next command or step.
        next_step: String,
    },
    /// Somebody is told again.
    Remind {
        /// Which.
        id: AlertId,
        /// When.
        at: Timestamp,
    },
    /// It is over.
    Resolve {
        /// Which.
        id: AlertId,
        /// When.
        at: Timestamp,
    },
}

impl Catalog {
    /// Makes these changes, and puts these notices of them into the outbox, all in one transaction. An alert whose key
    /// fires already refuses all of it.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchAlert`] for a change of one that does not fire, or another.
    pub fn apply_alerts(
        &self,
        changes: &[AlertChange],
        notices: &[NewNotice],
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        self.write(|tx| {
            for change in changes {
                apply(tx, change)?;
            }
            outbox::insert(tx, notices, now)
        })
    }

    /// Notes that somebody knows of an alert that fires.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchAlert`] when it does not fire, or another.
    pub fn acknowledge_alert(
        &self,
        id: AlertId,
        acknowledgement: &Acknowledgement,
        actor: &Actor,
    ) -> Result<AlertRecord, CatalogError> {
        self.write(|tx| {
            let sql = "UPDATE alerts SET acknowledged_json = ?2 WHERE id = ?1 AND resolved_at_ms IS NULL";
            one_changed(id, tx.execute(sql, params![id.to_string(), serde_json::to_string(acknowledgement)?])?)?;
            let alert = by_id(tx, id)?;
            let entry = Entry::new(acknowledgement.at, actor.clone(), "alert.ack", id)
                .with("key", &alert.key)
                .because(&acknowledgement.why);
            audit::append(tx, &entry)?;
            Ok(alert)
        })
    }

    /// The alerts that fire, the oldest first.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn firing_alerts(&self) -> Result<Vec<AlertRecord>, CatalogError> {
        let sql = "SELECT * FROM alerts WHERE resolved_at_ms IS NULL ORDER BY fired_at_ms, id";
        self.read(|db| many(db, sql, []))
    }

    /// The newest `limit` alerts, those that are over too, the newest first.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn list_alerts(&self, limit: u32) -> Result<Vec<AlertRecord>, CatalogError> {
        let sql = "SELECT * FROM alerts ORDER BY fired_at_ms DESC, id DESC LIMIT ?1";
        self.read(|db| many(db, sql, [limit]))
    }

    /// When alerts of this kind were last acknowledged, by their keys; those that are over too.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn acknowledgements(&self, event: EventKind) -> Result<BTreeMap<String, Timestamp>, CatalogError> {
        let sql = "SELECT * FROM alerts WHERE event = ?1 AND acknowledged_json IS NOT NULL ORDER BY fired_at_ms";
        let alerts = self.read(|db| many(db, sql, [event.as_str()]))?;
        Ok(alerts.into_iter().filter_map(|alert| Some((alert.key, alert.acknowledged?.at))).collect())
    }

    /// The alert that a person means by `wanted`: the key of one that fires, an id, or a unique prefix of one.
    ///
    /// # Errors
    /// [`FindError`].
    pub fn find_alert(&self, wanted: &str) -> Result<AlertRecord, FindError> {
        let by_key = "SELECT * FROM alerts WHERE key = ?1 AND resolved_at_ms IS NULL";
        if let Some(alert) = self.read(|db| many(db, by_key, [wanted]))?.pop() {
            return Ok(alert);
        }
        let not_found = || FindError::NotFound { noun: "alert", wanted: wanted.to_owned() };
        let prefix = IdPrefix::parse(wanted).ok_or_else(not_found)?;
        if !prefix.is_long_enough() {
            return Err(FindError::TooShort { wanted: wanted.to_owned() });
        }
        let (first, behind) = prefix.range();
        let sql = "SELECT * FROM alerts WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3";
        let mut alerts = self.read(|db| many(db, sql, params![first, behind, MAX_CANDIDATES]))?;
        only_one("alert", wanted, alerts.iter().map(|alert| alert.id.to_string()).collect())?;
        Ok(alerts.remove(0))
    }
}

fn apply(tx: &Connection, change: &AlertChange) -> Result<(), CatalogError> {
    match change {
        AlertChange::Fire(alert) => {
            insert(tx, alert)?;
            audit::append(tx, &told(alert, "alert.fire", alert.fired_at).because(&alert.message))
        }
        AlertChange::Reword { id, severity, message, next_step } => {
            let sql = "UPDATE alerts SET severity = ?2, message = ?3, next_step = ?4
                WHERE id = ?1 AND resolved_at_ms IS NULL";
            one_changed(*id, tx.execute(sql, params![id.to_string(), severity.as_str(), message, next_step])?)
        }
        AlertChange::Remind { id, at } => {
            let sql = "UPDATE alerts SET reminded_at_ms = ?2 WHERE id = ?1 AND resolved_at_ms IS NULL";
            one_changed(*id, tx.execute(sql, params![id.to_string(), ms(*at)])?)
        }
        AlertChange::Resolve { id, at } => {
            let sql = "UPDATE alerts SET resolved_at_ms = ?2 WHERE id = ?1 AND resolved_at_ms IS NULL";
            one_changed(*id, tx.execute(sql, params![id.to_string(), ms(*at)])?)?;
            audit::append(tx, &told(&by_id(tx, *id)?, "alert.resolve", *at))
        }
    }
}

/// What the audit trail says of a change that the daemon makes.
fn told(alert: &AlertRecord, action: &str, at: Timestamp) -> Entry {
    Entry::new(at, Actor::daemon("alerts"), action, alert.id).with("key", &alert.key).with("severity", alert.severity)
}

fn one_changed(id: AlertId, changed: usize) -> Result<(), CatalogError> {
    if changed == 1 { Ok(()) } else { Err(CatalogError::NoSuchAlert(id)) }
}

fn insert(tx: &Connection, alert: &AlertRecord) -> Result<(), CatalogError> {
    let sql = "INSERT INTO alerts (id, key, event, severity, message, next_step, fired_at_ms)
        VALUES (:id, :key, :event, :severity, :message, :next_step, :fired_at)";
    tx.prepare_cached(sql)?.execute(named_params! {
        ":id": alert.id.to_string(),
        ":key": alert.key,
        ":event": alert.event.as_str(),
        ":severity": alert.severity.as_str(),
        ":message": alert.message,
        ":next_step": alert.next_step,
        ":fired_at": ms(alert.fired_at),
    })?;
    Ok(())
}

fn by_id(db: &Connection, id: AlertId) -> Result<AlertRecord, CatalogError> {
    let mut statement = db.prepare_cached("SELECT * FROM alerts WHERE id = ?1")?;
    statement.query_row([id.to_string()], alert_in).optional()?.ok_or(CatalogError::NoSuchAlert(id))
}

fn many(db: &Connection, sql: &str, parameters: impl Params) -> Result<Vec<AlertRecord>, CatalogError> {
    let mut statement = db.prepare_cached(sql)?;
    Ok(statement.query_map(parameters, alert_in)?.collect::<Result<_, _>>()?)
}

fn alert_in(row: &Row<'_>) -> rusqlite::Result<AlertRecord> {
    Ok(AlertRecord {
        id: word(row, "id")?,
        key: row.get("key")?,
        event: word(row, "event")?,
        severity: word(row, "severity")?,
        message: row.get("message")?,
        next_step: row.get("next_step")?,
        fired_at: time(row, "fired_at_ms")?,
        reminded_at: time_or_null(row, "reminded_at_ms")?,
        resolved_at: time_or_null(row, "resolved_at_ms")?,
        acknowledged: json_or_null(row, "acknowledged_json")?,
    })
}

#[cfg(test)]
mod tests;
