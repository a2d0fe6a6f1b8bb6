//! The restore job, into the live place: all of it happens, or nothing.
//!
//! verify → plan → safety backup → stage → validate → stop the application → second look → swap → compare → start the
//! application → probe → commit. Whatever fails before the commit is taken back; a crash is settled at the next start from
//! the journal, which is written before each step. It must never touch live data before everything that is to replace it
//! lies validated beside it, and never discard what no safety backup holds.
//!
//! Compared before the application is started, because afterwards it writes, and a difference would prove nothing.

mod application;
mod facts;
mod journal;
mod kept;
mod open;
mod plan;
mod recover;
mod replaced;
mod restores;
mod room;
mod safety;
mod transaction;
mod undo;

use std::collections::BTreeSet;

pub use facts::{Amount, BackupFacts, Replaced, RestoreFacts, SourceFacts};
pub use kept::Kept;
pub(super) use open::{open_backup, selected_members, size_of};
pub use plan::RestorePlan;
pub use recover::Recovered;
pub use restores::{Restores, Trouble, Unsettled};
pub use room::Room;
pub(super) use undo::run as run_undo;

use self::application::Application;
use self::journal::Header;
use self::open::{Restoring, require_accepted};
use self::safety::Safety;
use self::transaction::Transaction;
use super::context::JobContext;
use super::damage;
use crate::catalog::{JobError, JobOutcome, RestoreSpec};
use crate::model::SourceName;

pub(super) fn run(cx: &JobContext<'_>, spec: &RestoreSpec) -> Result<JobOutcome, JobError> {
    cx.note_restored(spec.backup);
    cx.parts.restores.settle_again(cx.parts)?;
    let opened = Restoring::open(cx.parts, spec);
    let mut restoring = opened.inspect_err(|error| damage::trace_if_damaged(cx, spec.backup, error))?;
    cx.begin_phase("verify")?;
    restoring.require_sound(cx)?;
    let header = Header { paths: restoring.escaped_paths(), ..Header::new(cx.job.id, spec.backup) };
    // What was sound a moment ago may be damaged when it is read again.
    let replaced = replace(cx, restoring, header, spec.accept_unsaved);
    replaced.inspect_err(|error| damage::trace_if_damaged(cx, spec.backup, error))
}

/// Saves what is live, and puts what is open in its place.
fn replace(
    cx: &JobContext<'_>,
    mut restoring: Restoring,
    header: Header,
    accept_unsaved: bool,
) -> Result<JobOutcome, JobError> {
    cx.begin_phase("plan")?;
    // First what no option helps with.
    let plans = restoring.plan(cx.progress)?;
    let unsaved = restoring.unsaved();
    require_accepted(&unsaved, accept_unsaved)?;
    let unsaved: BTreeSet<SourceName> = unsaved.into_iter().map(|unsaved| unsaved.source).collect();
    Room::of(&plans, &unsaved).require()?;
    let staged_bytes = room::staged_on(cx.parts.store.device(), &plans, &unsaved);
    Safety::require_room(cx, &restoring, &unsaved, staged_bytes)?;
    let settings = &cx.parts.settings;
    Application { hooks: &settings.hooks, restores: &cx.parts.restores, progress: cx.progress }.check()?;
    let safety = Safety::take(cx, &restoring, &unsaved)?;
    let header = Header { safety: cx.safety_backup(), sources: restoring.names(), ..header };
    let journal = cx.parts.restores.begin(header)?;
    Transaction::new(cx, &restoring, safety, journal).run()
}
