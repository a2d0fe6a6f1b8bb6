//! What a client may ask. Variants are only ever appended.
//!
//! Throughout, `backup` is an id, a unique prefix of an id of at least 4 characters, a file name, or `latest`; a time is
//! the text that the person typed (RFC 3339, `YYYY-MM-DD[ HH:MM[:SS]]` in the daemon's zone, or an age such as `2d`),
//! because only the daemon knows its zone. Who asks is never in the message: the socket says it.

use serde::{Deserialize, Serialize};

use crate::value::Octets;
use crate::words::{Class, DownloadFormat, Mode, Scope};

/// One question. The doc of each variant names the replies; any may be [`crate::Reply::Error`] instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Answered by `Status`.
    Status,
    /// Answered by `Enqueued`, a dry run by `BackupPlan`.
    Backup(BackupRequest),
    /// Answered by pages of `Backups`, newest first.
    List(ListBackups),
    /// Answered by `Backup`.
    Show {
        /// Which.
        backup: String,
    },
    /// Answered by `Enqueued`.
    Verify {
        /// What to read.
        target: VerifyTarget,
        /// Read the structure only, not every byte.
        quick: bool,
    },
    /// With `to`, first answered by `SendDescriptor`. Then by `Enqueued`, a dry run by `RestorePlan`.
    Restore(RestoreRequest),
    /// Answered by `Enqueued`: archives are removed by a job, behind whatever reads them.
    Delete {
        /// Which.
        backup: String,
        /// Why; kept in the audit trail.
        description: String,
    },
    /// Answered by pages of `Jobs`: those that run, those that wait, those that ended, newest first.
    Jobs(ListJobs),
    /// Answered by `Job`.
    Job {
        /// UUID or a unique prefix.
        id: String,
    },
    /// Answered by any number of `JobUpdate` and one `JobEnded`.
    WatchJob {
        /// UUID or a unique prefix.
        id: String,
    },
    /// Answered by `Job`, as it is after the request; it may take a moment to end.
    CancelJob {
        /// UUID or a unique prefix.
        id: String,
    },
    /// Answered by `DownloadStart`, any number of `Bytes`, and one `DownloadEnd`.
    Download {
        /// Which.
        backup: String,
        /// What to pack it as; `None`: as it is stored.
        format: Option<DownloadFormat>,
    },
    /// Answered by `Backup`, with the hold.
    Hold {
        /// Which.
        backup: String,
        /// The reason.
        description: String,
        /// When the hold ends by itself.
        until: Option<String>,
    },
    /// Removes every hold. Answered by `Backup`, without them.
    Release {
        /// Which.
        backup: String,
        /// Why; kept in the audit trail.
        description: String,
    },
    /// Reads the configuration again. Answered by `Reloaded`.
    Reload,
    /// Answered by pages of `AuditRecords`, oldest first.
    AuditList(ListAudit),
    /// Answered by `AuditVerified`.
    AuditVerify,
    /// Answered by `JobReport`.
    JobReport {
        /// UUID or a unique prefix.
        id: String,
    },
    /// Answered by `PrunePlan` and pages of `PlannedBackups`.
    PlanPrune,
    /// Carries out the plan with this digest, or whatever the rules say now. Answered by `Enqueued`.
    Prune {
        /// The digest of a plan that was shown; refused when the plan would be another by now.
        digest: Option<String>,
        /// Why; kept in the audit trail.
        description: String,
    },
    /// Takes a backup back from the trash. Answered by `Backup`.
    RestoreDeleted {
        /// Which.
        backup: String,
        /// Why; kept in the audit trail.
        description: String,
    },
    /// Answered by pages of `Schedules`.
    Schedules,
    /// Answered by pages of `DueTimes`, the soonest first.
    NextDue {
        /// Only of this schedule.
        name: Option<String>,
        /// So many.
        count: u32,
    },
    /// Does now what the schedule does when it is due. Answered by `Enqueued`.
    RunSchedule {
        /// Which.
        name: String,
    },
    /// Answered by `Schedule`.
    PauseSchedule {
        /// Which.
        name: String,
        /// Why; kept in the audit trail.
        description: String,
    },
    /// Answered by `Schedule`.
    ResumeSchedule {
        /// Which.
        name: String,
        /// Why; kept in the audit trail.
        description: String,
    },
    /// Answered by pages of `Alerts`, the newest first.
    Alerts {
        /// Also those that are over.
        all: bool,
    },
    /// Sends a notice through each channel now. Answered by `ChannelTests`.
    TestAlerts,
    /// Somebody knows of it. Answered by `Alert`.
    AcknowledgeAlert {
        /// UUID, a unique prefix of one, or its key.
        id: String,
        /// Why, or what is done about it; kept in the audit trail.
        description: String,
    },
}

