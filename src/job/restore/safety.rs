//! What is saved of the live data before it is replaced: before anything is staged, and again what changed until the
//! application was stopped.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::archives;
use super::super::bases::{Bases, BuildOn};
use super::super::context::JobContext;
use super::super::room;
use super::super::take::{Taken, Taking, take, withdraw};
use super::open::Restoring;
use crate::audit::{Actor, Entry};
use crate::catalog::{BackupRecord, JobError};
use crate::failpoint;
use crate::model::{BackupId, Class, Scope, SourceName};
use crate::source::{SafetyBackup, Source};

/// What is safe.
#[derive(Debug, Default)]
pub(super) struct Safety {
    /// The first safety backup; `None` when nothing live could be saved.
    pub(super) backup: Option<SafetyBackup>,
    /// The sources that it holds.
    pub(super) held: BTreeSet<SourceName>,
    /// Those that it holds without anything missing.
    pub(super) whole: BTreeSet<SourceName>,
    pub(super) warnings: Vec<String>,
}

impl Safety {
    /// Refuses when the store has no room for it, and for the `staged_bytes` that the restore lays out on the same disk. It is
    /// better to know before anything is written.
    pub(super) fn require_room(
        cx: &JobContext<'_>,
        restoring: &Restoring,
        unsaved: &BTreeSet<SourceName>,
        staged_bytes: u64,
    ) -> Result<(), JobError> {
        let sources = saved(restoring, unsaved);
        if sources.is_empty() {
            return Ok(());
        }
        let mode = Bases::choose(cx.parts, &sources, build_on(restoring))?.mode();
        let room = room::of_backup(cx.parts, &sources, mode, cx.progress)?.and(staged_bytes);
        room.require(match staged_bytes {
            0 => "the safety backup of the restore",
            _ => "the safety backup of the restore and for what it lays out on the same disk",
        })
    }

    /// Saves every source that will be replaced, but for those `unsaved` that cannot be read and were given up.
    pub(super) fn take(
        cx: &JobContext<'_>,
        restoring: &Restoring,
        unsaved: &BTreeSet<SourceName>,
    ) -> Result<Self, JobError> {
        let sources = saved(restoring, unsaved);
        if sources.is_empty() {
            return Ok(Self::default());
        }
        let build_on = build_on(restoring);
        let taken = save(cx, &sources, &format!("before the restore of {}", restoring.record.filename), build_on)?;
        cx.note_safety(taken.record.id);
        failpoint::pass("restore.safety_backup_taken")?;
        let archive = archives::open_restore_point(cx.parts, &taken.record)?;
        Ok(Self {
            backup: Some(SafetyBackup { archive, created_at: taken.record.created_at }),
            held: sources.iter().map(|source| source.name().clone()).collect(),
            whole: whole_sources(&taken.record),
            warnings: taken.warnings,
        })
    }

    /// The safety backup as far as it concerns `source`.
    pub(super) fn of(&self, source: &SourceName) -> Option<&SafetyBackup> {
        self.backup.as_ref().filter(|_| self.held.contains(source))
    }

    /// Saves again what changed until the application was stopped, on top of the first safety backup.
    pub(super) fn join(&mut self, cx: &JobContext<'_>, changed: &[Arc<dyn Source>]) -> Result<BackupId, JobError> {
        let description = "what changed between the safety backup of a restore and the stop of the application";
        let taken = save(cx, changed, description, on_the_first(cx))?;
        let whole = whole_sources(&taken.record);
        self.whole.retain(|name| whole.contains(name) || changed.iter().all(|source| source.name() != name));
        self.warnings.extend(taken.warnings);
        Ok(taken.record.id)
    }
}

/// The sources that are saved before they are replaced.
fn saved(restoring: &Restoring, unsaved: &BTreeSet<SourceName>) -> Vec<Arc<dyn Source>> {
    let replaced = restoring.replacements.iter().map(|replacement| &replacement.source);
    replaced.filter(|source| !unsaved.contains(source.name())).cloned().collect()
}

fn build_on(restoring: &Restoring) -> BuildOn {
    BuildOn::Sound { just_read: restoring.was_read_wholly.then_some(restoring.record.id) }
}

/// A safety backup of what was replaced.
pub(super) struct SavedReplaced {
    pub(super) backup: BackupId,
    /// The sources that it holds without anything missing.
    pub(super) whole: BTreeSet<SourceName>,
    pub(super) warnings: Vec<String>,
}

/// Saves what was replaced from where it is kept.
pub(super) fn save_replaced(cx: &JobContext<'_>, sources: &[Arc<dyn Source>]) -> Result<SavedReplaced, JobError> {
    let description = "what a restore replaced and had been written to after its safety backup began";
    let Taken { record, warnings } = save(cx, sources, description, on_the_first(cx))?;
    Ok(SavedReplaced { backup: record.id, whole: whole_sources(&record), warnings })
}

/// On top of the safety backup that this job took first.
fn on_the_first(cx: &JobContext<'_>) -> BuildOn {
    cx.safety_backup().map_or(BuildOn::Nothing, BuildOn::Only)
}

/// Takes a safety backup and enters it in the catalog at once, so that it outlives whatever follows.
fn save(
    cx: &JobContext<'_>,
    sources: &[Arc<dyn Source>],
    description: &str,
    build_on: BuildOn,
) -> Result<Taken, JobError> {
    let description = &format!("{description}, by job {}", cx.job.id);
    let taking = Taking { class: Class::Safety, scope: Scope::All, sources, description, build_on, rescan: false };
    let taken = take(cx, &taking)?;
    let now = cx.parts.clock.now();
    let entry =
        Entry::new(now, Actor::of(&cx.job.requested_by, None), "backup.safety", taken.record.id).with("job", cx.job.id);
    if let Err(error) = cx.parts.catalog.insert_backup(&taken.record, &entry) {
        withdraw(cx, &taken.record);
        return Err(error.into());
    }
    Ok(taken)
}

fn whole_sources(record: &BackupRecord) -> BTreeSet<SourceName> {
    let whole = record.sources.iter().filter(|held| held.warnings.is_empty());
    whole.map(|held| held.name.clone()).collect()
}
