//! Jobs: what was asked for, and the states it goes through.

mod changes;
mod lookup;
mod rows;
mod spec;
pub(super) mod untold;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use lookup::JobFilter;
pub use spec::{BackupSpec, JobSpec, Lane, PruneSpec, RestoreSpec, UndoSpec, VerifySpec};

use super::BackupRecord;
use crate::model::{BackupId, ErrorCode, JobId, JobState, Requester};
use crate::progress::Phase;

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
