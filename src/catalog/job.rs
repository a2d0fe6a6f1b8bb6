//! Jobs: what was asked for, and the states it goes through.

mod changes;
mod lookup;
mod rows;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use lookup::JobFilter;

use super::BackupRecord;
use crate::model::{BackupId, ErrorCode, JobId, JobKind, JobState, Mode, Requester, Scope, SourceName};
use crate::progress::Phase;

/// What a job is to do. Stored as JSON: fields may be added with a default, none may change its meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobSpec {
    /// Take a backup.
    Backup(BackupSpec),
    /// Put sources back, or write them elsewhere.
    Restore(RestoreSpec),
    /// Read archives and compare them with their checksums.
    Verify(VerifySpec),
    /// Remove backups.
    Prune(PruneSpec),
}

/// A backup to take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSpec {
    /// What it covers.
    pub scope: Scope,
    /// These sources only; empty for all that the scope covers.
    pub sources: Vec<SourceName>,
    /// Full or incremental.
    pub mode: Mode,
    /// What the person who asks writes down.
    pub description: String,
}

/// A restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreSpec {
    /// Which backup.
    pub backup: BackupId,
    /// These sources only; empty for all in the backup.
    pub sources: Vec<SourceName>,
    /// Go on although something live cannot be saved beforehand.
    pub accept_unsaved: bool,
    /// What the person who asks writes down.
    pub description: String,
    /// Into a directory whose descriptor the queue holds, instead of the live places.
    pub to_directory: bool,
}

/// A verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifySpec {
    /// Which backups; empty for every one.
    pub backups: Vec<BackupId>,
    /// Read the structure only.
    pub quick: bool,
}

/// A removal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneSpec {
    /// Which backups.
    pub backups: Vec<BackupId>,
    /// Why.
    pub reason: String,
}

/// Where jobs run: one at a time in each lane, the lanes beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// What writes to the store or to live data.
    Write,
    /// What only reads archives.
    Read,
}

impl Lane {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
        }
    }
}

impl JobSpec {
    /// The kind of job.
    #[must_use]
    pub const fn kind(&self) -> JobKind {
        match self {
            Self::Backup(_) => JobKind::Backup,
            Self::Restore(_) => JobKind::Restore,
            Self::Verify(_) => JobKind::Verify,
            Self::Prune(_) => JobKind::Prune,
        }
    }

    /// The lane that it runs in.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        match self {
            Self::Verify(_) | Self::Restore(RestoreSpec { to_directory: true, .. }) => Lane::Read,
            Self::Backup(_) | Self::Restore(_) | Self::Prune(_) => Lane::Write,
        }
    }

    /// Its priority unless something else is asked for: a live restore goes before everything that waits.
    #[must_use]
    pub const fn default_priority(&self) -> i64 {
        match self {
            Self::Restore(RestoreSpec { to_directory: false, .. }) => 100,
            _ => 0,
        }
    }

    /// Whether it writes into a directory whose descriptor is handed over with it.
    #[must_use]
    pub const fn needs_directory(&self) -> bool {
        matches!(self, Self::Restore(RestoreSpec { to_directory: true, .. }))
    }

    /// Whether nothing is lost when it is stopped and asked for again.
    #[must_use]
    pub const fn is_repeatable(&self) -> bool {
        match self {
            Self::Backup(_) | Self::Verify(_) | Self::Restore(RestoreSpec { to_directory: true, .. }) => true,
            Self::Restore(_) | Self::Prune(_) => false,
        }
    }

    /// What the audit trail says of it: its parameters by name, and the reason that was given.
    pub(super) fn for_audit(&self) -> (BTreeMap<String, String>, &str) {
        let mut parameters = BTreeMap::from([("kind".to_owned(), self.kind().to_string())]);
        let mut say = |name: &str, value: String| drop(parameters.insert(name.to_owned(), value));
        let reason = match self {
            Self::Backup(spec) => {
                say("scope", spec.scope.to_string());
                say("sources", joined(&spec.sources));
                say("mode", spec.mode.to_string());
                &spec.description
            }
            Self::Restore(spec) => {
                say("backup", spec.backup.to_string());
                say("sources", joined(&spec.sources));
                say("accept_unsaved", spec.accept_unsaved.to_string());
                say("to_directory", spec.to_directory.to_string());
                &spec.description
            }
            Self::Verify(spec) => {
                say("backups", joined(&spec.backups));
                say("quick", spec.quick.to_string());
                ""
            }
            Self::Prune(spec) => {
                say("backups", joined(&spec.backups));
                &spec.reason
            }
        };
        (parameters, reason)
    }
}

