//! What the daemon answers. Variants are only ever appended.

use serde::{Deserialize, Serialize};

use crate::alert::{Alert, ChannelTest};
use crate::audit::{AuditRecord, AuditVerification};
use crate::backup::{Backup, BackupPlan};
use crate::error_reply::ErrorReply;
use crate::job::{Job, JobUpdate};
use crate::report::JobReport;
use crate::restore::RestorePlan;
use crate::retention::{PlannedBackup, PrunePlan};
use crate::schedule::{DueTime, Schedule};
use crate::status::Status;
use crate::value::Octets;

/// One frame of an answer. [`crate::Request`] says which ones answer what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// It was refused or failed. Ends any answer, also in the middle of a sequence.
    Error(ErrorReply),
    /// The state of everything.
    Status(Box<Status>),
    /// A job was committed to the queue.
    Enqueued {
        /// Its UUID.
        job_id: String,
    },
    /// What a backup would do.
    BackupPlan(BackupPlan),
    /// What a restore would do.
    RestorePlan(Box<RestorePlan>),
    /// The daemon is ready for the directory's descriptor (`Connection::send_descriptor`), and says no more before it.
    SendDescriptor,
    /// A page of backups.
    Backups(Page<Backup>),
    /// One backup.
    Backup(Box<Backup>),
    /// A page of jobs.
    Jobs(Page<Job>),
    /// One job.
    Job(Box<Job>),
    /// How far a watched job is.
    JobUpdate(JobUpdate),
    /// A watched job has ended.
    JobEnded(Box<Job>),
    /// A download begins.
    DownloadStart(DownloadStart),
    /// A piece of a download, at most [`Reply::CHUNK_BYTES`].
    Bytes(Octets),
    /// A download is complete.
    DownloadEnd(DownloadEnd),
    /// The configuration was read again.
    Reloaded(Reloaded),
    /// A page of audit records.
    AuditRecords(Page<AuditRecord>),
    /// The audit trail was checked.
    AuditVerified(AuditVerification),
    /// All that is known of a job.
    JobReport(Box<JobReport>),
    /// What pruning would do; pages of `PlannedBackups` follow.
    PrunePlan(Box<PrunePlan>),
    /// A page of what becomes of each backup, newest first.
    PlannedBackups(Page<PlannedBackup>),
    /// A page of schedules.
    Schedules(Page<Schedule>),
    /// One schedule.
    Schedule(Box<Schedule>),
    /// A page of times at which something is due.
    DueTimes(Page<DueTime>),
    /// A page of alerts.
    Alerts(Page<Alert>),
    /// One alert.
    Alert(Box<Alert>),
    /// What came of trying each channel.
    ChannelTests(Vec<ChannelTest>),
}

impl Reply {
    /// A good size for the pieces of a download (bytes).
    pub const CHUNK_BYTES: usize = 256 * 1024;

    /// Name of the variant, for messages about an answer that does not fit its question.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Error(_) => "Error",
            Self::Status(_) => "Status",
            Self::Enqueued { .. } => "Enqueued",
            Self::BackupPlan(_) => "BackupPlan",
            Self::RestorePlan(_) => "RestorePlan",
            Self::SendDescriptor => "SendDescriptor",
            Self::Backups(_) => "Backups",
            Self::Backup(_) => "Backup",
            Self::Jobs(_) => "Jobs",
            Self::Job(_) => "Job",
            Self::JobUpdate(_) => "JobUpdate",
            Self::JobEnded(_) => "JobEnded",
            Self::DownloadStart(_) => "DownloadStart",
            Self::Bytes(_) => "Bytes",
            Self::DownloadEnd(_) => "DownloadEnd",
            Self::Reloaded(_) => "Reloaded",
            Self::AuditRecords(_) => "AuditRecords",
            Self::AuditVerified(_) => "AuditVerified",
            Self::JobReport(_) => "JobReport",
            Self::PrunePlan(_) => "PrunePlan",
            Self::PlannedBackups(_) => "PlannedBackups",
            Self::Schedules(_) => "Schedules",
            Self::Schedule(_) => "Schedule",
            Self::DueTimes(_) => "DueTimes",
            Self::Alerts(_) => "Alerts",
            Self::Alert(_) => "Alert",
            Self::ChannelTests(_) => "ChannelTests",
        }
    }
}

/// Part of a list that may not fit one frame; [`crate::codec::pages`] makes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Whether another page follows.
    pub more: bool,
}

/// The beginning of a download.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownloadStart {
    /// What to call the file: a name without any folder.
    pub filename: String,
    /// Its bytes; absent when it is recompressed on the way.
    pub size_bytes: Option<u64>,
}

/// The end of a download.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownloadEnd {
    /// Bytes that were sent.
    pub size_bytes: u64,
    /// SHA-256 of them, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// What reading the configuration again changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// Keys that have a new value from now on.
    pub changed: Vec<String>,
    /// Keys that differ in the file but count only after a restart.
    pub restart_needed: Vec<String>,
}
