//! Requests that become jobs, and their dry runs.

use carelog_rpc::{BackupRequest, ErrorCode, Reply, RestoreFrom, RestoreRequest, VerifyTarget};

use super::backups::{require_reason, source_name};
use crate::archive::SourceSummary;
use crate::archive::escape::escape;
use crate::catalog::{BackupRecord, BackupSpec, JobSpec, NewJob, PruneSpec, RestoreSpec, UndoSpec, VerifySpec};
use crate::config::LONGEST_NAME;
use crate::job::{BackupPlan, IntoDirectoryPlan, RestorePlan};
use crate::model::{Mode, SourceKind, SourceName};
use crate::server::access::Caller;
use crate::server::failure::Failure;
use crate::server::handler::{Answer, IntoDirectory, Server};
use crate::server::{overview, time, wire};

impl Server {
    pub(in crate::server) fn backup(&self, caller: &Caller, request: &BackupRequest) -> Result<Answer, Failure> {
        let spec = BackupSpec {
            scope: wire::from_scope(request.scope),
            sources: source_names(&request.sources)?,
            mode: request.mode.map_or(Mode::Incremental, wire::from_mode),
            is_mode_explicit: request.mode.is_some(),
            description: request.description.clone(),
            rescan: request.rescan,
        };
        let parts = self.parts();
        if request.dry_run {
            let plan = BackupPlan::make(&parts, &spec)?;
            return Answer::one(Reply::BackupPlan(wire::backup_plan(plan, &spec, &self.policy().store_dir)));
        }
        // Asked now too, so that a misspelt name is told at once and not by a failed job.
        parts.select(spec.scope, &spec.sources)?;
        self.enqueue_spec(caller, JobSpec::Backup(spec))
    }

    pub(in crate::server) fn verify(
        &self,
        caller: &Caller,
        target: &VerifyTarget,
        quick: bool,
    ) -> Result<Answer, Failure> {
        let backups = match target {
            VerifyTarget::All => Vec::new(),
            VerifyTarget::Backup(wanted) => vec![self.parts().catalog.find_backup(wanted)?.id],
        };
        self.enqueue_spec(caller, JobSpec::Verify(VerifySpec { backups, quick }))
    }

    pub(in crate::server) fn restore(&self, caller: &Caller, request: &RestoreRequest) -> Result<Answer, Failure> {
        if let RestoreFrom::Undo(wanted) = &request.from {
            return self.undo(caller, wanted, request);
        }
        if !request.sources.is_empty() && !request.paths.is_empty() {
            let message = "sources and paths cannot be named together";
            return Err(Failure::new(
                ErrorCode::Usage,
                message,
                "a path begins with its source: studies/2024/scan.dcm",
            ));
        }
        let catalog = self.parts().catalog.clone();
        let record = match &request.from {
            RestoreFrom::Backup(wanted) | RestoreFrom::Undo(wanted) => catalog.find_backup(wanted)?,
            RestoreFrom::At(text) => {
                let at = time::parse_end(text, self.now(), &self.policy().timezone)?;
                catalog.newest_backup(Some(at))?
            }
        };
        let spec = RestoreSpec {
            backup: record.id,
            sources: source_names(&request.sources)?,
            accept_unsaved: request.accept_unsaved,
            description: request.description.clone(),
            to_directory: request.to,
            partial: request.partial,
            paths: request.paths.iter().map(|path| escape(&path.0).into_owned()).collect(),
            to_database: request.to_database.clone(),
        };
        let parts = self.parts();
        if spec.to_database.is_some() {
            require_one_database(&record, &spec)?;
        }
        if request.dry_run {
            if let Some(name) = &spec.to_database {
                let plan = wire::plan_into_database(&record, &catalog.references(record.id)?, &spec, name);
                return Answer::one(Reply::RestorePlan(Box::new(plan)));
            }
            if request.to {
                let plan = IntoDirectoryPlan::make(&parts, &spec)?;
                let plan = wire::plan_into_directory(&record, &catalog.references(record.id)?, plan);
                return Ok(Answer::NeedsDirectory(IntoDirectory::Plan(Box::new(plan))));
            }
            return self.plan(RestorePlan::make(&parts, &spec)?);
        }
        let spec = JobSpec::Restore(spec);
        let job = NewJob::new(spec, caller.requester.clone(), self.now());
        if request.to {
            return Ok(Answer::NeedsDirectory(IntoDirectory::Enqueue { job: Box::new(job), now: request.now }));
        }
        Answer::one(self.enqueue(caller, &job, None, request.now)?)
    }

