//! Everything that the rules look at, at one moment. Plain values: a rule is tested with a state that is written down.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::restore_time::RestoreTime;
use crate::catalog::{BackupRecord, Job, NoticesCount, RemovalWaits};
use crate::config::MinFree;
use crate::fsio::Space;
use crate::job::Trouble;
use crate::model::{BackupId, JobId, JobKind, SourceKind, SourceName};
use crate::progress::Snapshot;
use crate::retention::Fallen;

/// The state of everything.
#[derive(Clone, Debug)]
pub struct State {
    /// The moment.
    pub now: Timestamp,
    /// The configured sources, in the order of the configuration.
    pub sources: Vec<SourceState>,
    /// Every backup, the newest first, in the state in which the store has it at this moment.
    pub backups: Vec<BackupRecord>,
    /// Jobs that ended.
    pub ended: EndedJobs,
    /// Jobs that run.
    pub running: Vec<RunningJob>,
    /// Where the archives lie.
    pub store: StoreState,
    /// What the catalog has to tell of itself.
    pub catalog: CatalogState,
    /// The room for the daemon's own state; `None` where it shares that of the store, or cannot be read.
    pub state_space: Option<Space>,
    /// Restores that could not be settled.
    pub troubles: Vec<Trouble>,
    /// What the schedules have missed and will do; `None` when nobody knows.
    pub outlook: Option<Outlook>,
    /// How the outbox stands.
    pub notices: NoticesCount,
    /// The keys of the alerts that fire.
    pub firing: BTreeSet<String>,
    /// A source without an objective of its own is missing a backup when its newest is older.
    pub missing_backup_after: Duration,
    /// Less free space than this is little.
    pub low_disk: MinFree,
    /// With less than this free no backup begins.
    pub min_free: MinFree,
    /// What the archives may take in all.
    pub max_total_bytes: Option<u64>,
    /// How long a restore of everything takes.
    pub restore_time: Option<RestoreTime>,
    /// How long it may take.
    pub rto: Duration,
}

/// The state of a source.
#[derive(Clone, Debug)]
pub struct SourceState {
    /// Its name.
    pub name: SourceName,
    /// Its kind.
    pub kind: SourceKind,
    /// Since when it is configured.
    pub known_since: Timestamp,
    /// How old its newest backup may be.
    pub rpo: Duration,
    /// Whether it says so for itself.
    pub has_own_rpo: bool,
    /// How long its restore may take, where it says so for itself.
    pub own_rto: Option<Duration>,
    /// Its newest backup that can be restored.
    pub newest: Option<BackupRecord>,
    /// Its newest backup of which every byte was read and compared.
    pub newest_verified: Option<BackupRecord>,
    /// What fell far below what was usual, and nobody has accepted.
    pub fallen: Option<Fallen>,
    /// How long a restore of it takes.
    pub restore_time: Option<RestoreTime>,
}

impl SourceState {
    /// After how long it is missing a backup.
    #[must_use]
    pub const fn missing_after(&self, missing_backup_after: Duration) -> Duration {
        if self.has_own_rpo { self.rpo } else { missing_backup_after }
    }
}

/// The newest jobs of each kind that ended, the newest first.
#[derive(Clone, Debug, Default)]
pub struct EndedJobs {
    /// Backups.
    pub backups: Vec<Job>,
    /// Restores.
    pub restores: Vec<Job>,
    /// Verifications.
    pub verifications: Vec<Job>,
    /// Removals.
    pub removals: Vec<Job>,
}

/// A job that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningJob {
    /// Its id.
    pub id: JobId,
    /// Its kind.
    pub kind: JobKind,
    /// What it is at.
    pub phase: String,
    /// For how long nothing about it has changed, not counting the time in which the machine slept.
    pub unchanged_for: Duration,
}

/// Where the archives lie.
#[derive(Clone, Debug, Default)]
pub struct StoreState {
    /// Why nothing can be written there.
    pub trouble: Option<String>,
    /// Its room; `None` when it cannot be read.
    pub space: Option<Space>,
    /// Sources that lie on the same device.
    pub same_device_as: Vec<SourceName>,
    /// What the archives take.
    pub bytes: u64,
    /// Days until it is full at the rate of the last weeks; `None` when it does not grow, or nobody knows.
    pub days_until_full: Option<u64>,
}

/// What the catalog has to tell of itself, and of what it is not certain of.
#[derive(Clone, Debug, Default)]
pub struct CatalogState {
    /// The last change could not be written.
    pub is_disk_full: bool,
    /// Names of archives in the store that nobody can read.
    pub unreadable: Vec<String>,
    /// Why nothing is removed unasked.
    pub removal_waits: Option<RemovalWaits>,
    /// Since when nothing expires by itself, because the catalog was rebuilt.
    pub expiry_waits_since: Option<Timestamp>,
}

/// What the schedules have missed and will do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Whether there is any schedule.
    pub is_any: bool,
    /// When each source is backed up next.
    pub next_backups: BTreeMap<SourceName, Timestamp>,
    /// Schedules whose latest time was skipped.
    pub skipped: Vec<SkippedRun>,
}

/// A schedule was due and did not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedRun {
    /// The schedule's name.
    pub schedule: String,
    /// When it was due.
    pub at: Timestamp,
    /// Why it did not run.
    pub why: String,
}

/// Whoever knows the schedules: they live on the same floor, and are handed in from above.
pub trait Schedules: Send + Sync + std::fmt::Debug {
    /// What was missed, and when each of `sources` is backed up next.
    fn outlook(&self, sources: &[SourceName]) -> Option<Outlook>;
}

/// Nobody knows of any schedule.
#[derive(Clone, Copy, Debug)]
pub struct NoSchedules;

impl Schedules for NoSchedules {
    fn outlook(&self, _sources: &[SourceName]) -> Option<Outlook> {
        None
    }
}

/// Whoever knows how far running jobs are.
pub trait RunningJobs: Send + Sync + std::fmt::Debug {
    /// A look at the job's progress; `None` when it does not run.
    fn progress(&self, id: JobId) -> Option<Snapshot>;
}

impl RunningJobs for crate::queue::Queue {
    fn progress(&self, id: JobId) -> Option<Snapshot> {
        Self::progress(self, id)
    }
}

impl State {
    /// The source of this name.
    #[must_use]
    pub fn source(&self, name: &SourceName) -> Option<&SourceState> {
        self.sources.iter().find(|source| source.name == *name)
    }

    /// The backup with this id.
    #[must_use]
    pub fn backup(&self, id: BackupId) -> Option<&BackupRecord> {
        self.backups.iter().find(|backup| backup.id == id)
    }
}