fn joined(items: &[impl ToString]) -> String {
    if items.is_empty() {
        "all".to_owned()
    } else {
        items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }
}

/// A job to enqueue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// What it is to do.
    pub spec: JobSpec,
    /// Higher goes first; equal ones in the order they came.
    pub priority: i64,
    /// Who asks.
    pub requested_by: Requester,
    /// When.
    pub requested_at: Timestamp,
}

impl NewJob {
    /// A job with a new id and its kind's priority.
    #[must_use]
    pub fn new(spec: JobSpec, requested_by: Requester, requested_at: Timestamp) -> Self {
        Self { id: JobId::generate(), priority: spec.default_priority(), spec, requested_by, requested_at }
    }
}

/// All that the catalog knows of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What it is to do.
    pub spec: JobSpec,
    /// Where it is in its life.
    pub state: JobState,
    /// Higher goes first.
    pub priority: i64,
    /// Who asked.
    pub requested_by: Requester,
    /// When.
    pub requested_at: Timestamp,
    /// When it began to run.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What it went through; known once it ended.
    pub phases: Vec<Phase>,
    /// What came of it; known once it ended.
    pub outcome: Option<JobOutcome>,
}

/// What came of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOutcome {
    /// The final state.
    pub state: JobState,
    /// What went not quite well, each naming the thing.
    pub warnings: Vec<String>,
    /// Why it did not do what was asked.
    pub error: Option<JobError>,
    /// The backup that it made.
    pub backup_id: Option<BackupId>,
    /// The safety backup that it made first.
    pub safety_backup_id: Option<BackupId>,
    /// What else its kind has to tell.
    #[serde(default)]
    pub notes: serde_json::Map<String, serde_json::Value>,
}

impl JobOutcome {
    /// It ended well; with warnings if there are any.
    #[must_use]
    pub fn done(warnings: Vec<String>) -> Self {
        let state = if warnings.is_empty() { JobState::Succeeded } else { JobState::Warned };
        Self { state, warnings, error: None, backup_id: None, safety_backup_id: None, notes: serde_json::Map::new() }
    }

    /// It ended without doing what was asked. An error with the code `cancelled` makes it cancelled, others failed.
    #[must_use]
    pub fn ended_by(error: JobError) -> Self {
        let state = if error.code == ErrorCode::Cancelled { JobState::Cancelled } else { JobState::Failed };
        Self { state, error: Some(error), ..Self::done(Vec::new()) }
    }

    /// The daemon ended before the job did.
    #[must_use]
    pub fn interrupted(why: &str) -> Self {
        let error = JobError {
            code: ErrorCode::Failed,
            message: format!("interrupted: {why}"),
            hint: "nothing is half done; ask for it again".to_owned(),
        };
        Self { state: JobState::Interrupted, error: Some(error), ..Self::done(Vec::new()) }
    }
}

/// Why a job did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobError {
    /// For scripts.
    pub code: ErrorCode,
    /// What happened, and why.
    pub message: String,
    /// What to do next; empty when there is nothing to say.
    pub hint: String,
}

/// The end of a job: what came of it, and the backup that comes into being with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobEnd {
    /// What came of it.
    pub outcome: JobOutcome,
    /// The published backup, recorded in the same transaction as the job's end.
    pub backup: Option<Box<BackupRecord>>,
}

impl From<JobOutcome> for JobEnd {
    fn from(outcome: JobOutcome) -> Self {
        Self { outcome, backup: None }
    }
}

#[cfg(test)]
mod tests;
