//! Whether a restore would be fast enough.

use std::time::Duration;

use crate::alerts::condition::Condition;
use crate::alerts::restore_time::RestoreTime;
use crate::alerts::state::State;
use crate::alerts::words::{limit, span};
use crate::model::Severity;

/// A restore takes longer than it may. Nobody is alerted: it is so for weeks, and a matter of planning.
pub(super) fn missed(state: &State) -> Vec<Condition> {
    let all = condition("rto".to_owned(), "a restore of everything", state.restore_time, Some(state.rto));
    let of_sources = state.sources.iter().filter_map(|source| {
        let what = format!("a restore of source '{}'", source.name);
        condition(format!("rto/{}", source.name), &what, source.restore_time, source.own_rto)
    });
    all.into_iter().chain(of_sources).collect()
}

fn condition(key: String, what: &str, takes: Option<RestoreTime>, rto: Option<Duration>) -> Option<Condition> {
    let (takes, rto) = (takes?, rto?);
    if takes.seconds <= rto.as_secs() {
        return None;
    }
    let how = if takes.is_measured { "took" } else { "takes, by estimate," };
    let message = format!("{what} {how} {}; the objective is {}", span(Duration::from_secs(takes.seconds)), limit(rto));
    let next = "faster disks, or less in one source; or set [objectives] rto to what the clinic can bear";
    Some(Condition::shown(key, Severity::Warning, message, next))
}
