//! Notices that do not arrive.

use jiff::SignedDuration;

use crate::alerts::condition::Condition;
use crate::alerts::state::State;
use crate::alerts::words::{at, count};
use crate::model::{EventKind, Severity};

/// A server may be away for a while.
const FAILING_FOR: SignedDuration = SignedDuration::from_hours(1);

/// A notice was given up, or has been tried in vain for too long. Whom it was for, only the log says: the status is for
/// everybody.
pub(super) fn undelivered(state: &State) -> Vec<Condition> {
    let notices = &state.notices;
    let failing_since = notices.failing_since.filter(|since| state.now.duration_since(*since) > FAILING_FOR);
    let message = match failing_since {
        Some(since) => format!("notices have not been delivered since {}", at(since)),
        None if notices.unreachable > 0 => {
            format!("notices to {} were given up after three days", count(notices.unreachable, "recipient"))
        }
        None => return Vec::new(),
    };
    let next = "carelogctl alerts test says what the other side answers";
    let key = "delivery_failure".to_owned();
    vec![Condition::alert(key, EventKind::DeliveryFailure, Severity::Warning, message, next)]
}
