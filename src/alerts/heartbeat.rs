//! Heartbeats: webhooks that are called only while all is well, so that silence is an alarm elsewhere.
//!
//! They are no notices: one that is missed is not made up for. Whether all is well is what the rules last found, and only for
//! a short while: when nobody looks any more, nothing is well. Called by the daemon's delivery.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::ways::Delivery;
use crate::clock::Clock;

/// What the rules found counts for this long. They look each minute.
const COUNTS_FOR: SignedDuration = SignedDuration::from_mins(5);

/// What the rules found when they last looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wellbeing {
    /// When.
    pub seen_at: Timestamp,
    /// Whether nothing fires that is worse than worth knowing.
    pub is_well: bool,
}

impl Wellbeing {
    fn is_well_at(self, now: Timestamp) -> bool {
        self.is_well && now.duration_since(self.seen_at).abs() <= COUNTS_FOR
    }
}

/// When each heartbeat was last called.
#[derive(Debug)]
pub struct Heartbeats {
    clock: Clock,
    last: Mutex<BTreeMap<String, Timestamp>>,
}

impl Heartbeats {
    /// Heartbeats of which none was called yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, last: Mutex::default() }
    }

    /// Calls every heartbeat that is due, if all is well; when it wants to be called next, or `None` when there is no
    /// heartbeat. Blocks for as long as the servers take.
    pub fn beat_due(&self, delivery: &Delivery<'_>, wellbeing: Option<Wellbeing>) -> Option<Timestamp> {
        let mut next: Option<Timestamp> = None;
        for caller in delivery.heartbeats() {
            let webhook = caller.webhook();
            let every = SignedDuration::try_from(webhook.heartbeat?).unwrap_or(SignedDuration::MAX);
            let now = self.clock.now();
            let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).get(&webhook.name).copied();
            let due = last.and_then(|last| last.saturating_add(every).ok());
            // A last time ahead of now is one from before the clock was set back.
            let is_due = due.is_none_or(|due| due <= now) || last.is_some_and(|last| last > now);
            let mut again = due.unwrap_or(now);
            if is_due {
                again = now.saturating_add(every).unwrap_or(Timestamp::MAX);
                if wellbeing.is_some_and(|wellbeing| wellbeing.is_well_at(now)) {
                    if let Err(why) = delivery.beat(caller) {
                        tracing::warn!("the heartbeat '{}' was not heard: {why}", webhook.name);
                    }
                    self.last.lock().unwrap_or_else(PoisonError::into_inner).insert(webhook.name.clone(), now);
                }
            }
            next = Some(next.map_or(again, |next| next.min(again)));
        }
        next
    }
}
