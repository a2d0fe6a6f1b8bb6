//! From what is wrong and what fires already to what changes, and what of that is told. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::condition::Condition;
use super::notice::Occasion;
use super::rules::rank;
use crate::catalog::{AlertChange, AlertRecord};
use crate::model::AlertId;

/// What a look at the conditions comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Transitions {
    /// What changes.
    pub(super) changes: Vec<AlertChange>,
    /// What somebody is told, with the alert in its new words.
    pub(super) told: Vec<(Occasion, AlertRecord)>,
}

/// Compares `conditions` with the alerts that are `firing`. One whose condition is gone is resolved when `is_over` says so.
pub(super) fn transitions(
    conditions: &[Condition],
    firing: &[AlertRecord],
    now: Timestamp,
    remind_every: Duration,
    is_over: impl Fn(&AlertRecord) -> bool,
) -> Transitions {
    let mut found = Transitions::default();
    let by_key: BTreeMap<&str, &AlertRecord> = firing.iter().map(|alert| (alert.key.as_str(), alert)).collect();
    let mut last = BTreeMap::new();
    for condition in conditions.iter().filter(|condition| condition.event.is_some()) {
        // Two conditions of one key would be a mistake in a rule; the worse one, which comes first, counts.
        if last.insert(condition.key.as_str(), ()).is_some() {
            continue;
        }
        match by_key.get(condition.key.as_str()) {
            None => found.fire(condition, now),
            Some(alert) => found.go_on(condition, alert, now, remind_every),
        }
    }
    for alert in firing.iter().filter(|alert| !last.contains_key(alert.key.as_str()) && is_over(alert)) {
        found.changes.push(AlertChange::Resolve { id: alert.id, at: now });
        found.told.push((Occasion::Resolved, AlertRecord { resolved_at: Some(now), ..alert.clone() }));
    }
    found
}

impl Transitions {
    fn fire(&mut self, condition: &Condition, now: Timestamp) {
        let Some(event) = condition.event else { return };
        let alert = AlertRecord {
            id: AlertId::generate(),
            key: condition.key.clone(),
            event,
            severity: condition.severity,
            message: condition.message.clone(),
            next_step: condition.next_step.clone(),
            fired_at: now,
            reminded_at: None,
            resolved_at: None,
            acknowledged: None,
        };
        self.changes.push(AlertChange::Fire(alert.clone()));
        if !condition.is_told_by_job {
            self.told.push((Occasion::Fired, alert));
        }
    }

    fn go_on(&mut self, condition: &Condition, alert: &AlertRecord, now: Timestamp, remind_every: Duration) {
        let reworded = AlertRecord {
            severity: condition.severity,
            message: condition.message.clone(),
            next_step: condition.next_step.clone(),
            ..alert.clone()
        };
        if reworded != *alert {
            self.changes.push(AlertChange::Reword {
                id: alert.id,
                severity: reworded.severity,
                message: reworded.message.clone(),
                next_step: reworded.next_step.clone(),
            });
        }
        let is_worse = rank(reworded.severity) > rank(alert.severity);
        if alert.acknowledged.is_none() && (is_worse || is_reminder_due(alert, now, remind_every)) {
            self.changes.push(AlertChange::Remind { id: alert.id, at: now });
            self.told.push((Occasion::Reminder, AlertRecord { reminded_at: Some(now), ..reworded }));
        }
    }
}

/// Also when the last time lies in the future: the clock was set back, and nobody is to wait until it is there again.
fn is_reminder_due(alert: &AlertRecord, now: Timestamp, remind_every: Duration) -> bool {
    let last = alert.reminded_at.unwrap_or(alert.fired_at);
    let every = SignedDuration::try_from(remind_every).unwrap_or(SignedDuration::MAX);
    let since = now.duration_since(last);
    since >= every || since < -every
}
