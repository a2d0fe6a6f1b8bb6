//! What of a backup is damaged: the list that a job tells, as far as it can be told.

use serde_json::json;

use super::context::JobContext;
use crate::source::Damage;

/// How many are listed; the count goes on.
const LISTED: usize = 200;

/// Notes the damage for the job's result, and sums it up as a warning if there is any.
pub(super) fn note(cx: &JobContext<'_>, mut damage: Vec<String>) -> Option<String> {
    let first = damage.first()?;
    let warning = format!("the backup is damaged, and what is hurt was not restored, first: {first}");
    let omitted = damage.len().saturating_sub(LISTED);
    damage.truncate(LISTED);
    cx.note("damage", json!(damage));
    cx.note("omitted", json!(omitted));
    Some(warning)
}

/// One member of which nothing was restored; `so` is what became of it.
pub(super) fn in_words(so: &str, damage: &Damage) -> String {
    format!("{so}: {}: {}", damage.member, damage.reason)
}
