//! What jobs do, one file per kind. The queue hands a claimed job to [`Jobs`] and records what comes back.
//!
//! A job is given values ([`Parts`]), never the configuration. It never claims or ends jobs, and it leaves nothing behind
//! when it fails or is cancelled: what it stages or writes removes itself on the way out.

mod archives;
mod backup;
mod bases;
mod context;
mod damage;
mod failure;
mod hooks;
mod origin;
mod prune;
mod restore;
mod restore_to;
mod restore_to_database;
mod room;
mod runner;
mod take;
mod verify;

use std::os::fd::OwnedFd;
use std::sync::{Arc, PoisonError, RwLock};

pub use archives::require_kept;
pub use backup::{BackupPlan, PlannedSource};
pub use context::{JobContext, Parts, Settings};
pub use origin::differences;
pub use prune::{PrunePlan, leaves_trash_at, take_back};
pub use restore::{
    Amount, BackupFacts, Kept, Recovered, Replaced, RestoreFacts, RestorePlan, Restores, Room, SourceFacts, Trouble,
    Unsettled,
};
pub use restore_to::{IntoDirectoryPlan, WrittenSource};
pub use restore_to_database::sweep_interrupted;
pub use runner::Runner;

use crate::audit::Actor;
use crate::catalog::{Job, JobEnd, JobOutcome, JobSpec, Lane, RestoreSpec};
use crate::progress::Progress;

/// Runs jobs with the parts that are in force when each begins.
#[derive(Debug)]
pub struct Jobs {
    parts: RwLock<Arc<Parts>>,
}

impl Jobs {
    /// Jobs that work with `parts`.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self { parts: RwLock::new(Arc::new(parts)) }
    }

    /// The parts in force.
    #[must_use]
    pub fn parts(&self) -> Arc<Parts> {
        Arc::clone(&self.parts.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// At the start: removes archives that were only kept for others, and that nobody needs any more.
    pub fn remove_unneeded_archives(&self) {
        let _freed = prune::remove_unneeded(&self.parts(), &Actor::daemon("recovery"));
    }

    /// Puts other parts in force; jobs that run already go on with theirs.
    pub fn replace_parts(&self, parts: Parts) {
        *self.parts.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(parts);
    }
}

impl Runner for Jobs {
    fn run(&self, job: &Job, directory: Option<OwnedFd>, progress: &Progress) -> JobEnd {
        let parts = self.parts();
        let cx = JobContext::new(&parts, job, progress);
        let ended = match &job.spec {
            JobSpec::Backup(spec) => backup::run(&cx, spec),
            JobSpec::Restore(spec) if spec.to_directory => restore_to::run(&cx, spec, directory).map(JobEnd::from),
            JobSpec::Restore(spec @ RestoreSpec { to_database: Some(database), .. }) => {
                restore_to_database::run(&cx, spec, database).map(JobEnd::from)
            }
            JobSpec::Restore(spec) => restore::run(&cx, spec).map(JobEnd::from),
            JobSpec::Undo(spec) => restore::run_undo(&cx, spec).map(JobEnd::from),
            JobSpec::Verify(spec) => verify::run(&cx, spec).map(JobEnd::from),
            JobSpec::Prune(spec) => prune::run(&cx, spec).map(JobEnd::from),
            JobSpec::Expire(spec) => prune::run_expire(&cx, spec).map(JobEnd::from),
        };
        let mut ended = ended.unwrap_or_else(|error| {
            let error = cx.restored_backup().map_or(error.clone(), |id| damage::with_another(&parts, id, error));
            let backup_id = cx.restored_backup();
            let safety_backup_id = cx.safety_backup();
            JobOutcome { backup_id, safety_backup_id, ..JobOutcome::ended_by(error) }.into()
        });
        ended.outcome.notes.extend(cx.take_notes());
        // In one lane only: a journal that this reads must not be one that a restore is about to begin or to end.
        if job.spec.lane() == Lane::Write {
            parts.restores.discard_expired(&parts, Some(job.id));
            let _freed = prune::remove_unneeded(&parts, &Actor::daemon("queue"));
            parts.catalog.make_reserve();
        }
        ended
    }
}
