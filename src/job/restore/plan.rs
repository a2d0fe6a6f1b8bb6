//! What a restore would do: looked at, printed and confirmed before anything is changed.

use super::super::context::Parts;
use super::open::Restoring;
use super::room::Room;
use super::undo::Undoing;
use crate::catalog::{BackupRecord, JobError, RestoreSpec, UndoSpec};
use crate::model::JobId;
use crate::progress::Progress;
use crate::source::SourcePlan;

/// What a restore would do.
#[derive(Debug)]
pub struct RestorePlan {
    /// The backup.
    pub record: BackupRecord,
    /// The restore that would be undone; `record` is what was saved before it.
    pub undoes: Option<JobId>,
    /// What would happen to each source.
    pub sources: Vec<SourcePlan>,
    /// Live data that cannot be saved first, each with the reason.
    pub unsaved: Vec<String>,
    /// What is left as it is because the backup of it is damaged.
    pub damage: Vec<String>,
    /// How much room is needed beside the live data, and how much there is.
    pub room: Room,
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
        Self::of(parts, Restoring::open(parts, spec)?)
    }

    /// As [`Self::make`], of the undoing of a restore.
    ///
    /// # Errors
    /// [`JobError`]: what would be refused.
    pub fn make_undo(parts: &Parts, spec: &UndoSpec) -> Result<Self, JobError> {
        parts.restores.require_settled()?;
        let plan = Self::of(parts, Undoing::open(parts, spec)?.restoring)?;
        Ok(Self { undoes: Some(spec.restore), ..plan })
    }

    /// Whether a restore can be undone.
    ///
    /// # Errors
    /// [`JobError`]: why not, and what can be done instead.
    pub fn require_undoable(parts: &Parts, spec: &UndoSpec) -> Result<(), JobError> {
        Undoing::open(parts, spec).map(drop)
    }

    fn of(parts: &Parts, mut restoring: Restoring) -> Result<Self, JobError> {
        let unsaved = restoring.unsaved();
        let unsaved_names = unsaved.iter().map(|unsaved| unsaved.source.clone()).collect();
        let unsaved = unsaved.iter().map(|u| format!("source '{}': {}", u.source, u.why)).collect();
        let sources = restoring.plan(&Progress::default())?;
        let hooks = &parts.settings.hooks;
        Ok(Self {
            record: restoring.record,
            damage: restoring.damage,
            undoes: None,
            room: Room::of(&sources, &unsaved_names),
            sources,
            unsaved,
            stops_application: hooks.stop_application.is_some(),
            probes: hooks.probes.iter().map(|probe| probe.name.clone()).collect(),
        })
    }
}
