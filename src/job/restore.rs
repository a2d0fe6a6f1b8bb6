//! The restore job, into the live place: verify → safety backup → stage → validate → swap → compare, and back on any
//! failure.
//!
//! Nothing live is touched before everything that is to replace it lies validated beside it. What was replaced is removed
//! only when a safety backup holds all of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::context::{JobContext, Parts};
use super::failure::failure;
use super::take::{Taking, take, withdraw};
use crate::archive::verify::{Depth, verify};
use crate::archive::{ArchiveReader, SourceSummary};
use crate::audit::{Actor, Entry};
use crate::catalog::{BackupRecord, JobError, JobOutcome, RestoreSpec};
use crate::failpoint;
use crate::model::{Class, ErrorCode, Scope, SourceName};
use crate::progress::Progress;
use crate::source::{Source, SourcePlan, StageRequest, Staged};
use crate::store::Lease;

pub(super) fn run(cx: &JobContext<'_>, spec: &RestoreSpec) -> Result<JobOutcome, JobError> {
    cx.note_restored(spec.backup);
    let restoring = Restoring::open(cx.parts, spec)?;
    cx.begin_phase("verify")?;
    require_sound(cx, &restoring)?;
    cx.begin_phase("plan")?;
    let unsaved = restoring.unsaved();
    require_accepted(&unsaved, spec.accept_unsaved)?;
    for source in &restoring.sources {
        source.plan(&restoring.archive, &[], cx.progress)?;
    }
    let unsaved: BTreeSet<SourceName> = unsaved.into_iter().map(|unsaved| unsaved.source).collect();
    let safety = take_safety_backup(cx, &restoring, &unsaved)?;
    cx.begin_phase("stage")?;
    let (files, bytes) = restoring.size();
    cx.progress.expect(bytes, 0);
    let mut exchange = Exchange { staged: Vec::new(), committed: 0 };
    let swapped = stage(cx, &restoring, &mut exchange).and_then(|()| swap(cx, &mut exchange));
    if let Err(error) = swapped {
        return Err(exchange.put_back(error));
    }
    let warnings = exchange.clean_up(&safety);
    let mut outcome =
        JobOutcome { backup_id: Some(spec.backup), safety_backup_id: cx.safety_backup(), ..JobOutcome::done(warnings) };
    outcome.notes.insert("files".to_owned(), json!(files));
    outcome.notes.insert("bytes".to_owned(), json!(bytes));
    Ok(outcome)
}

/// An open backup with the sources that it is to replace.
#[derive(Debug)]
pub(super) struct Restoring {
    pub(super) record: BackupRecord,
    pub(super) archive: Arc<ArchiveReader>,
    pub(super) sources: Vec<Arc<dyn Source>>,
    _lease: Lease,
}

/// Live data that cannot be saved before it is replaced.
#[derive(Debug)]
pub(super) struct Unsaved {
    pub(super) source: SourceName,
    pub(super) why: String,
}

impl Restoring {
    pub(super) fn open(parts: &Parts, spec: &RestoreSpec) -> Result<Self, JobError> {
        let (record, archive, lease) = open_backup(parts, spec)?;
        let names = selected_names(&archive, &spec.sources)?;
        let sources = names
            .iter()
            .map(|name| {
                let kind = archive.restore_point().metadata.sources.iter().find(|s| s.name == *name).map(|s| s.kind);
                let source = parts.source(name).filter(|source| Some(source.kind()) == kind);
                source.cloned().ok_or_else(|| {
                    let message = format!("the backup holds the source '{name}', which is not configured here");
                    failure(ErrorCode::NotFound, message, "add it to the configuration, or restore with --to DIR")
                })
            })
            .collect::<Result<_, JobError>>()?;
        Ok(Self { record, archive, sources, _lease: lease })
    }

    /// Files and bytes of the sources that are restored, which need not be all that the backup holds.
    pub(super) fn size(&self) -> (u64, u64) {
        let held = &self.archive.restore_point().sources;
        let restored = |held: &&SourceSummary| self.sources.iter().any(|source| *source.name() == held.name);
        held.iter().filter(restored).fold((0, 0), |(files, bytes), held| {
            (u64::saturating_add(files, held.files), u64::saturating_add(bytes, held.size_bytes))
        })
    }

    pub(super) fn unsaved(&self) -> Vec<Unsaved> {
        let why = |source: &Arc<dyn Source>| Some((source.name().clone(), source.check().err()?));
        self.sources.iter().filter_map(why).map(|(source, why)| Unsaved { source, why: why.to_string() }).collect()
    }
}

