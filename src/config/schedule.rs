//! `[[schedule]]`: what is done by itself, and when.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::cron::CronExpression;
use crate::model::{Mode, Scope, SourceKind, SourceName};

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

impl Schedule {
    /// What `catch_up` is when nothing else is said.
    pub const DEFAULT_CATCH_UP: Duration = Duration::from_hours(24);

    /// What `jitter` is when nothing else is said: none, so that a schedule does what it says.
    pub const DEFAULT_JITTER: Duration = Duration::ZERO;

    /// The schedules that are in force when no `[[schedule]]` is written.
    #[must_use]
    pub fn defaults(timezone: &TimeZone) -> Vec<Self> {
        let backup = ScheduledWork::Backup { scope: Scope::All, sources: Vec::new(), mode: Mode::Incremental };
        let verify = ScheduledWork::Verify(VerifyWhich::All);
        let shipped = [
            ("nightly", "0 0 * * *", backup, 24),
            ("weekly-verify", "0 3 * * 0", verify, 72),
            ("daily-prune", "0 2 * * *", ScheduledWork::Prune, 24),
        ];
        let schedule = |(name, cron, work, catch_up): (&str, &str, ScheduledWork, u64)| {
            let cron = CronExpression::parse(cron).ok()?;
            let (name, timezone) = (name.to_owned(), timezone.clone());
            let (catch_up, jitter) = (Duration::from_hours(catch_up), Duration::from_mins(5));
            Some(Self { name, cron, timezone, work, catch_up, jitter })
        };
        shipped.into_iter().filter_map(schedule).collect()
    }

    /// When it is due, as one text: a schedule of which this changes begins anew.
    #[must_use]
    pub fn rule(&self) -> String {
        format!("{} {}", self.cron, self.zone_name())
    }

    /// The IANA name of its zone.
    #[must_use]
    pub fn zone_name(&self) -> &str {
        self.timezone.iana_name().unwrap_or("UTC")
    }
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

impl ScheduledWork {
    /// Whether it backs up this source.
    #[must_use]
    pub fn backs_up(&self, name: &SourceName, kind: SourceKind) -> bool {
        match self {
            Self::Backup { scope, sources, .. } => scope.covers(kind) && (sources.is_empty() || sources.contains(name)),
            Self::Verify(_) | Self::Prune => false,
        }
    }
}

/// What a scheduled verification reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyWhich {
    /// Every archive.
    All,
    /// The restore point that was verified longest ago.
    Oldest,
}
