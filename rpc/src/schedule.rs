//! What the daemon does by itself, and when.

use serde::{Deserialize, Serialize};

use crate::value::Time;
use crate::words::JobState;

/// A schedule of the configuration, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// When it is due, as it was written.
    pub cron: String,
    /// IANA name of the zone in which that is meant.
    pub timezone: String,
    /// What it does, in words: `backup of all sources, incremental`.
    pub work: String,
    /// A time that was missed is made up for when it is younger than this (seconds).
    pub catch_up_seconds: u64,
    /// Its job begins up to this much after it is due (seconds).
    pub jitter_seconds: u64,
    /// When it is due next; absent while it is paused, and when it never is again.
    pub next_due_at: Option<Time>,
    /// Who paused it, when and why; absent while it runs.
    pub paused: Option<Pause>,
    /// The last time that it was due and a job came of it.
    pub last_due_at: Option<Time>,
    /// UUID of its last job, also of one that somebody asked for.
    pub last_job_id: Option<String>,
    /// How that job stands.
    pub last_job_state: Option<JobState>,
    /// Times that it was due and no job came of it.
    pub skipped: u64,
    /// The last of these.
    pub last_skipped_at: Option<Time>,
    /// Why.
    pub last_skipped_why: Option<String>,
}

/// A schedule stands still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Who paused it.
    pub who: String,
    /// When.
    pub at: Time,
    /// Why.
    pub why: String,
}

/// A time at which a schedule is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueTime {
    /// The schedule.
    pub schedule: String,
    /// When.
    pub at: Time,
    /// When its job begins: with the jitter of this time.
    pub begins_at: Time,
    /// The same as `at`, as its zone's clocks show it, with the offset: `2026-11-03 02:00 +01:00`.
    pub local: String,
    /// What it does, in words.
    pub work: String,
}
