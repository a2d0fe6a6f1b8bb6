//! The plan of a prune job, for whoever shows it and for the job that carries it out.

use jiff::Timestamp;

use super::super::context::Parts;
use super::{facts, trash};
use crate::catalog::{BackupRecord, JobError};
use crate::retention::{self, RetentionPlan};

/// What pruning would do now.
#[derive(Clone, Debug)]
pub struct PrunePlan {
    /// What becomes of each backup.
    pub retention: RetentionPlan,
    /// Names it: [`RetentionPlan::digest`].
    pub digest: String,
    /// All that the catalog knows, newest first, in the states that the store shows.
    pub records: Vec<BackupRecord>,
    /// What leaves the trash for good.
    pub leaves_trash: Vec<BackupRecord>,
    /// Since when nothing expires by itself, because the catalog was rebuilt and nobody has looked at a plan since.
    pub waits_since: Option<Timestamp>,
}

impl PrunePlan {
    /// Makes the plan. Changes nothing.
    ///
    /// # Errors
    /// [`JobError`]: the store is not there, or something cannot be read.
    pub fn make(parts: &Parts) -> Result<Self, JobError> {
        parts.store.check()?;
        let (records, input) = facts::gather(parts)?;
        let settings = &parts.settings;
        let plan = retention::plan(&input, &settings.retention, parts.clock.now(), &settings.timezone);
        Ok(Self {
            digest: plan.digest(&settings.retention),
            leaves_trash: trash::due(parts, &input, plan.is_clock_doubted)?,
            waits_since: parts.catalog.prune_waits_since()?,
            retention: plan,
            records,
        })
    }

    /// What is to be known beside the decisions.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let waits = self.waits_since.map(|_| {
            "nothing expires by itself since the catalog was rebuilt; `carelogctl prune`, by somebody who has read this plan, \
             puts the rules in force again"
                .to_owned()
        });
        let trash = match self.leaves_trash.len() {
            0 => None,
            1 => Some("1 backup leaves the trash for good".to_owned()),
            backups => Some(format!("{backups} backups leave the trash for good")),
        };
        self.retention.notes.iter().cloned().chain(waits).chain(trash).collect()
    }

    /// The backup of this id.
    pub(super) fn record(&self, id: crate::model::BackupId) -> Option<&BackupRecord> {
        self.records.iter().find(|record| record.id == id)
    }
}
