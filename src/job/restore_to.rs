//! The restore job into a directory that the client opened: nothing live is touched, so nothing has to be saved first.

use std::collections::BTreeSet;
use std::os::fd::{AsFd as _, OwnedFd};

use serde_json::json;

use super::archives;
use super::context::{JobContext, Parts};
use super::damage;
use super::failure::failure;
use super::restore::{open_backup, selected_members, size_of};
use crate::archive::SourceMetadata;
use crate::catalog::{JobError, JobOutcome, RestoreSpec};
use crate::model::{ErrorCode, SourceKind, SourceName};
use crate::source::{ExtractOptions, Extraction, Wanted};

/// What a restore into a directory would write.
#[derive(Debug)]
pub struct IntoDirectoryPlan {
    /// Of each source.
    pub sources: Vec<WrittenSource>,
}

/// What would be written of one source.
#[derive(Debug)]
pub struct WrittenSource {
    /// Its name.
    pub name: SourceName,
    /// Its kind.
    pub kind: SourceKind,
    /// How many files.
    pub files: u64,
    /// Bytes of their content.
    pub bytes: u64,
}

impl IntoDirectoryPlan {
    /// Looks at what the backup holds of that which `spec` names.
    ///
    /// # Errors
    /// [`JobError`]: what would be refused.
    pub fn make(parts: &Parts, spec: &RestoreSpec) -> Result<Self, JobError> {
        let (_, archive, _lease) = open_backup(parts, spec)?;
        let held = &archive.restore_point().metadata.sources;
        let mut sources = Vec::new();
        for (name, paths) in selected_members(parts, &archive, spec)? {
            let Some(source) = held.iter().find(|source| source.name == name) else { continue };
            let (files, bytes) = size_of(&archive, source, &paths, &BTreeSet::new())?;
            sources.push(WrittenSource { kind: source.kind, name, files, bytes });
        }
        Ok(Self { sources })
    }
}

pub(super) fn run(cx: &JobContext<'_>, spec: &RestoreSpec, directory: Option<OwnedFd>) -> Result<JobOutcome, JobError> {
    let directory = directory.ok_or_else(|| {
        failure(ErrorCode::Failed, "the way to the target directory was lost", "ask for the restore again")
    })?;
    cx.note_restored(spec.backup);
    let opened = open_backup(cx.parts, spec);
    let (_, archive, _lease) = opened.inspect_err(|error| damage::trace_if_damaged(cx, spec.backup, error))?;
    cx.begin_phase("extract")?;
    require_empty(&directory)?;
    let selected = selected_members(cx.parts, &archive, spec)?;
    let restore_point = archive.restore_point();
    if spec.paths.is_empty() {
        let held = restore_point.sources.iter().filter(|held| selected.iter().any(|(name, _)| *name == held.name));
        let bytes = held.fold(0_u64, |sum, source| sum.saturating_add(source.size_bytes));
        cx.progress.expect(bytes, restore_point.totals.entries);
    }
    let members = |name: &SourceName| {
        let held = restore_point.metadata.sources.iter().find(|source| source.name == *name);
        held.map(SourceMetadata::members).unwrap_or_default()
    };
    let mut wanted: Vec<Wanted> = selected
        .iter()
        .flat_map(|(name, paths)| members(name).into_iter().map(move |member| Wanted::named(member.as_bytes(), paths)))
        .collect();
    wanted.sort_by(|a, b| a.prefix().cmp(b.prefix()));
    let entries = wanted.iter().flat_map(|wanted| wanted.entries(&archive));
    let (threads, partial) = (cx.parts.settings.threads, spec.partial);
    let options = ExtractOptions { threads, partial, sync: true, ..ExtractOptions::default() };
    let extraction = Extraction::new(&archive, directory.as_fd(), options, cx.progress);
    let report = extraction.run(entries).map_err(|error| {
        let chunk = damage::chunk_of(&error);
        let error = JobError::from(error);
        if error.code == ErrorCode::Corruption {
            damage::trace(cx, spec.backup, chunk);
        }
        incomplete(&error)
    })?;
    if !report.damaged.is_empty() {
        damage::trace(cx, spec.backup, report.damaged.iter().filter_map(|damage| damage.chunk));
    }
    let mut warnings = report.warnings;
    warnings.extend(archives::trailer_damage(&archive).map(|what| {
        format!(
            "{what}; what is in it was found without that, but nothing is built on it: `carelogctl verify` tells more"
        )
    }));
    warnings
        .extend(damage::note(cx, report.damaged.iter().map(|damage| damage::in_words("left out", damage)).collect()));
    let mut outcome = JobOutcome { backup_id: Some(spec.backup), ..JobOutcome::done(warnings) };
    outcome.notes.insert("files".to_owned(), json!(report.files));
    outcome.notes.insert("bytes".to_owned(), json!(report.bytes));
    Ok(outcome)
}

/// The directory is the client's, and so is what lies in it: nothing is removed there, but nobody is to take it for whole.
fn incomplete(error: &JobError) -> JobError {
    let message = format!("{}; what lies in the target directory is incomplete", error.message);
    let hint = match error.code {
        // Its hint may be about the disk of the store.
        ErrorCode::Failed => "look at that disk (df), empty the directory, and try again there or elsewhere".to_owned(),
        _ => format!("empty the directory; {}", error.hint),
    };
    JobError { code: error.code, message, hint }
}

/// What is restored must not mix with what is there.
fn require_empty(directory: &OwnedFd) -> Result<(), JobError> {
    for entry in rustix::fs::Dir::read_from(directory).map_err(std::io::Error::from)? {
        let entry = entry.map_err(std::io::Error::from)?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            let message = "the target directory is not empty";
            return Err(failure(ErrorCode::Refused, message, "name a new or an empty directory"));
        }
    }
    Ok(())
}
