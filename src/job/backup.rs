//! The backup job.

use serde_json::json;

use super::bases::{Bases, BuildOn};
use super::context::{JobContext, Parts};
use super::hooks::{self, About};
use super::restore::Unsettled;
use super::room;
use super::take::{Taking, take};
use crate::catalog::{BackupSpec, JobEnd, JobError, JobOutcome};
use crate::model::{BackupId, Class, JobState, Mode, SourceKind, SourceName};
use crate::progress::Progress;

pub(super) fn run(cx: &JobContext<'_>, spec: &BackupSpec) -> Result<JobEnd, JobError> {
    let ended = before_backup(cx).and_then(|()| back_up(cx, spec));
    after_backup(cx, ended)
}

fn before_backup(cx: &JobContext<'_>) -> Result<(), JobError> {
    let Some(hook) = &cx.parts.settings.hooks.before_backup else { return Ok(()) };
    cx.begin_phase("before_backup")?;
    let about = About { job: cx.job.id, backup: None, status: JobState::Running };
    hooks::run("before_backup", hook, about, cx.progress.cancellation())?;
    Ok(())
}

/// Runs however the backup ended, also when it was cancelled: what `before_backup` did may have to be taken back. The
/// backup is listed once the hook has ended.
fn after_backup(cx: &JobContext<'_>, ended: Result<JobEnd, JobError>) -> Result<JobEnd, JobError> {
    let Some(hook) = &cx.parts.settings.hooks.after_backup else { return ended };
    let shielded = cx.progress.shielded();
    shielded.begin_phase("after_backup", cx.parts.clock.now());
    let (backup, status) = match &ended {
        Ok(end) => (end.outcome.backup_id, end.outcome.state),
        Err(error) => (None, JobOutcome::ended_by(error.clone()).state),
    };
    let about = About { job: cx.job.id, backup, status };
    let Err(error) = hooks::run("after_backup", hook, about, shielded.cancellation()) else { return ended };
    tracing::warn!(job_id = %cx.job.id, "{error}");
    ended.map(|mut end| {
        end.outcome.warnings.push(error.to_string());
        end.outcome.state = JobState::Warned;
        end
    })
}

fn back_up(cx: &JobContext<'_>, spec: &BackupSpec) -> Result<JobEnd, JobError> {
    let sources = cx.parts.select(spec.scope, &spec.sources)?;
    let taking = Taking {
        class: Class::Backup,
        scope: spec.scope,
        sources: &sources,
        description: &spec.description,
        build_on: build_on(spec),
        rescan: spec.rescan,
    };
    let mut taken = take(cx, &taking)?;
    let troubles = cx.parts.restores.troubles();
    let unsettled = troubles.iter().filter(|trouble| trouble.unsettled == Unsettled::Data);
    taken.warnings.extend(unsettled.map(|trouble| format!("what was saved may be half old and half new: {trouble}")));
    let mut outcome = JobOutcome { backup_id: Some(taken.record.id), ..JobOutcome::done(taken.warnings) };
    outcome.notes.insert("files".to_owned(), json!(taken.record.files));
    outcome.notes.insert("bytes".to_owned(), json!(taken.record.raw_bytes));
    Ok(JobEnd { outcome, backup: Some(Box::new(taken.record)) })
}

const fn build_on(spec: &BackupSpec) -> BuildOn {
    match spec.mode {
        Mode::Full => BuildOn::Nothing,
        Mode::Incremental if spec.is_mode_explicit => BuildOn::Newest,
        Mode::Incremental => BuildOn::NewestUnlessFullIsDue,
    }
}

/// What a backup would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupPlan {
    /// What it would be.
    pub mode: Mode,
    /// What an incremental would build on; the newest of several.
    pub parent: Option<BackupId>,
    /// The sources in their order.
    pub sources: Vec<PlannedSource>,
    /// Bytes that the archive is likely to take.
    pub needed_bytes: u64,
    /// Bytes free in the store.
    pub free_bytes: u64,
    /// What would be a warning or a refusal.
    pub notes: Vec<String>,
}

/// What a backup would read of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedSource {
    /// Its name.
    pub name: SourceName,
    /// Its kind.
    pub kind: SourceKind,
    /// Where it is.
    pub location: String,
    /// Files and bytes, where counting them is cheap.
    pub estimate: Option<crate::source::Estimate>,
    /// What is wrong with it.
    pub notes: Vec<String>,
}

impl BackupPlan {
    /// Looks at everything that a backup by `spec` would look at before it begins. Changes nothing.
    ///
    /// # Errors
    /// [`JobError`] when not even a plan can be made.
    pub fn make(parts: &Parts, spec: &BackupSpec) -> Result<Self, JobError> {
        let selected = parts.select(spec.scope, &spec.sources)?;
        let mut refusals = Vec::new();
        let mut sources = Vec::with_capacity(selected.len());
        for source in &selected {
            let check = source.check().unwrap_or_else(|error| {
                refusals.push(format!("source '{}': {error}", source.name()));
                crate::source::CheckReport::default()
            });
            sources.push(PlannedSource {
                name: source.name().clone(),
                kind: source.kind(),
                location: source.metadata().location,
                estimate: check.estimate,
                notes: check.warnings,
            });
        }
        let readable: Vec<_> = selected.iter().filter(|source| source.check().is_ok()).cloned().collect();
        let bases = Bases::choose(parts, &readable, build_on(spec))?;
        let room = room::of_backup(parts, &readable, bases.mode(), &Progress::default())?;
        refusals.extend(parts.store.check().err().map(|error| error.to_string()));
        refusals.extend(room.require().err().map(|error| error.message));
        Ok(Self {
            mode: bases.mode(),
            parent: bases.parent(),
            sources,
            needed_bytes: room.needed_bytes,
            free_bytes: room.free_bytes,
            notes: [refusals, bases.warnings].concat(),
        })
    }
}
