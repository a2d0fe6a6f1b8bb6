//! A job as the wire and scripts see it, and the frames of one that is watched.

use serde::{Deserialize, Serialize};

use crate::backup::Requester;
use crate::error_reply::ErrorReply;
use crate::value::Time;
use crate::words::{JobKind, JobState};

/// One unit of queued work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// UUID.
    pub id: String,
    /// What kind of work.
    pub kind: JobKind,
    /// The work in one line, such as `all sources` or `restore data from backup_2025-10-29_14-30-00`.
    pub title: String,
    /// Where it is in its life.
    pub state: JobState,
    /// Higher runs first within a lane.
    pub priority: i32,
    /// Who asked.
    pub requested_by: Requester,
    /// When it was enqueued.
    pub requested_at: Time,
    /// When it began.
    pub started_at: Option<Time>,
    /// When it ended.
    pub finished_at: Option<Time>,
    /// How far it is; absent before it begins and after it has ended.
    pub progress: Option<JobProgress>,
    /// The phases so far.
    pub phases: Vec<JobPhase>,
    /// What came of it; absent until it has ended, and when it ended before it had anything to say.
    pub result: Option<JobResult>,
    /// Why it failed or was cancelled.
    pub error: Option<ErrorReply>,
    /// The backup that it took, restored or read.
    pub backup_id: Option<String>,
    /// The safety backup that it took.
    pub safety_backup_id: Option<String>,
}

/// How far a job is. Totals and the estimate are absent while they are unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobProgress {
    /// Name of the running phase.
    pub phase: String,
    /// Bytes of content done in this phase.
    pub done_bytes: u64,
    /// Bytes of content that the phase will do.
    pub total_bytes: Option<u64>,
    /// Files done in this phase.
    pub done_files: u64,
    /// Files that the phase will do.
    pub total_files: Option<u64>,
    /// Bytes of content per second, lately.
    pub rate: u64,
    /// Seconds until the phase ends, by estimate.
    pub eta_seconds: Option<u64>,
}

/// One phase of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobPhase {
    /// For example `verify`, `safety backup`, `stage`.
    pub name: String,
    /// When it began.
    pub started_at: Time,
    /// When it ended; absent while it runs.
    pub finished_at: Option<Time>,
}

/// What came of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobResult {
    /// One line for people; absent when the numbers say it all.
    pub summary: Option<String>,
    /// Files written, restored or read.
    pub files: u64,
    /// Bytes of content written, restored or read.
    pub bytes: u64,
    /// What was left out or may be inconsistent, each naming the thing; the first ones, see `omitted`.
    pub warnings: Vec<String>,
    /// Damage that was found, each naming the archive and the file that it hurts; the first ones, see `omitted`.
    pub damage: Vec<String>,
    /// How many more warnings and damages there are than are listed.
    pub omitted: u64,
}

/// A frame of a watched job that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobUpdate {
    /// UUID of the job.
    pub id: String,
    /// Where it is in its life.
    pub state: JobState,
    /// How many jobs run before it; 0 when it runs.
    pub ahead: u32,
    /// The one that runs at present where it would run.
    pub behind: Option<JobInTheWay>,
    /// How far it is.
    pub progress: Option<JobProgress>,
}

/// A job that another waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobInTheWay {
    /// UUID.
    pub id: String,
    /// What kind of work.
    pub kind: JobKind,
    /// The work in one line.
    pub title: String,
    /// Whether `restore --now` would stop it.
    pub yields: bool,
}