/// Opens the archive of a backup and keeps it from being removed meanwhile.
pub(super) fn open_backup(
    parts: &Parts,
    spec: &RestoreSpec,
) -> Result<(BackupRecord, Arc<ArchiveReader>, Lease), JobError> {
    let lease = parts.leases.lease([spec.backup])?;
    let record = parts.catalog.backup(spec.backup)?;
    let name = record.filename.parse().map_err(|bad| failure(ErrorCode::Failed, bad, ""))?;
    let archive = ArchiveReader::open(parts.store.open(&name)?)?;
    let id = archive.restore_point().metadata.id;
    if id != spec.backup {
        let message = format!("{} holds backup {id}, not {}", record.filename, spec.backup);
        return Err(failure(ErrorCode::Corruption, message, "`carelogctl verify --all` shows what else is wrong"));
    }
    Ok((record, Arc::new(archive), lease))
}

/// The sources to restore: those asked for, or all in the backup, in the order of the backup.
pub(super) fn selected_names(archive: &ArchiveReader, asked: &[SourceName]) -> Result<Vec<SourceName>, JobError> {
    let held: Vec<&SourceName> = archive.restore_point().metadata.sources.iter().map(|source| &source.name).collect();
    if held.is_empty() {
        let message = "the backup holds no source at all";
        return Err(failure(ErrorCode::NotFound, message, "choose another backup: `carelogctl list`"));
    }
    if let Some(unknown) = asked.iter().find(|name| !held.contains(name)) {
        let names: Vec<&str> = held.iter().map(|name| name.as_str()).collect();
        let message = format!("the backup does not hold a source '{unknown}'");
        return Err(failure(ErrorCode::NotFound, message, &format!("it holds: {}", names.join(", "))));
    }
    Ok(held.into_iter().filter(|name| asked.is_empty() || asked.contains(name)).cloned().collect())
}

pub(super) fn require_accepted(unsaved: &[Unsaved], accepted: bool) -> Result<(), JobError> {
    if unsaved.is_empty() || accepted {
        return Ok(());
    }
    let names: Vec<String> = unsaved.iter().map(|u| format!("source '{}': {}", u.source, u.why)).collect();
    let message = format!("live data cannot be saved before it is replaced: {}", names.join("; "));
    Err(failure(ErrorCode::Refused, message, "if it may be replaced all the same, add --accept-unsaved"))
}

fn require_sound(cx: &JobContext<'_>, restoring: &Restoring) -> Result<(), JobError> {
    let depth = Depth::Full { threads: cx.parts.settings.threads };
    let report = verify(&restoring.archive, restoring.record.sha256, depth, cx.progress)?;
    let Some(first) = report.damage.first() else { return Ok(()) };
    let hurt = match report.hurt_paths.first() {
        Some(path) => format!("; it hurts {} files, first: {path}", report.hurt_count),
        None => String::new(),
    };
    let message = format!("{} is damaged: {first}{hurt}", restoring.record.filename);
    Err(failure(ErrorCode::Corruption, message, "nothing was changed; choose another backup: `carelogctl list`"))
}

/// Which sources the safety backup holds wholly.
struct Safety {
    whole: BTreeSet<SourceName>,
    warnings: Vec<String>,
}

/// Takes a backup of what will be replaced and enters it in the catalog at once, so that it outlives whatever follows.
fn take_safety_backup(
    cx: &JobContext<'_>,
    restoring: &Restoring,
    unsaved: &BTreeSet<SourceName>,
) -> Result<Safety, JobError> {
    let sources: Vec<Arc<dyn Source>> =
        restoring.sources.iter().filter(|source| !unsaved.contains(source.name())).cloned().collect();
    if sources.is_empty() {
        return Ok(Safety { whole: BTreeSet::new(), warnings: Vec::new() });
    }
    let description = format!("before the restore of {} by job {}", restoring.record.filename, cx.job.id);
    let taking = Taking { class: Class::Safety, scope: Scope::All, sources: &sources, description: &description };
    let taken = take(cx, &taking)?;
    let now = cx.parts.clock.now();
    let entry =
        Entry::new(now, Actor::of(&cx.job.requested_by, None), "backup.safety", taken.record.id).with("job", cx.job.id);
    if let Err(error) = cx.parts.catalog.insert_backup(&taken.record, &entry) {
        withdraw(cx, &taken.record);
        return Err(error.into());
    }
    cx.note_safety(taken.record.id);
    failpoint::pass("restore.safety_backup_taken")?;
    let whole = taken.record.sources.iter().filter(|held| held.warnings.is_empty()).map(|held| held.name.clone());
    Ok(Safety { whole: whole.collect(), warnings: taken.warnings })
}

