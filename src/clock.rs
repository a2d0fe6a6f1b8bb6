//! The only `now()`. Everything that asks for the time is handed a [`Clock`], so that a test can live through a year.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// What is dated further ahead than this was made while the clock was wrong.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// The latest time that can be believed `now`: clocks are never quite alike.
#[must_use]
pub fn latest_credible(now: Timestamp) -> Timestamp {
    now.saturating_add(SKEW).unwrap_or(Timestamp::MAX)
}

/// A source of wall-clock time.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    System,
    Manual(Arc<Mutex<Timestamp>>),
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Kind::System)
    }

    /// A clock that stands still at `start` until [`Clock::advance`] moves it. Clones share the hands.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self(Kind::Manual(Arc::new(Mutex::new(start))))
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::System => Timestamp::now(),
            Kind::Manual(at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Moves a manual clock; the system's clock is not ours to move and stays.
    pub fn advance(&self, by: SignedDuration) {
        if let Kind::Manual(at) = &self.0 {
            let mut at = at.lock().unwrap_or_else(PoisonError::into_inner);
            *at = at.saturating_add(by).unwrap_or(Timestamp::MAX);
        }
    }
}
