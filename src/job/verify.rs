//! The verify job: reads archives and says what of them is what it was.

use serde_json::json;

use super::context::JobContext;
use super::failure::failure;
use crate::archive::ArchiveReader;
use crate::archive::verify::{Depth, Report, verify};
use crate::audit::{Actor, Entry};
use crate::catalog::{BackupFilter, BackupRecord, JobError, JobOutcome, VerifySpec};
use crate::model::{AuditOutcome, BackupState, ErrorCode, Sha256, VerifyResult};
use crate::store::StoreError;

/// How many damages are listed in the job's result; the count goes on.
const LISTED: usize = 200;

pub(super) fn run(cx: &JobContext<'_>, spec: &VerifySpec) -> Result<JobOutcome, JobError> {
    let backups = if spec.backups.is_empty() {
        let every = BackupFilter { all: true, ..BackupFilter::default() };
        cx.parts.catalog.list_backups(&every)?
    } else {
        spec.backups.iter().map(|id| cx.parts.catalog.backup(*id)).collect::<Result<Vec<_>, _>>()?
    };
    let _lease = cx.parts.leases.lease(backups.iter().map(|backup| backup.id))?;
    let depth = if spec.quick { Depth::Quick } else { Depth::Full { threads: cx.parts.settings.threads } };
    let mut damage = Vec::new();
    let mut files = 0_u64;
    let mut bytes = 0_u64;
    for backup in &backups {
        cx.begin_phase(&backup.filename)?;
        let found = verify_one(cx, backup, depth)?;
        // What an archive says of itself may be any number.
        files = files.saturating_add(found.files);
        bytes = bytes.saturating_add(backup.size_bytes);
        note(cx, backup, spec.quick, found.damage.is_empty())?;
        damage.extend(found.damage.into_iter().map(|what| format!("{}: {what}", backup.filename)));
    }
    let single = match &spec.backups[..] {
        [only] => Some(*only),
        _ => None,
    };
    let mut outcome = JobOutcome { backup_id: single, ..JobOutcome::done(Vec::new()) };
    if let Some(first) = damage.first() {
        let message = match damage.len() {
            1 => format!("damage was found: {first}"),
            count => format!("damage was found in {count} places, first: {first}"),
        };
        let hint = "restore from another backup (`carelogctl list`), then take a new one: `carelogctl backup`";
        outcome =
            JobOutcome { backup_id: single, ..JobOutcome::ended_by(failure(ErrorCode::Corruption, message, hint)) };
    }
    let omitted = damage.len().saturating_sub(LISTED);
    damage.truncate(LISTED);
    let notes = [
        ("summary", json!(format!("{} of {} backups are sound", sound(&backups, &damage), backups.len()))),
        ("files", json!(files)),
        ("bytes", json!(bytes)),
        ("damage", json!(damage)),
        ("omitted", json!(omitted)),
    ];
    outcome.notes.extend(notes.map(|(name, value)| (name.to_owned(), value)));
    Ok(outcome)
}

fn sound(backups: &[BackupRecord], damage: &[String]) -> usize {
    let hurt = |backup: &&BackupRecord| damage.iter().any(|what| what.starts_with(&backup.filename));
    backups.len() - backups.iter().filter(hurt).count()
}

#[derive(Default)]
struct Found {
    files: u64,
    damage: Vec<String>,
}

fn verify_one(cx: &JobContext<'_>, backup: &BackupRecord, depth: Depth) -> Result<Found, JobError> {
    let damaged = |what: String| Ok(Found { files: 0, damage: vec![what] });
    let name = backup.filename.parse().map_err(|bad| failure(ErrorCode::Failed, bad, ""))?;
    let file = match cx.parts.store.open(&name) {
        Ok(file) => file,
        Err(StoreError::NotFound(_)) => return damaged("its archive is missing from the store".to_owned()),
        Err(error) => return Err(error.into()),
    };
    let archive = match ArchiveReader::open(file) {
        Ok(archive) => archive,
        Err(crate::archive::ReadError::Io(error)) => return Err(crate::archive::ReadError::Io(error).into()),
        Err(error) => return damaged(error.to_string()),
    };
    if archive.restore_point().metadata.id != backup.id {
        return damaged(format!("it holds backup {}, not {}", archive.restore_point().metadata.id, backup.id));
    }
    let beside = match cx.parts.store.checksum(&name) {
        Ok(beside) => beside,
        Err(StoreError::BadSidecar { why, .. }) => return damaged(format!("its .sha256 is damaged: {why}")),
        Err(error) => return Err(error.into()),
    };
    let report = verify(&archive, backup.sha256.or(beside), depth, cx.progress)?;
    Ok(Found { files: backup.files, damage: in_words(report, backup.sha256, beside) })
}

fn in_words(report: Report, known: Option<Sha256>, beside: Option<Sha256>) -> Vec<String> {
    let mut damage = report.damage;
    match (known, beside) {
        (Some(known), Some(beside)) if known != beside => {
            damage.push(format!("its .sha256 says {beside}, the catalog {known}"));
        }
        (_, None) => damage.push("its .sha256 is missing".to_owned()),
        _ => {}
    }
    damage.extend(report.hurt_paths.iter().map(|path| format!("hurt: {path}")));
    let unnamed = report.hurt_count - report.hurt_paths.len() as u64;
    if unnamed > 0 {
        damage.push(format!("hurt: {unnamed} more files"));
    }
    damage
}

/// Writes the result down. A quick look that finds nothing says nothing about the content, and changes nothing.
fn note(cx: &JobContext<'_>, backup: &BackupRecord, quick: bool, is_sound: bool) -> Result<(), JobError> {
    let now = cx.parts.clock.now();
    let result = if is_sound { VerifyResult::Passed } else { VerifyResult::Failed };
    let entry = Entry::new(now, Actor::of(&cx.job.requested_by, None), "backup.verify", backup.id)
        .with("quick", quick)
        .with("result", result)
        .ended(if is_sound { AuditOutcome::Done } else { AuditOutcome::Failed });
    if quick && is_sound {
        cx.parts.catalog.record(&entry)?;
    } else {
        cx.parts.catalog.set_verified(backup.id, now, result, &entry)?;
    }
    if !is_sound {
        tracing::error!(job_id = %cx.job.id, backup_id = %backup.id, "{} is damaged", backup.filename);
    } else if backup.state != BackupState::Available {
        tracing::info!(job_id = %cx.job.id, backup_id = %backup.id, "{} is sound", backup.filename);
    }
    Ok(())
}