    fn undo(&self, caller: &Caller, wanted: &str, request: &RestoreRequest) -> Result<Answer, Failure> {
        let elsewhere = request.to || request.to_database.is_some();
        if !request.sources.is_empty() || !request.paths.is_empty() || elsewhere || request.partial {
            let message = "an undo brings back all that the restore replaced, to where it was";
            return Err(Failure::new(ErrorCode::Usage, message, "name neither sources, paths nor a directory with it"));
        }
        let parts = self.parts();
        let spec = UndoSpec {
            restore: self.find_job(wanted)?,
            accept_unsaved: request.accept_unsaved,
            description: request.description.clone(),
        };
        if request.dry_run {
            return self.plan(RestorePlan::make_undo(&parts, &spec)?);
        }
        // Asked now too, so that what cannot be undone is told at once and not by a failed job.
        RestorePlan::require_undoable(&parts, &spec)?;
        let job = NewJob::new(JobSpec::Undo(spec), caller.requester.clone(), self.now());
        Answer::one(self.enqueue(caller, &job, None, request.now)?)
    }

    fn plan(&self, plan: RestorePlan) -> Result<Answer, Failure> {
        let estimate = overview::plan_estimate(self, &plan)?;
        let plan = wire::restore_plan(plan, &self.parts(), estimate)?;
        Answer::one(Reply::RestorePlan(Box::new(plan)))
    }

    pub(in crate::server) fn delete(&self, caller: &Caller, backup: &str, reason: String) -> Result<Answer, Failure> {
        require_reason(&reason)?;
        let backups = vec![self.parts().catalog.find_backup(backup)?.id];
        self.enqueue_spec(caller, JobSpec::Prune(PruneSpec { backups, reason }))
    }

    fn enqueue_spec(&self, caller: &Caller, spec: JobSpec) -> Result<Answer, Failure> {
        let job = NewJob::new(spec, caller.requester.clone(), self.now());
        Answer::one(self.enqueue(caller, &job, None, false)?)
    }
}

/// Refuses what is not just one database by itself, into a name that one can have.
fn require_one_database(record: &BackupRecord, spec: &RestoreSpec) -> Result<(), Failure> {
    let usage = |message: &str, next: &str| Err(Failure::new(ErrorCode::Usage, message, next));
    let name = spec.to_database.as_deref().unwrap_or_default();
    if name.is_empty() || name.len() > LONGEST_NAME || name.contains('\0') {
        return usage("no database can have this name", "name one of 1 to 63 bytes");
    }
    if spec.to_directory || !spec.paths.is_empty() || spec.partial {
        return usage(
            "a database is loaded as a whole, and to one place",
            "name neither a directory nor paths with it",
        );
    }
    let is_wanted = |held: &&SourceSummary| spec.sources.is_empty() || spec.sources.contains(&held.name);
    let databases = record.sources.iter().filter(is_wanted).filter(|held| held.kind == SourceKind::Postgres);
    match databases.count() {
        1 => Ok(()),
        0 => usage("none of the sources is a database", "carelogctl show BACKUP lists what it holds"),
        _ => usage("several of the sources are databases", "name one of them with --source"),
    }
}

fn source_names(names: &[String]) -> Result<Vec<SourceName>, Failure> {
    names.iter().map(|name| source_name(name)).collect()
}
