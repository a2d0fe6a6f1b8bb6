//! The restore job into a new database beside the live one, for whoever wants to look: nothing live is touched, so nothing
//! has to be saved first.

use super::context::JobContext;
use super::failure::failure;
use super::restore::open_backup;
use crate::catalog::{Job, JobError, JobOutcome, JobSpec, RestoreSpec};
use crate::failpoint;
use crate::model::{ErrorCode, SourceKind};

pub(super) fn run(cx: &JobContext<'_>, spec: &RestoreSpec, database: &str) -> Result<JobOutcome, JobError> {
    cx.note_restored(spec.backup);
    let (_, archive, _lease) = open_backup(cx.parts, spec)?;
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
    let loaded = source.load_into(&archive, database, cx.job.id, cx.progress)?;
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
