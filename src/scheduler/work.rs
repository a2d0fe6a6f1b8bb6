//! What a schedule does: as a job, and in words.

use crate::catalog::{BackupSpec, ExpireSpec, JobSpec, VerifySpec};
use crate::config::{Schedule, ScheduledWork, VerifyWhich};
use crate::model::{Mode, Scope, SourceName};

/// The job of a schedule.
pub(super) fn spec(schedule: &Schedule, description: &str) -> JobSpec {
    let description = description.to_owned();
    match &schedule.work {
        ScheduledWork::Backup { scope, sources, mode } => JobSpec::Backup(BackupSpec {
            scope: *scope,
            sources: sources.clone(),
            mode: *mode,
            // So that `full_every` counts.
            is_mode_explicit: false,
            description,
            rescan: false,
        }),
        ScheduledWork::Verify(which) => JobSpec::Verify(VerifySpec {
            backups: Vec::new(),
            quick: false,
            oldest: *which == VerifyWhich::Oldest,
            description,
        }),
        ScheduledWork::Prune => JobSpec::Expire(ExpireSpec { backups: None, reason: description }),
    }
}

/// What a schedule does, for a table.
pub(super) fn in_words(work: &ScheduledWork) -> String {
    match work {
        ScheduledWork::Backup { scope, sources, mode } => {
            let what = match (scope, &sources[..]) {
                (Scope::All, []) => "all sources".to_owned(),
                (scope, []) => format!("scope {scope}"),
                (_, sources) => sources.iter().map(SourceName::as_str).collect::<Vec<_>>().join(", "),
            };
            match mode {
                Mode::Full => format!("backup of {what}, full"),
                Mode::Incremental => format!("backup of {what}"),
            }
        }
        ScheduledWork::Verify(VerifyWhich::All) => "verify every backup".to_owned(),
        ScheduledWork::Verify(VerifyWhich::Oldest) => "verify the backup verified longest ago".to_owned(),
        ScheduledWork::Prune => "prune by the retention rules".to_owned(),
    }
}
