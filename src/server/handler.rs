//! The map of the server: one exhaustive match from request to handler, behind one check of rights.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use carelog_rpc::{ErrorCode, Job, JobInTheWay, Reloaded, Reply, Request, RestorePlan};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::access::{Caller, Role, needed_for};
use super::download::Prepared;
use super::failure::Failure;
use super::{overview, wire};
use crate::alerts::{AlertWatch, Ways};
use crate::audit::Entry;
use crate::catalog::{JobFilter, NewJob};
use crate::config::Access;
use crate::fsio;
use crate::job::{Jobs, Parts};
use crate::model::{AuditOutcome, JobId};
use crate::queue::Queue;
use crate::scheduler::Scheduler;

/// Reads the configuration again and puts it in force.
pub trait Reload: Send + Sync {
    /// Replaces everything that can be replaced while the daemon runs; an invalid file changes nothing.
    ///
    /// # Errors
    /// What is wrong with the file, for people.
    fn reload(&self) -> Result<Reloaded, String>;
}

/// What of the configuration the server itself follows.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Who may do what.
    pub access: Access,
    /// What times without a zone mean.
    pub timezone: TimeZone,
    /// The store's directory, for people.
    pub store_dir: std::path::PathBuf,
    /// How somebody is told of something.
    pub ways: Arc<Ways>,
}

/// The server's state, shared by its connections.
pub struct Server {
    pub(super) queue: Arc<Queue>,
    pub(super) jobs: Arc<Jobs>,
    pub(super) scheduler: Arc<Scheduler>,
    pub(super) policy: Arc<RwLock<Policy>>,
    pub(super) reload: Arc<dyn Reload>,
    pub(super) alerts: Arc<AlertWatch>,
    pub(super) started_at: Timestamp,
    /// Locked while the holds of a backup are read and written anew: two people may place one at the same moment.
    pub(super) holding: Mutex<()>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("started_at", &self.started_at).finish_non_exhaustive()
    }
}

/// What is to be sent.
#[derive(Debug)]
pub(super) enum Answer {
    Replies(Vec<Reply>),
    Watch(JobId),
    Download(Prepared),
    /// The client has to pass a directory first.
    NeedsDirectory(IntoDirectory),
}

/// What follows when the directory has arrived.
#[derive(Debug)]
pub(super) enum IntoDirectory {
    /// A dry run: the plan, in which only the room is not known yet.
    Plan(Box<RestorePlan>),
    Enqueue {
        job: Box<NewJob>,
        now: bool,
    },
}

impl Answer {
    pub(super) fn one(reply: Reply) -> Result<Self, Failure> {
        Ok(Self::Replies(vec![reply]))
    }
}

impl Server {
    /// A server on these parts. `policy` is read anew for every request.
    #[must_use]
    pub fn new(
        queue: Arc<Queue>,
        jobs: Arc<Jobs>,
        scheduler: Arc<Scheduler>,
        policy: Arc<RwLock<Policy>>,
        reload: Arc<dyn Reload>,
        alerts: Arc<AlertWatch>,
    ) -> Arc<Self> {
        let started_at = jobs.parts().clock.now();
        Arc::new(Self { queue, jobs, scheduler, policy, reload, alerts, started_at, holding: Mutex::default() })
    }

    /// Answers one request. Blocks for as long as the catalog and the store take.
    pub(super) fn answer(&self, caller: &Caller, request: Request) -> Result<Answer, Failure> {
        self.require_role(caller, &request)?;
        match request {
            Request::Status => Answer::one(Reply::Status(Box::new(overview::status(self)?))),
            Request::Backup(request) => self.backup(caller, &request),
            Request::List(request) => self.list(&request),
            Request::Show { backup } => self.show(&backup),
            Request::Verify { target, quick } => self.verify(caller, &target, quick),
            Request::Restore(request) => self.restore(caller, &request),
            Request::Delete { backup, description } => self.delete(caller, &backup, description),
            Request::Jobs(request) => self.list_jobs(&request),
            Request::Job { id } => Answer::one(Reply::Job(self.job(self.find_job(&id)?)?)),
            Request::JobReport { id } => self.job_report(&id),
            Request::WatchJob { id } => Ok(Answer::Watch(self.find_job(&id)?)),
            Request::CancelJob { id } => self.cancel(caller, &id),
            Request::Download { backup, format } => self.download(caller, &backup, format),
            Request::Hold { backup, description, until } => self.hold(caller, &backup, &description, until.as_deref()),
            Request::Release { backup, description } => self.release(caller, &backup, &description),
            Request::Reload => self.reload(caller),
            Request::AuditList(request) => self.audit_list(&request),
            Request::AuditVerify => self.audit_verify(caller),
            Request::PlanPrune => self.plan_prune(),
            Request::Prune { digest, description } => self.prune(caller, digest, description),
            Request::RestoreDeleted { backup, description } => self.restore_deleted(caller, &backup, &description),
            Request::Schedules => self.schedules(),
            Request::NextDue { name, count } => self.next_due(name.as_deref(), count),
            Request::RunSchedule { name } => self.run_schedule(caller, &name),
            Request::PauseSchedule { name, description } => self.pause_schedule(caller, &name, &description),
            Request::ResumeSchedule { name, description } => self.resume_schedule(caller, &name, &description),
            Request::Alerts { all } => self.alerts(all),
            Request::TestAlerts => self.test_alerts(caller),
            Request::AcknowledgeAlert { id, description } => self.acknowledge_alert(caller, &id, &description),
        }
    }

