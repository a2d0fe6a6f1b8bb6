//! Brings back what a restore replaced, while it is kept: a restore of the safety backup of that restore, which takes every
//! file from what was kept that is proved to be the one that was replaced, and only the others from the archive.
//!
//! What was kept is never moved itself. A file of it may be the live one under another name, and may have been written to
//! since; and an undoing that fails, or is undone, has to find it as it was.

use std::sync::Arc;

use jiff::Timestamp;

use super::super::archives;
use super::super::context::{JobContext, Parts};
use super::super::failure::failure;
use super::journal::{Committed, Ending, Header, State};
use super::open::{Replacement, Restoring};
use crate::archive::ArchiveReader;
use crate::archive::verify::{Depth, verify};
use crate::catalog::{BackupRecord, Job, JobError, JobFilter, JobOutcome, JobSpec, UndoSpec};
use crate::model::{BackupId, ErrorCode, JobState, SourceName};
use crate::source::{KeptData, RecordedSwap, SwapRecord};

pub(in crate::job) fn run(cx: &JobContext<'_>, spec: &UndoSpec) -> Result<JobOutcome, JobError> {
    cx.parts.restores.settle_again(cx.parts)?;
    let undoing = Undoing::open(cx.parts, spec)?;
    cx.note_restored(undoing.restoring.record.id);
    cx.begin_phase("verify")?;
    undoing.require_sound(cx)?;
    let header = Header {
        second_backup: undoing.second_backup,
        paths: undoing.paths.clone(),
        undoes: Some(spec.restore),
        ..Header::new(cx.job.id, undoing.restoring.record.id)
    };
    super::replace(cx, undoing.restoring, header, spec.accept_unsaved)
}

/// A restore whose kept data is to be live again.
#[derive(Debug)]
pub(super) struct Undoing {
    pub(super) restoring: Restoring,
    second_backup: Option<BackupId>,
    paths: Vec<String>,
}

impl Undoing {
    /// Looks for what was kept.
    ///
    /// # Errors
    /// What stands in the way, and which backup to restore instead.
    pub(super) fn open(parts: &Parts, spec: &UndoSpec) -> Result<Self, JobError> {
        let job = parts.catalog.job(spec.restore)?;
        require_committed(&job)?;
        let state = parts.restores.state_of(job.id)?;
        let jobs = parts.catalog.list_jobs(&JobFilter::default())?;
        require_newest(parts, &jobs, &job, state.as_ref())?;
        let state = require_kept(&job, state, Look::Close)?;
        let mut backups = Backups::default();
        for id in state.safety_backups() {
            backups.open(parts, id).map_err(|error| {
                let message = format!("the safety backup of job {} cannot be used: {}", job.id, error.message);
                let asides: Vec<String> = state.swaps.iter().map(|record| record.aside.display().to_string()).collect();
                let hint = format!("what was replaced lies at {}; put it back by hand", asides.join(", "));
                JobError { message, hint, ..error }
            })?;
        }
        let replacements =
            state.swaps.iter().map(|record| backups.replacement(parts, record, &state)).collect::<Result<_, _>>()?;
        let Backups { mut opened, leases } = backups;
        if opened.is_empty() {
            let message = format!("job {} took no safety backup", job.id);
            return Err(failure(ErrorCode::Refused, message, "put back by hand what it replaced"));
        }
        let (record, _) = opened.remove(0);
        Ok(Self {
            restoring: Restoring {
                record,
                replacements,
                partial: false,
                damage: Vec::new(),
                was_read_wholly: false,
                _leases: leases,
            },
            second_backup: state.third_safety.or(state.second_safety),
            paths: state.header.paths,
        })
    }

    /// What is read of an archive is checked as it is read; here only whether there is anything to be read.
    fn require_sound(&self, cx: &JobContext<'_>) -> Result<(), JobError> {
        for Replacement { archive, source, .. } in &self.restoring.replacements {
            let report = verify(archive, None, Depth::Quick, cx.progress)?;
            if let Some(first) = report.damage.first() {
                let message =
                    format!("the safety backup that holds the source '{}' is damaged: {first}", source.name());
                let hint = "nothing was changed; `carelogctl verify --all` shows what else is damaged";
                return Err(failure(ErrorCode::Corruption, message, hint));
            }
        }
        Ok(())
    }
}

