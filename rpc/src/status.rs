//! Are we protected, since when, how fast can we be back, and what is wrong. Also the daemon's `status.json`, so nothing
//! here may name a file of a source.

use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::job::Job;
use crate::value::{Octets, Time};
use crate::words::{Severity, SourceKind, Verdict};

/// The state of everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The short answer.
    pub verdict: Verdict,
    /// The moment that it tells of.
    pub generated_at: Time,
    /// The moment to which every source could be restored today; absent when some source has no backup.
    pub protected_since: Option<Time>,
    /// How long a restore of everything takes, by what earlier ones took.
    pub restore_estimate_seconds: Option<u64>,
    /// How long it may take (recovery time objective).
    pub rto_seconds: u64,
    /// Whether that is what the last restore of as much took, and not reckoned from one of less or more.
    pub restore_was_measured: bool,
    /// What fires, worst first; also among the problems.
    pub alerts: Vec<Alert>,
    /// Notices that are on their way.
    pub notices: NoticesStatus,
    /// Whom to call; empty when nobody is configured.
    pub contact: String,
    /// What is wrong, worst first.
    pub problems: Vec<Problem>,
    /// Each source, in the order of the configuration.
    pub sources: Vec<SourceStatus>,
    /// The newest backup of which every byte was read and compared.
    pub newest_verified: Option<BackupPoint>,
    /// Where backups are kept.
    pub store: StoreStatus,
    /// What restores replaced and still lies beside the live data, for `restore --undo`; the newest restore first.
    pub kept: Vec<KeptData>,
    /// Jobs that run.
    pub running: Vec<Job>,
    /// Jobs that wait, the next first.
    pub queued: Vec<Job>,
    /// The program that says so.
    pub daemon: DaemonStatus,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// How bad.
    pub severity: Severity,
    /// What, naming the thing.
    pub what: String,
    /// The next command or step.
    pub next: Option<String>,
}

/// A backup in a few words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupPoint {
    /// UUID.
    pub id: String,
    /// Name of its archive.
    pub filename: String,
    /// When it began.
    pub created_at: Time,
}

/// How well a source is protected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: SourceKind,
    /// Its newest usable backup.
    pub newest_backup: Option<BackupPoint>,
    /// Seconds since that backup began.
    pub age_seconds: Option<u64>,
    /// Seconds after which that is too old (recovery point objective); absent when none is set.
    pub rpo_seconds: Option<u64>,
    /// Its newest backup of which every byte was read and compared.
    pub newest_verified: Option<BackupPoint>,
    /// When a schedule backs it up next; absent when none does.
    pub next_backup_at: Option<Time>,
    /// How long a restore of it alone takes, by what earlier ones took.
    pub restore_estimate_seconds: Option<u64>,
    /// Seconds that its restore may take (recovery time objective).
    pub rto_seconds: u64,
}

/// Notices that are on their way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticesStatus {
    /// Not delivered yet.
    pub waiting: u64,
    /// Given up within the last week, after three days of trying.
    pub given_up: u64,
    /// What the other side answered last to one that waits or was given up.
    pub last_error: Option<String>,
}

/// Where backups are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreStatus {
    /// Its directory.
    pub dir: Octets,
    /// Names of the sources that lie on the same device: the loss of that disk is the loss of both.
    pub same_device_as: Vec<String>,
    /// Bytes free; absent when it cannot be read.
    pub free_bytes: Option<u64>,
    /// Bytes of the whole file system.
    pub total_bytes: Option<u64>,
    /// Backups in it.
    pub backups: u64,
    /// Bytes of their archives.
    pub bytes: u64,
    /// Days until it is full at the rate of the last weeks; absent when it does not grow, or nothing is known of that.
    pub days_until_full: Option<u64>,
}

/// The running daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// Version of the program.
    pub version: String,
    /// When it started.
    pub started_at: Time,
    /// IANA name of the zone in which times without one are read.
    pub timezone: String,
}

/// What a restore replaced and still lies beside the live data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptData {
    /// UUID of the restore's job.
    pub job_id: String,
    /// Names of the sources.
    pub sources: Vec<String>,
    /// When it may be discarded. What no safety backup holds is kept until somebody removes it.
    pub until: Option<Time>,
    /// Bytes of its content, by the safety backup: the most that it takes, as it may share what is live.
    pub size_bytes: Option<u64>,
    /// Whether the restore can be undone: nothing was put in the same place since, and all that it replaced is there.
    pub can_be_undone: bool,
}
