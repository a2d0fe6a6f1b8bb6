//! Delivers what waits in the outbox, and calls heartbeats.
//!
//! A task of its own, so that a mail server that is slow holds up nothing else. It wakes after each round, when something
//! may have been written down, and when a letter that waits is due again.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::rounds::Seen;
use crate::alerts::{Heartbeats, Outbox, Ways, Wellbeing};
use crate::job::Parts;
use crate::model::Severity;
use crate::server::Policy;
use crate::signals::Shutdown;

/// What is due sooner is not waited for any shorter.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// What is due later is looked at again after this: the clock may be set meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What goes out.
#[derive(Debug)]
pub(super) struct Post {
    outbox: Outbox,
    heartbeats: Heartbeats,
    parts: Arc<Parts>,
    policy: Arc<RwLock<Policy>>,
}

impl Post {
    pub(super) fn new(parts: Arc<Parts>, policy: Arc<RwLock<Policy>>) -> Self {
        let outbox = Outbox::new(parts.catalog.clone(), parts.clock.clone());
        Self { outbox, heartbeats: Heartbeats::new(parts.clock.clone()), parts, policy }
    }

    /// Delivers what is due, and calls the heartbeats that are; how long there is nothing to do then. `None` for as long as
    /// nothing new is written down. Blocks.
    fn go(&self, seen: Option<Seen>, stop: &CancellationToken) -> Option<Duration> {
        let ways = self.ways();
        let delivery = ways.until(stop.clone());
        let delivered = self.outbox.deliver_due(&delivery);
        let next_letter = delivered.unwrap_or_else(|error| {
            tracing::error!(%error, "the outbox cannot be read or written; it is tried again in a minute");
            Some(Timestamp::MAX)
        });
        // A daemon that ends says nothing more, least of all that all is well.
        let next_beat =
            if stop.is_cancelled() { None } else { self.heartbeats.beat_due(&delivery, self.wellbeing(seen)) };
        let next = next_letter.into_iter().chain(next_beat).min()?;
        let wait: SignedDuration = next.duration_since(self.parts.clock.now());
        Some(Duration::try_from(wait).unwrap_or_default().clamp(SHORTEST_WAIT, LONGEST_WAIT))
    }

    fn ways(&self) -> Arc<Ways> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner).ways)
    }

    /// What the last look came to. `None` when nobody looked, or it cannot be known. It is not well while a source has no
    /// backup, although nobody is alerted of that until there was time to take one.
    fn wellbeing(&self, seen: Option<Seen>) -> Option<Wellbeing> {
        let Seen { at, is_protected } = seen?;
        let firing = self.parts.catalog.firing_alerts().ok()?;
        let is_quiet = firing.iter().all(|alert| alert.severity == Severity::Notice);
        Some(Wellbeing { seen_at: at, is_well: is_protected && is_quiet })
    }
}

/// Delivers until the shutdown.
pub(super) async fn run(post: Arc<Post>, mut seen: watch::Receiver<Option<Seen>>, shutdown: Shutdown) {
    while !shutdown.token().is_cancelled() {
        let last = *seen.borrow_and_update();
        let (poster, stop) = (Arc::clone(&post), shutdown.token().clone());
        let wait = match tokio::task::spawn_blocking(move || poster.go(last, &stop)).await {
            Ok(wait) => wait,
            Err(panic) => {
                tracing::error!(%panic, "a delivery went wrong");
                Some(LONGEST_WAIT)
            }
        };
        let next = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shutdown.token().cancelled() => return,
            () = next => {}
            // An error would mean that nobody goes rounds any more.
            gone = seen.changed() => if gone.is_err() { return },
        }
    }
}