/// The safety backups of the restore, the first one first.
#[derive(Debug, Default)]
struct Backups {
    opened: Vec<(BackupRecord, Arc<ArchiveReader>)>,
    leases: Vec<crate::store::Lease>,
}

impl Backups {
    fn open(&mut self, parts: &Parts, id: BackupId) -> Result<(), JobError> {
        let (record, lease) = archives::lease(parts, id)?;
        self.leases.push(lease);
        archives::require_kept(&record)?;
        let archive = archives::open_restore_point(parts, &record)?;
        self.opened.push((record, archive));
        Ok(())
    }

    /// The newest that holds a source is what was live when it was replaced.
    fn replacement(&self, parts: &Parts, record: &SwapRecord, state: &State) -> Result<Replacement, JobError> {
        let name = &record.source;
        let holds =
            |backup: &BackupRecord| backup.sources.iter().any(|held| held.name == *name && held.kind == record.kind);
        let archive = self.opened.iter().rev().find(|(backup, _)| holds(backup)).map(|(_, archive)| archive);
        let source = parts.source(name).filter(|source| source.kind() == record.kind);
        let (Some(archive), Some(source)) = (archive, source) else {
            let message = format!("the source '{name}' is not configured any more as it was");
            let hint = format!("what was replaced lies at {}", record.aside.display());
            return Err(failure(ErrorCode::NotFound, message, &hint));
        };
        let database = match &record.swap {
            RecordedSwap::RenameDatabase(swap) => Some(swap.clone()),
            _ => None,
        };
        let is_saved = match &state.ending {
            Some(Ending::Committed(committed)) => committed.saved.contains(name),
            Some(Ending::Undone) | None => false,
        };
        let since = state.swapped_at.unwrap_or(Timestamp::MIN);
        Ok(Replacement {
            source: Arc::clone(source),
            archive: Arc::clone(archive),
            paths: super::open::paths_of(name, archive, &state.header.paths),
            kept: Some(KeptData { path: record.aside.clone(), since, database, is_saved }),
        })
    }
}

fn require_committed(job: &Job) -> Result<(), JobError> {
    if !job.spec.replaces_live_data() {
        let message = format!("job {} replaced nothing live: it is a {}", job.id, job.spec.kind());
        return Err(failure(ErrorCode::Usage, message, "`carelogctl jobs --all` shows the restores"));
    }
    match job.state {
        JobState::Succeeded | JobState::Warned => Ok(()),
        JobState::Queued | JobState::Running => {
            let hint =
                format!("wait for it (`carelogctl job watch {0}`), or stop it (`carelogctl job cancel {0}`)", job.id);
            Err(failure(ErrorCode::Conflict, format!("job {} has not ended", job.id), &hint))
        }
        JobState::Failed | JobState::Cancelled | JobState::Interrupted => {
            let message = format!("there is nothing to undo: job {} is {} and replaced nothing", job.id, job.state);
            Err(failure(ErrorCode::Refused, message, "`carelogctl jobs --all` shows the restores"))
        }
    }
}

/// How closely to look at what was kept.
#[derive(Clone, Copy, Debug)]
enum Look {
    /// Without asking a database server, which may take its time.
    Cheap,
    /// As is needed before it is used.
    Close,
}

/// Whether the restore with this journal can be undone, as far as that can be said without reading a backup. `jobs` are
/// all that the catalog knows.
pub(super) fn is_undoable(parts: &Parts, jobs: &[Job], state: &State) -> bool {
    let Some(job) = jobs.iter().find(|job| job.id == state.header.job) else { return false };
    let is_configured =
        |record: &SwapRecord| parts.source(&record.source).is_some_and(|source| source.kind() == record.kind);
    require_committed(job).is_ok()
        && require_newest(parts, jobs, job, Some(state)).is_ok()
        && require_kept(job, Some(state.clone()), Look::Cheap).is_ok_and(|state| state.swaps.iter().all(is_configured))
}

