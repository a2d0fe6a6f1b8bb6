//! What a restore would do: looked at, printed and confirmed before anything is changed.

use super::super::context::Parts;
use super::open::Restoring;
use crate::catalog::{BackupRecord, JobError, RestoreSpec};
use crate::progress::Progress;
use crate::source::SourcePlan;

/// What a restore would do.
#[derive(Debug)]
pub struct RestorePlan {
    /// The backup.
    pub record: BackupRecord,
    /// What would happen to each source.
    pub sources: Vec<SourcePlan>,
    /// Live data that cannot be saved first, each with the reason.
    pub unsaved: Vec<String>,
    /// The application is stopped and started by the job; otherwise somebody has to.
    pub stops_application: bool,
    /// The names of the probes that have to pass.
    pub probes: Vec<String>,
}

impl RestorePlan {
    /// Looks at everything that a restore by `spec` would look at before it changes anything.
    ///
    /// # Errors
    /// [`JobError`]: what would be refused.
    pub fn make(parts: &Parts, spec: &RestoreSpec) -> Result<Self, JobError> {
        parts.restores.require_settled()?;
        let restoring = Restoring::open(parts, spec)?;
        let unsaved = restoring.unsaved().iter().map(|u| format!("source '{}': {}", u.source, u.why)).collect();
        let progress = Progress::default();
        let sources = restoring
            .sources
            .iter()
            .map(|source| source.plan(&restoring.archive, &[], &progress))
            .collect::<Result<_, _>>()?;
        let hooks = &parts.settings.hooks;
        Ok(Self {
            record: restoring.record,
            sources,
            unsaved,
            stops_application: hooks.stop_application.is_some(),
            probes: hooks.probes.iter().map(|probe| probe.name.clone()).collect(),
        })
    }
}
