//! What the schedules have missed and will do, as the alerts and the status ask for it.
//!
//! Scheduler and alerts live on one floor and do not know each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::alerts::{Outlook, Schedules, SkippedRun};
use crate::catalog::CatalogError;
use crate::job::Jobs;
use crate::model::SourceName;
use crate::scheduler::{ScheduleLook, Scheduler};

/// Asks the scheduler.
#[derive(Debug)]
pub(super) struct ScheduleOutlook {
    scheduler: Arc<Scheduler>,
    jobs: Arc<Jobs>,
}

impl ScheduleOutlook {
    pub(super) const fn new(scheduler: Arc<Scheduler>, jobs: Arc<Jobs>) -> Self {
        Self { scheduler, jobs }
    }

    fn look(&self, sources: &[SourceName]) -> Result<Outlook, CatalogError> {
        let schedules = self.scheduler.schedules()?;
        let mut next_backups = BTreeMap::new();
        let parts = self.jobs.parts();
        for source in parts.sources.iter().filter(|source| sources.contains(source.name())) {
            if let Some(at) = self.scheduler.next_backup_of(source.name(), source.kind())? {
                next_backups.insert(source.name().clone(), at);
            }
        }
        let skipped = schedules.iter().filter_map(skipped).collect();
        Ok(Outlook { is_any: !schedules.is_empty(), next_backups, skipped })
    }
}

impl Schedules for ScheduleOutlook {
    fn outlook(&self, sources: &[SourceName]) -> Option<Outlook> {
        self.look(sources).inspect_err(|error| tracing::error!(%error, "the schedules could not be looked at")).ok()
    }
}

/// The last time that a schedule was due, when no job came of it.
fn skipped(look: &ScheduleLook) -> Option<SkippedRun> {
    let at = look.state.last_skipped?;
    let why = look.state.last_skipped_why.clone()?;
    let has_run_since = look.state.last_due.is_some_and(|due| due >= at);
    (!has_run_since).then(|| SkippedRun { schedule: look.schedule.name.clone(), at, why })
}