/// Refuses when not all that was replaced lies beside the live data, or not all of it in a safety backup.
fn require_kept(job: &Job, state: Option<State>, look: Look) -> Result<State, JobError> {
    let kept = state.map(|state| kept_wholly(state, look)).transpose()?.flatten();
    let Some((state, Committed { saved, .. })) = kept else {
        let message = format!("what job {} replaced is not kept any more", job.id);
        return Err(failure(ErrorCode::Refused, message, &restore_instead(safety_of(job))));
    };
    if let Some(record) = state.swaps.iter().find(|record| !record.replaces_something()) {
        let message = format!("nothing was there before job {} put the source '{}' in place", job.id, record.source);
        let hint = format!("move {} away by hand if that is what is wanted", record.live.display());
        return Err(failure(ErrorCode::Refused, message, &hint));
    }
    for record in state.swaps.iter().filter(|record| !saved.contains(&record.source)) {
        // What is put back as it is need not be saved.
        let is_as_sealed = match look {
            Look::Cheap => record.method().is_of_database(),
            Look::Close => record.is_as_sealed()?,
        };
        if is_as_sealed {
            continue;
        }
        let (source, aside) = (&record.source, record.aside.display());
        let message = format!("no safety backup holds all that job {} replaced of the source '{source}'", job.id);
        let hint = format!("it lies at {aside}; look at it and put it back by hand");
        return Err(failure(ErrorCode::Refused, message, &hint));
    }
    Ok(state)
}

/// Refuses when one of the sources was replaced again since: its owner would be surprised by what comes back.
fn require_newest(parts: &Parts, jobs: &[Job], job: &Job, state: Option<&State>) -> Result<(), JobError> {
    let ours = state.map(|state| state.header.sources.clone()).unwrap_or_default();
    // By their order in the catalog, the newest first: the clock may have been set back in between.
    let newer = jobs.iter().take_while(|other| other.id != job.id).find(|other| {
        let is_done = matches!(other.state, JobState::Succeeded | JobState::Warned);
        is_done && other.spec.replaces_live_data() && overlap(&ours, &replaced_by(parts, other))
    });
    let Some(newer) = newer else { return Ok(()) };
    let (message, hint) = match &newer.spec {
        JobSpec::Undo(spec) if spec.restore == job.id => {
            let message = format!("job {} was undone already, by job {}", job.id, newer.id);
            (message, format!("to take that back in turn: `carelogctl restore --undo {}`", newer.id))
        }
        _ => {
            let message = format!("job {} has replaced the same since", newer.id);
            let instead = restore_instead(safety_of(job));
            (message, format!("undo that first (`carelogctl restore --undo {}`), or {instead}", newer.id))
        }
    };
    Err(failure(ErrorCode::Refused, message, &hint))
}

fn safety_of(job: &Job) -> Option<BackupId> {
    job.outcome.as_ref()?.safety_backup_id
}

/// The sources that a restore replaced; empty when that is not known any more.
fn replaced_by(parts: &Parts, job: &Job) -> Vec<SourceName> {
    if let Ok(Some(state)) = parts.restores.state_of(job.id) {
        return state.header.sources;
    }
    match &job.spec {
        JobSpec::Restore(spec) => spec.sources.clone(),
        _ => Vec::new(),
    }
}

/// Whether two lists name the same source; an empty one may name any.
fn overlap(one: &[SourceName], other: &[SourceName]) -> bool {
    one.is_empty() || other.is_empty() || one.iter().any(|name| other.contains(name))
}

/// If all that was replaced still lies beside the live data.
fn kept_wholly(state: State, look: Look) -> Result<Option<(State, Committed)>, JobError> {
    let Some(Ending::Committed(committed)) = state.ending.clone() else { return Ok(None) };
    if !state.is_settled || !state.discarded.is_empty() || state.swaps.is_empty() {
        return Ok(None);
    }
    for record in state.swaps.iter().filter(|record| record.replaces_something()) {
        let is_there = match look {
            Look::Cheap => record.aside_may_be_there(),
            Look::Close => record.aside_is_there()?,
        };
        if !is_there {
            return Ok(None);
        }
    }
    Ok(Some((state, committed)))
}

fn restore_instead(safety: Option<BackupId>) -> String {
    match safety {
        Some(id) => format!("restore what was saved before it: `carelogctl restore {id}`"),
        None => "`carelogctl list --class safety` shows what was saved before restores".to_owned(),
    }
}
