//! `[[schedule]]`: what is done by itself, and when.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::cron::CronExpression;
use crate::model::{Mode, Scope, SourceName};

/// One schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Its name, unique among the schedules.
    pub name: String,
    /// When it is due.
    pub cron: CronExpression,
    /// The zone in which that is meant.
    pub timezone: TimeZone,
    /// What is then done.
    pub work: ScheduledWork,
    /// A time that was missed, because the machine was off or asleep, is made up for when it is younger than this.
    pub catch_up: Duration,
    /// A job begins up to this long after it was due, so that many machines do not begin at once.
    pub jitter: Duration,
}

/// What a schedule enqueues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScheduledWork {
    /// A backup.
    Backup {
        /// What it covers.
        scope: Scope,
        /// These sources only; empty for all that the scope covers.
        sources: Vec<SourceName>,
        /// Full or incremental.
        mode: Mode,
    },
    /// A verification.
    Verify(VerifyWhich),
    /// The removal of what the retention plan lets expire.
    Prune,
}

/// What a scheduled verification reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyWhich {
    /// Every archive.
    All,
    /// The restore point that was verified longest ago.
    Oldest,
}
