//! Every request as a function with the type of its answer.

use std::os::fd::BorrowedFd;

use crate::alert::{Alert, ChannelTest};
use crate::audit::{AuditRecord, AuditVerification};
use crate::backup::{Backup, BackupPlan};
use crate::client::{Client, ClientError};
use crate::job::Job;
use crate::reply::{Page, Reloaded, Reply};
use crate::report::JobReport;
use crate::request::{BackupRequest, ListAudit, ListBackups, ListJobs, Request, RestoreRequest, VerifyTarget};
use crate::restore::RestorePlan;
use crate::retention::{PlannedBackup, PrunePlan};
use crate::schedule::{DueTime, Schedule};
use crate::status::Status;

/// Declares a function that asks one question and takes one kind of reply.
macro_rules! call {
    ($(#[$meta:meta])* $name:ident($($arg:ident: $type:ty),*) -> $answer:ty = $request:expr, $reply:pat => $value:expr) => {
        $(#[$meta])*
        ///
        /// # Errors
        /// [`ClientError`].
        pub async fn $name(&mut self, $($arg: $type),*) -> Result<$answer, ClientError> {
            match self.request(&$request).await? {
                $reply => Ok($value),
                other => Err(ClientError::Unexpected(other.name())),
            }
        }
    };
}

/// Declares a function that collects the pages of a list.
macro_rules! list_call {
    ($(#[$meta:meta])* $name:ident($($arg:ident: $type:ty),*) -> $item:ty = $request:expr, $reply:path) => {
        $(#[$meta])*
        ///
        /// # Errors
        /// [`ClientError`].
        pub async fn $name(&mut self, $($arg: $type),*) -> Result<Vec<$item>, ClientError> {
            let mut reply = self.request(&$request).await?;
            let mut items = Vec::new();
            loop {
                let $reply(Page { items: page, more }) = reply else {
                    return Err(ClientError::Unexpected(reply.name()));
                };
                items.extend(page);
                if !more {
                    return Ok(items);
                }
                reply = self.next_reply().await?;
            }
        }
    };
}

impl Client {
    call! {
        /// The state of everything.
        status() -> Status = Request::Status, Reply::Status(status) => *status
    }
    call! {
        /// Enqueues a backup; the job's id.
        backup(request: BackupRequest) -> String =
            Request::Backup(BackupRequest { dry_run: false, ..request }), Reply::Enqueued { job_id } => job_id
    }
    call! {
        /// What a backup would do.
        plan_backup(request: BackupRequest) -> BackupPlan =
            Request::Backup(BackupRequest { dry_run: true, ..request }), Reply::BackupPlan(plan) => plan
    }
    call! {
        /// Enqueues the removal of what the plan with this digest lets expire, or the rules do now; the job's id.
        prune(digest: Option<String>, description: String) -> String =
            Request::Prune { digest, description }, Reply::Enqueued { job_id } => job_id
    }
    call! {
        /// Takes a backup back from the trash.
        restore_deleted(backup: String, description: String) -> Backup =
            Request::RestoreDeleted { backup, description }, Reply::Backup(backup) => *backup
    }
    list_call! {
        /// The schedules.
        schedules() -> Schedule = Request::Schedules, Reply::Schedules
    }
    list_call! {
        /// The next times at which one schedule, or any, is due.
        next_due(name: Option<String>, count: u32) -> DueTime = Request::NextDue { name, count }, Reply::DueTimes
    }
    call! {
        /// Enqueues what a schedule does when it is due; the job's id.
        run_schedule(name: String) -> String = Request::RunSchedule { name }, Reply::Enqueued { job_id } => job_id
    }
    call! {
        /// Pauses a schedule.
        pause_schedule(name: String, description: String) -> Schedule =
            Request::PauseSchedule { name, description }, Reply::Schedule(schedule) => *schedule
    }
    call! {
        /// Lets a schedule go on.
        resume_schedule(name: String, description: String) -> Schedule =
            Request::ResumeSchedule { name, description }, Reply::Schedule(schedule) => *schedule
    }
    list_call! {
        /// What fires, and with `all` what did, newest first.
        alerts(all: bool) -> Alert = Request::Alerts { all }, Reply::Alerts
    }
    call! {
        /// Sends a notice through each channel.
        test_alerts() -> Vec<ChannelTest> = Request::TestAlerts, Reply::ChannelTests(tests) => tests
    }
    call! {
        /// Says that somebody knows of an alert.
        acknowledge_alert(id: String, description: String) -> Alert =
            Request::AcknowledgeAlert { id, description }, Reply::Alert(alert) => *alert
    }
    list_call! {
        /// Backups, newest first.
        list(request: ListBackups) -> Backup = Request::List(request), Reply::Backups
    }
    call! {
        /// One backup.
        show(backup: String) -> Backup = Request::Show { backup }, Reply::Backup(backup) => *backup
    }
    call! {
        /// Enqueues a verification; the job's id.
        verify(target: VerifyTarget, quick: bool) -> String =
            Request::Verify { target, quick }, Reply::Enqueued { job_id } => job_id
    }
    call! {
        /// Enqueues the removal of a backup; the job's id.
        delete(backup: String, description: String) -> String =
            Request::Delete { backup, description }, Reply::Enqueued { job_id } => job_id
    }
    list_call! {
        /// Jobs: those that run, those that wait, those that ended, newest first.
        jobs(request: ListJobs) -> Job = Request::Jobs(request), Reply::Jobs
    }
    call! {
        /// One job.
        job(id: String) -> Job = Request::Job { id }, Reply::Job(job) => *job
    }
    call! {
        /// All that is known of a job.
        job_report(id: String) -> JobReport = Request::JobReport { id }, Reply::JobReport(report) => *report
    }
    call! {
        /// Asks a job to stop; the job as it is then.
        cancel_job(id: String) -> Job = Request::CancelJob { id }, Reply::Job(job) => *job
    }
    call! {
        /// Places a hold; the backup with it.
        hold(backup: String, description: String, until: Option<String>) -> Backup =
            Request::Hold { backup, description, until }, Reply::Backup(backup) => *backup
    }
    call! {
        /// Removes every hold; the backup without them.
        release(backup: String, description: String) -> Backup =
            Request::Release { backup, description }, Reply::Backup(backup) => *backup
    }
    call! {
        /// Has the daemon read its configuration again.
        reload() -> Reloaded = Request::Reload, Reply::Reloaded(reloaded) => reloaded
    }
    list_call! {
        /// Audit records, oldest first.
        audit_list(request: ListAudit) -> AuditRecord = Request::AuditList(request), Reply::AuditRecords
    }
    call! {
        /// Has the daemon check the audit trail.
        audit_verify() -> AuditVerification = Request::AuditVerify, Reply::AuditVerified(verification) => verification
    }

    /// Enqueues a restore, with `to` into that directory; the job's id.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn restore(
        &mut self,
        request: RestoreRequest,
        to: Option<BorrowedFd<'_>>,
    ) -> Result<String, ClientError> {
        match self.ask_restore(RestoreRequest { dry_run: false, ..request }, to).await? {
            Reply::Enqueued { job_id } => Ok(job_id),
            other => Err(ClientError::Unexpected(other.name())),
        }
    }

    /// What a restore would do.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn plan_restore(
        &mut self,
        request: RestoreRequest,
        to: Option<BorrowedFd<'_>>,
    ) -> Result<RestorePlan, ClientError> {
        match self.ask_restore(RestoreRequest { dry_run: true, ..request }, to).await? {
            Reply::RestorePlan(plan) => Ok(*plan),
            other => Err(ClientError::Unexpected(other.name())),
        }
    }

    async fn ask_restore(&mut self, request: RestoreRequest, to: Option<BorrowedFd<'_>>) -> Result<Reply, ClientError> {
        let reply = self.request(&Request::Restore(RestoreRequest { to: to.is_some(), ..request })).await?;
        match (reply, to) {
            (Reply::SendDescriptor, Some(directory)) => self.pass_descriptor(directory).await,
            (reply, _) => Ok(reply),
        }
    }

    /// What pruning would do, and what becomes of each backup, newest first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn plan_prune(&mut self) -> Result<(PrunePlan, Vec<PlannedBackup>), ClientError> {
        let plan = match self.request(&Request::PlanPrune).await? {
            Reply::PrunePlan(plan) => *plan,
            other => return Err(ClientError::Unexpected(other.name())),
        };
        let mut backups = Vec::new();
        loop {
            match self.next_reply().await? {
                Reply::PlannedBackups(Page { items, more }) => {
                    backups.extend(items);
                    if !more {
                        return Ok((plan, backups));
                    }
                }
                other => return Err(ClientError::Unexpected(other.name())),
            }
        }
    }
}
