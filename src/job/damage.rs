//! Damage that a job comes upon while it reads a backup for something else: what it tells of it, and what it writes down.
//!
//! Whoever finds damage sees to it that nobody relies on any backup that it hurts: neither the next backup, which would
//! build on it, nor the people who look at the status.

use serde_json::json;

use super::archives;
use super::context::{JobContext, Parts};
use super::verify::{Files, note_found};
use crate::archive::verify::verify_around;
use crate::catalog::{BackupFilter, BackupRecord, JobError};
use crate::model::{BackupId, Class, ErrorCode, Sha256, VerifyResult};
use crate::source::{Damage, StageError};

/// How many are listed; the count goes on.
const LISTED: usize = 200;

/// Notes the damage for the job's result, and sums it up as a warning if there is any.
pub(super) fn note(cx: &JobContext<'_>, mut damage: Vec<String>) -> Option<String> {
    let first = damage.first()?;
    let warning = format!("the backup is damaged, and what is hurt was not restored, first: {first}");
    let omitted = damage.len().saturating_sub(LISTED);
    damage.truncate(LISTED);
    cx.note("damage", json!(damage));
    cx.note("omitted", json!(omitted));
    Some(warning)
}

/// One member of which nothing was restored; `so` is what became of it.
pub(super) fn in_words(so: &str, damage: &Damage) -> String {
    if damage.member.is_empty() {
        return format!("{so}: {}", damage.reason);
    }
    format!("{so}: {}: {}", damage.member, damage.reason)
}

/// The chunk at which a restore came upon damage, where it was one.
pub(super) const fn chunk_of(error: &StageError) -> Option<Sha256> {
    match error {
        StageError::Damaged { chunk, .. } => *chunk,
        _ => None,
    }
}

/// Looks where the damage lies that was found in backup `id`, at `chunks` or in its structure, and writes it down for every
/// backup that it hurts. What goes wrong meanwhile is only logged: the job has its own end to come to.
pub(super) fn trace(cx: &JobContext<'_>, id: BackupId, chunks: impl IntoIterator<Item = Sha256>) {
    if let Err(error) = try_trace(cx, id, chunks) {
        tracing::warn!(job_id = %cx.job.id, backup_id = %id, "whom the damage hurts was not found out: {}", error.message);
    }
}

fn try_trace(cx: &JobContext<'_>, id: BackupId, chunks: impl IntoIterator<Item = Sha256>) -> Result<(), JobError> {
    let (record, _lease) = archives::lease(cx.parts, id)?;
    let mut files = match archives::open_set(cx.parts, &record) {
        Ok(set) => Files::of_reports(verify_around(&set.archive, chunks, cx.progress)?),
        Err(_) => Files::default(),
    };
    // Those that cannot even be opened.
    for file in record.needs.iter().chain([&id]) {
        if !files.includes(*file)
            && let Ok(file) = cx.parts.catalog.backup(*file)
        {
            files.look_at(cx, &file)?;
        }
    }
    note_found(cx, files)
}

/// As [`trace`], when `error` says that the backup is damaged.
pub(super) fn trace_if_damaged(cx: &JobContext<'_>, id: BackupId, error: &JobError) {
    if error.code == ErrorCode::Corruption {
        trace(cx, id, []);
    }
}

/// The error of a restore; one that says that its backup is damaged also names the newest other one.
pub(super) fn with_another(parts: &Parts, damaged: BackupId, error: JobError) -> JobError {
    if error.code != ErrorCode::Corruption {
        return error;
    }
    let another = parts.catalog.backup(damaged).ok().and_then(|record| newest_other(parts, &record));
    let Some(another) = another else { return error };
    let known = match another.verify_result {
        Some(VerifyResult::Passed) => "verified",
        _ => "not verified yet",
    };
    let hint = format!(
        "{}; the newest other one that is not known to be damaged is {} ({}, {known})",
        error.hint, another.filename, another.id
    );
    JobError { hint, ..error }
}

/// The newest backup, besides `damaged`, that holds all its sources and that nothing is known against.
fn newest_other(parts: &Parts, damaged: &BackupRecord) -> Option<BackupRecord> {
    let filter = BackupFilter { class: Some(Class::Backup), ..BackupFilter::default() };
    let holds = |other: &BackupRecord, name| other.sources.iter().any(|held| held.name == name);
    parts.catalog.list_backups(&filter).ok()?.into_iter().find(|other| {
        other.id != damaged.id
            && damaged.sources.iter().all(|held| holds(other, held.name.clone()))
            && archives::are_present(parts, other)
    })
}