/// Lays out every source beside its live one.
fn stage(cx: &JobContext<'_>, restoring: &Restoring, exchange: &mut Exchange) -> Result<(), JobError> {
    let request = StageRequest { threads: cx.parts.settings.threads, ..StageRequest::whole(cx.job.id) };
    for source in &restoring.sources {
        exchange.staged.push((source.name().clone(), source.stage(&restoring.archive, &request, cx.progress)?));
        failpoint::pass("restore.staged")?;
    }
    Ok(())
}

/// Validates all that was staged, then exchanges source by source, then compares all.
fn swap(cx: &JobContext<'_>, exchange: &mut Exchange) -> Result<(), JobError> {
    cx.begin_phase("validate")?;
    for (_, staged) in &mut exchange.staged {
        staged.validate(cx.progress)?;
    }
    cx.begin_phase("swap")?;
    failpoint::pass("restore.validated")?;
    for (_, staged) in &mut exchange.staged {
        // Counted before it is made: a commit that failed after its exchange is to be undone too.
        exchange.committed += 1;
        staged.commit()?;
        failpoint::pass("restore.swapped")?;
    }
    cx.begin_phase("compare")?;
    for (name, staged) in &mut exchange.staged {
        let comparison = staged.compare(cx.progress)?;
        if let Some(first) = comparison.differences.first() {
            let message = format!(
                "source '{name}' differs from the backup after it was put in place, in {} places, first: {first}",
                comparison.differences.len()
            );
            return Err(failure(ErrorCode::Failed, message, "does an application write to it? Stop it and try again"));
        }
    }
    failpoint::pass("restore.compared")?;
    Ok(())
}

/// The staged sources, the first `committed` of which may be in place.
struct Exchange {
    staged: Vec<(SourceName, Box<dyn Staged>)>,
    committed: usize,
}

impl Exchange {
    /// Undoes what was exchanged, in reverse, and removes what was staged. Returns the error with what became of it.
    fn put_back(mut self, error: JobError) -> JobError {
        let mut stuck = Vec::new();
        for (name, staged) in self.staged[..self.committed].iter_mut().rev() {
            if let Err(failed) = staged.undo() {
                stuck.push(format!(
                    "source '{name}' could not be put back ({failed}); what was replaced lies at {}",
                    staged.aside().display()
                ));
            }
        }
        if !stuck.is_empty() {
            let message = format!("{}; {}", error.message, stuck.join("; "));
            return JobError { message, hint: "put it back by hand, or restore the safety backup".to_owned(), ..error };
        }
        let mut left = String::new();
        for (_, staged) in self.staged {
            let aside = staged.aside();
            if let Err(failed) = staged.discard() {
                left = format!(" (remains of the restore lie at {}: {failed})", aside.display());
            }
        }
        let hint = match error.hint.as_str() {
            "" => format!("everything live is as it was{left}"),
            hint => format!("everything live is as it was{left}; {hint}"),
        };
        JobError { hint, ..error }
    }

    /// Removes what was replaced, where the safety backup holds all of it. Returns the job's warnings.
    fn clean_up(self, safety: &Safety) -> Vec<String> {
        let mut warnings = safety.warnings.clone();
        for (name, staged) in self.staged {
            warnings.extend(staged.warnings().iter().cloned());
            let aside = staged.aside();
            if !safety.whole.contains(&name) {
                if aside.symlink_metadata().is_ok() {
                    warnings.push(format!(
                        "{name}: the safety backup does not hold all that was replaced, so it was kept: {}",
                        aside.display()
                    ));
                }
                continue;
            }
            let removed = failpoint::pass("restore.discard").map_err(JobError::from);
            if let Err(error) = removed.and_then(|()| Ok(staged.discard()?)) {
                let (aside, why) = (aside.display(), error.message);
                warnings.push(format!("{name}: what was replaced could not be removed from {aside}: {why}"));
            }
        }
        warnings
    }
}

/// What a restore would do.
#[derive(Debug)]
pub struct RestorePlan {
    /// The backup.
    pub record: BackupRecord,
    /// What would happen to each source.
    pub sources: Vec<SourcePlan>,
    /// Live data that cannot be saved first, each with the reason.
    pub unsaved: Vec<String>,
}

impl RestorePlan {
    /// Looks at everything that a restore by `spec` would look at before it changes anything.
    ///
    /// # Errors
    /// [`JobError`]: what would be refused.
    pub fn make(parts: &Parts, spec: &RestoreSpec) -> Result<Self, JobError> {
        let restoring = Restoring::open(parts, spec)?;
        let unsaved = restoring.unsaved().iter().map(|u| format!("source '{}': {}", u.source, u.why)).collect();
        let progress = Progress::default();
        let sources = restoring
            .sources
            .iter()
            .map(|source| source.plan(&restoring.archive, &[], &progress))
            .collect::<Result<_, _>>()?;
        Ok(Self { record: restoring.record, sources, unsaved })
    }
}
