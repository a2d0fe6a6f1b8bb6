//! The restore job, into the live place: all of it happens, or nothing.
//!
//! verify → plan → safety backup → stage → validate → stop the application → second look → swap → compare → start the
//! application → probe → commit. Whatever fails before the commit is taken back; a crash is settled at the next start from
//! the journal, which is written before each step. It must never touch live data before everything that is to replace it
//! lies validated beside it, and never discard what no safety backup holds.
//!
//! Compared before the application is started, because afterwards it writes, and a difference would prove nothing.

mod application;
mod journal;
mod kept;
mod open;
mod plan;
mod recover;
mod restores;
mod safety;
mod transaction;

use std::collections::BTreeSet;

pub(super) use open::{open_backup, selected_names};
pub use plan::RestorePlan;
pub use recover::Recovered;
pub use restores::{Restores, Trouble, Unsettled};

use self::application::Application;
use self::journal::Header;
use self::open::{Restoring, require_accepted};
use self::safety::Safety;
use self::transaction::Transaction;
use super::context::JobContext;
use crate::catalog::{JobError, JobOutcome, RestoreSpec};
use crate::model::SourceName;

pub(super) fn run(cx: &JobContext<'_>, spec: &RestoreSpec) -> Result<JobOutcome, JobError> {
    cx.note_restored(spec.backup);
    cx.parts.restores.require_settled()?;
    let restoring = Restoring::open(cx.parts, spec)?;
    cx.begin_phase("verify")?;
    restoring.require_sound(cx)?;
    cx.begin_phase("plan")?;
    let unsaved = restoring.unsaved();
    require_accepted(&unsaved, spec.accept_unsaved)?;
    for source in &restoring.sources {
        source.plan(&restoring.archive, &[], cx.progress)?;
    }
    let settings = &cx.parts.settings;
    Application { hooks: &settings.hooks, restores: &cx.parts.restores, progress: cx.progress }.check()?;
    let unsaved: BTreeSet<SourceName> = unsaved.into_iter().map(|unsaved| unsaved.source).collect();
    let safety = Safety::take(cx, &restoring, &unsaved)?;
    let names = restoring.sources.iter().map(|source| source.name().clone()).collect();
    let journal = cx.parts.restores.begin(Header::new(cx.job.id, spec.backup, cx.safety_backup(), names))?;
    Transaction::new(cx, &restoring, safety, journal).run()
}