    /// Goes on with a restore whose directory has arrived.
    pub(super) fn restore_into(
        &self,
        caller: &Caller,
        next: IntoDirectory,
        directory: OwnedFd,
    ) -> Result<Reply, Failure> {
        let metadata = std::fs::File::from(directory.try_clone()?).metadata()?;
        if !metadata.is_dir() {
            return Err(Failure::new(
                ErrorCode::Usage,
                "what was passed is no directory",
                "name a directory with --to",
            ));
        }
        // Opening a directory takes less than writing to it, and we may write anywhere.
        if !caller.may_write_to(&metadata) {
            return Err(self.refuse_directory(caller)?);
        }
        match next {
            IntoDirectory::Plan(mut plan) => {
                plan.free_bytes = fsio::free_space_of(&directory).ok().map(|space| space.free_bytes);
                Ok(Reply::RestorePlan(plan))
            }
            IntoDirectory::Enqueue { job, now } => Ok(self.enqueue(caller, &job, Some(directory), now)?),
        }
    }

    /// Commits a job; with `now` what stands in its way and can be repeated is stopped.
    pub(super) fn enqueue(
        &self,
        caller: &Caller,
        job: &NewJob,
        directory: Option<OwnedFd>,
        now: bool,
    ) -> Result<Reply, Failure> {
        let job = self.queue.enqueue(job, &caller.actor(), directory)?;
        if now {
            self.queue.make_way(&job, &caller.actor())?;
        }
        Ok(Reply::Enqueued { job_id: job.id.to_string() })
    }

    pub(super) fn parts(&self) -> Arc<Parts> {
        self.jobs.parts()
    }

    pub(super) fn policy(&self) -> Policy {
        self.policy.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.parts().clock.now()
    }

    pub(super) fn find_job(&self, wanted: &str) -> Result<JobId, Failure> {
        Ok(self.parts().catalog.find_job(wanted)?.id)
    }

    /// A job as it is now, with its counters while it runs.
    pub(super) fn job(&self, id: JobId) -> Result<Box<Job>, Failure> {
        let parts = self.parts();
        let job = parts.catalog.job(id)?;
        Ok(Box::new(wire::job(&job, self.queue.progress(id).as_ref(), &parts.catalog)))
    }

    /// How many jobs of the same lane come before a waiting one, and which of them runs.
    pub(super) fn ahead_of(&self, id: JobId) -> Result<(u32, Option<JobInTheWay>), Failure> {
        let catalog = self.parts().catalog.clone();
        let waiting = catalog.job(id)?;
        let unfinished = catalog.list_jobs(&JobFilter { unfinished: true, limit: None })?;
        let is_before = |job: &&crate::catalog::Job| {
            let older = job.id < id && job.priority == waiting.priority;
            let sooner = job.started_at.is_some() || job.priority > waiting.priority || older;
            job.id != id && job.spec.lane() == waiting.spec.lane() && sooner
        };
        let before: Vec<_> = unfinished.iter().filter(is_before).collect();
        let running = before.iter().find(|job| job.started_at.is_some());
        let in_the_way = running.map(|running| {
            let in_the_way = wire::job_in_the_way(running, &waiting, &catalog);
            // What is being stopped already need not be stopped by anybody.
            JobInTheWay { yields: in_the_way.yields && !self.queue.is_being_cancelled(running.id), ..in_the_way }
        });
        Ok((u32::try_from(before.len()).unwrap_or(u32::MAX), in_the_way))
    }

    fn require_role(&self, caller: &Caller, request: &Request) -> Result<(), Failure> {
        let (has, needs) = (caller.role(&self.policy().access), needed_for(request));
        if has >= needs { Ok(()) } else { Err(self.refuse(caller, request.verb(), needs)?) }
    }

    fn refuse_directory(&self, caller: &Caller) -> Result<Failure, Failure> {
        let parts = self.parts();
        let entry = Entry::new(parts.clock.now(), caller.actor(), "restore", "")
            .because("the directory is not theirs to write to")
            .ended(AuditOutcome::Refused);
        parts.catalog.record(&entry)?;
        let message = format!("'{}' may not write to that directory", caller.requester.user);
        Ok(Failure::new(ErrorCode::NotPermitted, message, "name a directory of your own, or ask as root (sudo)"))
    }

    /// Records a refusal and puts it in words.
    pub(super) fn refuse(&self, caller: &Caller, verb: &str, needs: Role) -> Result<Failure, Failure> {
        let parts = self.parts();
        let entry = Entry::new(parts.clock.now(), caller.actor(), verb, "")
            .because(format!("needs the role {}", needs.as_str()))
            .ended(AuditOutcome::Refused);
        parts.catalog.record(&entry)?;
        let user = &caller.requester.user;
        tracing::warn!(USER_NAME = user, "{user} was refused '{verb}': it needs the role {}", needs.as_str());
        let message = format!("'{user}' is not permitted to {verb}: it needs the role {}", needs.as_str());
        Ok(Failure::new(
            ErrorCode::NotPermitted,
            message,
            "an administrator can add you to [access] in the configuration",
        ))
    }
}