impl Request {
    /// The verb, as in the audit trail and in `carelogctl`.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Backup(_) => "backup",
            Self::List(_) => "list",
            Self::Show { .. } => "show",
            Self::Verify { .. } => "verify",
            Self::Restore(_) => "restore",
            Self::Delete { .. } => "delete",
            Self::Jobs(_) => "jobs",
            Self::Job { .. } => "job show",
            Self::WatchJob { .. } => "job watch",
            Self::CancelJob { .. } => "job cancel",
            Self::Download { .. } => "download",
            Self::Hold { .. } => "hold",
            Self::Release { .. } => "release",
            Self::Reload => "reload",
            Self::AuditList(_) => "audit list",
            Self::AuditVerify => "audit verify",
            Self::JobReport { .. } => "job show --report",
            Self::PlanPrune => "prune --dry-run",
            Self::Prune { .. } => "prune",
            Self::RestoreDeleted { .. } => "restore-deleted",
            Self::Schedules => "schedule list",
            Self::NextDue { .. } => "schedule next",
            Self::RunSchedule { .. } => "schedule run",
            Self::PauseSchedule { .. } => "schedule pause",
            Self::ResumeSchedule { .. } => "schedule resume",
            Self::Alerts { .. } => "alerts",
            Self::TestAlerts => "alerts test",
            Self::AcknowledgeAlert { .. } => "alerts ack",
        }
    }
}

/// What to back up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupRequest {
    /// What to cover; with `sources`, only those of them that it covers.
    pub scope: Scope,
    /// Names of sources; empty: all that the scope covers.
    pub sources: Vec<String>,
    /// What the person who asks writes down.
    pub description: String,
    /// What kind of archive is wished for; `None` leaves it to the daemon.
    pub mode: Option<Mode>,
    /// Read every file, also those that look as they did at the last backup.
    pub rescan: bool,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// Which backups to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListBackups {
    /// No more than these many, the newest.
    pub limit: Option<u32>,
    /// Only those that hold this source.
    pub source: Option<String>,
    /// Only those of this class.
    pub class: Option<Class>,
    /// Only those that began at this time or later.
    pub since: Option<String>,
    /// Only those that began before this time.
    pub until: Option<String>,
    /// Also those that cannot be restored any more.
    pub all: bool,
}

/// What to verify.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VerifyTarget {
    /// One backup.
    Backup(String),
    /// Every backup that the store holds.
    All,
}

/// Where to restore from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestoreFrom {
    /// A backup.
    Backup(String),
    /// The newest backup that began at this time or before.
    At(String),
    /// What the restore by this job replaced: a UUID or a unique prefix. Names all of it, and goes with neither sources,
    /// paths nor a directory.
    Undo(String),
}

/// What to restore, and where to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreRequest {
    /// Where from.
    pub from: RestoreFrom,
    /// Names of sources; empty: all in the backup.
    pub sources: Vec<String>,
    /// Members, or folders with all below them, by their path in the archive; empty: all of the sources.
    pub paths: Vec<Octets>,
    /// Restore what is undamaged, and leave the rest as it is.
    pub partial: bool,
    /// Go on although some live data cannot be saved first.
    pub accept_unsaved: bool,
    /// Why; kept in the audit trail.
    pub description: String,
    /// Only say what would be done.
    pub dry_run: bool,
    /// Do not wait for a backup or a verification that runs: cancel it.
    pub now: bool,
    /// Write into a directory that the client opened and passes, not into the live place.
    pub to: bool,
    /// Load the one database among the sources into this one, which must not exist, and leave the live one alone.
    pub to_database: Option<String>,
}

/// Which jobs to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListJobs {
    /// Also those that ended longer than a day ago.
    pub all: bool,
    /// No more than these many.
    pub limit: Option<u32>,
}

/// Which audit records to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListAudit {
    /// Only those of this time or later.
    pub since: Option<String>,
    /// Only those of this user, or in whose name a gateway asked.
    pub user: Option<String>,
    /// No more than these many, the newest.
    pub limit: Option<u32>,
}
