//! The prune job: removes backups. What is held, read at the moment, or the last good backup of a source stays.

use serde_json::json;

use super::context::JobContext;
use super::failure::failure;
use crate::audit::{Actor, Entry};
use crate::catalog::{BackupFilter, BackupRecord, JobError, JobOutcome, PruneSpec};
use crate::failpoint;
use crate::model::{BackupId, BackupState, Class, ErrorCode, SourceName};
use crate::store::{ArchiveName, StoreError, is_present};

pub(super) fn run(cx: &JobContext<'_>, spec: &PruneSpec) -> Result<JobOutcome, JobError> {
    let mut bytes = 0;
    for id in &spec.backups {
        bytes += remove(cx, *id, &spec.reason)?;
    }
    let only = match &spec.backups[..] {
        [only] => Some(*only),
        _ => None,
    };
    let mut outcome = JobOutcome { backup_id: only, ..JobOutcome::done(Vec::new()) };
    outcome.notes.insert("summary".to_owned(), json!(removed(spec.backups.len())));
    outcome.notes.insert("bytes".to_owned(), json!(bytes));
    Ok(outcome)
}

fn removed(backups: usize) -> String {
    match backups {
        1 => "1 backup removed".to_owned(),
        _ => format!("{backups} backups removed"),
    }
}

/// Removes one backup, and returns how large its archive was.
fn remove(cx: &JobContext<'_>, id: BackupId, reason: &str) -> Result<u64, JobError> {
    let filename = cx.parts.catalog.backup(id)?.filename;
    cx.begin_phase(&filename)?;
    let Some(_removal) = cx.parts.leases.remove(id) else {
        let message = format!("{filename} is being read by another job, or its holds are just being changed");
        return Err(failure(ErrorCode::Conflict, message, "`carelogctl jobs` shows it; try again when it is done"));
    };
    // Looked at only now, when nobody can place a hold any more.
    let backup = &cx.parts.catalog.backup(id)?;
    let name: ArchiveName = filename.parse().map_err(|bad| failure(ErrorCode::Failed, bad, ""))?;
    let now = cx.parts.clock.now();
    cx.parts.store.check()?;
    require_unheld(cx, backup, &name)?;
    if let Some(source) = last_good_of(cx, backup)? {
        let message = format!("{filename} is the last good backup of source '{source}'");
        return Err(failure(ErrorCode::Refused, message, "take another one first: `carelogctl backup`"));
    }
    let entry = Entry::new(now, Actor::of(&cx.job.requested_by, None), "backup.delete", backup.id)
        .with("filename", &backup.filename)
        .because(reason);
    cx.parts.catalog.remove_backup(backup.id, &entry)?;
    let removed = failpoint::pass("prune.forgotten").map_err(JobError::from);
    let removed = removed.and_then(|()| match cx.parts.store.remove(&name) {
        Ok(()) | Err(StoreError::NotFound(_)) => Ok(()),
        Err(error) => Err(error.into()),
    });
    removed.map_err(|error| remember(cx, backup, &name, error))?;
    Ok(backup.size_bytes)
}

/// Refuses what is held, by the catalog or beside the archive. Holds whose time is over are cleared away: the store would
/// keep the archive for them.
fn require_unheld(cx: &JobContext<'_>, backup: &BackupRecord, name: &ArchiveName) -> Result<(), JobError> {
    let now = cx.parts.clock.now();
    let beside = cx.parts.store.holds(name)?;
    if let Some(hold) = backup.holds.iter().chain(&beside).find(|hold| hold.until.is_none_or(|until| until > now)) {
        let message = format!("{} is held by {}: {}", backup.filename, hold.who, hold.why);
        return Err(failure(ErrorCode::Refused, message, "`carelogctl release BACKUP -m REASON` ends its holds"));
    }
    if beside.is_empty() {
        return Ok(());
    }
    match cx.parts.store.set_holds(name, &[]) {
        Ok(()) | Err(StoreError::NotFound(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Enters a backup again whose archive could not be removed: what can be restored has to be listed.
fn remember(cx: &JobContext<'_>, backup: &BackupRecord, name: &ArchiveName, error: JobError) -> JobError {
    if let Err(StoreError::NotFound(_)) = cx.parts.store.open(name) {
        return error;
    }
    let entry = Entry::new(cx.parts.clock.now(), Actor::of(&cx.job.requested_by, None), "backup.keep", backup.id)
        .with("filename", &backup.filename)
        .because(&error.message);
    match cx.parts.catalog.insert_backup(backup, &entry) {
        Ok(()) => error,
        Err(also) => {
            let message = format!("{}; its archive is there but not listed ({also})", error.message);
            JobError { message, hint: "restart carelogd: it takes the archive in from the store".to_owned(), ..error }
        }
    }
}

/// A configured source of which this is the only backup that can be restored.
fn last_good_of(cx: &JobContext<'_>, backup: &BackupRecord) -> Result<Option<SourceName>, JobError> {
    if backup.state != BackupState::Available || backup.class != Class::Backup {
        return Ok(None);
    }
    for held in &backup.sources {
        if cx.parts.source(&held.name).is_none_or(|source| source.kind() != held.kind) {
            continue;
        }
        let filter =
            BackupFilter { source: Some(held.name.clone()), class: Some(Class::Backup), ..BackupFilter::default() };
        let others = cx.parts.catalog.list_backups(&filter)?;
        let holds = |other: &&BackupRecord| other.sources.iter().any(|o| o.name == held.name && o.kind == held.kind);
        let mut others = others.iter().filter(holds);
        if !others.any(|other| other.id != backup.id && is_present(&*cx.parts.store, other)) {
            return Ok(Some(held.name.clone()));
        }
    }
    Ok(None)
}
