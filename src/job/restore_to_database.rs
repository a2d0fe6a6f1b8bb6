//! The restore job into a new database beside the live one, for whoever wants to look: nothing live is touched, so nothing
//! has to be saved first.

use super::context::JobContext;
use super::damage;
use super::failure::failure;
use super::restore::open_backup;
use crate::archive::{ArchiveReader, Entry, SourceMetadata};
use crate::catalog::{Job, JobError, JobOutcome, JobSpec, RestoreSpec};
use crate::failpoint;
use crate::model::{ErrorCode, Sha256, SourceKind};

pub(super) fn run(cx: &JobContext<'_>, spec: &RestoreSpec, database: &str) -> Result<JobOutcome, JobError> {
    cx.note_restored(spec.backup);
    let opened = open_backup(cx.parts, spec);
    let (_, archive, _lease) = opened.inspect_err(|error| damage::trace_if_damaged(cx, spec.backup, error))?;
    cx.begin_phase("load")?;
    let point = archive.restore_point();
    let is_wanted = |held: &&crate::archive::SourceSummary| {
        held.kind == SourceKind::Postgres && (spec.sources.is_empty() || spec.sources.contains(&held.name))
    };
    let wanted: Vec<_> = point.sources.iter().filter(is_wanted).collect();
    let [held] = wanted[..] else {
        let message = format!("{} of the sources are databases, and just one can be loaded into one", wanted.len());
        return Err(failure(ErrorCode::Usage, message, "name it with --source"));
    };
    let source = cx.parts.source(&held.name).filter(|source| source.kind() == SourceKind::Postgres);
    let Some(source) = source else {
        let message = format!("the backup holds the database '{}', which is not configured here", held.name);
        let hint = "the configuration says how a server is reached: add it there, or restore with --to DIR";
        return Err(failure(ErrorCode::NotFound, message, hint));
    };
    cx.progress.expect(held.size_bytes, 0);
    let loaded = source.load_into(&archive, database, cx.job.id, cx.progress).map_err(|error| {
        let error = JobError::from(error);
        if error.code == ErrorCode::Corruption {
            damage::trace(cx, spec.backup, chunks_of(&archive, &source.metadata()));
        }
        error
    })?;
    failpoint::pass("restore_to_database.loaded")?;
    let count = |number: u64, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let summary = format!(
        "loaded into the database '{database}': {}, {}",
        count(loaded.tables, "table"),
        count(loaded.rows, "row")
    );
    let mut outcome = JobOutcome { backup_id: Some(spec.backup), ..JobOutcome::done(loaded.warnings) };
    outcome.notes.insert("summary".to_owned(), summary.into());
    outcome.notes.insert("database".to_owned(), database.into());
    outcome.notes.insert("bytes".to_owned(), held.size_bytes.into());
    Ok(outcome)
}

/// Every chunk of a source that is not a tree.
fn chunks_of(archive: &ArchiveReader, source: &SourceMetadata) -> Vec<Sha256> {
    let entries = source.members().into_iter().filter_map(|member| archive.entry(member.as_bytes()).ok()?);
    let chunks = |entry: Entry| entry.content().map(|content| content.chunks.clone()).unwrap_or_default();
    entries.flat_map(chunks).map(|chunk| chunk.id).collect()
}

/// Removes what those of `jobs` that a crash interrupted left on a server.
pub fn sweep_interrupted(parts: &super::Parts, jobs: &[Job]) {
    for job in jobs {
        let JobSpec::Restore(RestoreSpec { to_database: Some(database), .. }) = &job.spec else { continue };
        // It gets its name last.
        tracing::warn!(
            job_id = %job.id,
            "loading a backup into the database '{database}' was interrupted: if there is one of this name, it is whole; what \
             was half loaded is removed"
        );
        for source in parts.sources.iter().filter(|source| source.kind() == SourceKind::Postgres) {
            if let Err(error) = source.sweep_staging(job.id) {
                tracing::warn!(job_id = %job.id, %error, "what was loaded of '{}' may stay on its server", source.name());
            }
        }
    }
}
