//! The prune job: removes backups. What is held, read at the moment, or the last good backup of a source stays.
//!
//! An archive of which other restore points need content outlives its own: it is retained, and removed as soon as nobody
//! needs it any more.

use serde_json::json;

use super::archives;
use super::context::{JobContext, Parts};
use super::failure::failure;
use crate::audit::{Actor, Entry};
use crate::catalog::{BackupFilter, BackupRecord, JobError, JobOutcome, PruneSpec};
use crate::failpoint;
use crate::model::{BackupId, BackupState, Class, ErrorCode, SourceName};
use crate::store::{ArchiveName, Presence, Removal, StoreError};

pub(super) fn run(cx: &JobContext<'_>, spec: &PruneSpec) -> Result<JobOutcome, JobError> {
    let (mut bytes, mut told) = (0, Vec::new());
    for id in &spec.backups {
        let deleted = delete(cx, *id, &spec.reason)?;
        bytes += deleted.bytes;
        told.push(deleted.in_words());
    }
    let freed = remove_unneeded(cx.parts, &Actor::of(&cx.job.requested_by, None));
    bytes += freed.bytes;
    if let Some(waits) = cx.parts.catalog.removal_waits()? {
        told.push(format!("other archives that nobody needs stay until `verify --all` passes: {}", waits.why));
    }
    if freed.archives > 0 {
        told.push(format!("{} archives that only it needed are removed too", freed.archives));
    }
    let only = match &spec.backups[..] {
        [only] => Some(*only),
        _ => None,
    };
    let mut outcome = JobOutcome { backup_id: only, ..JobOutcome::done(Vec::new()) };
    outcome.notes.insert("summary".to_owned(), json!(told.join("; ")));
    outcome.notes.insert("bytes".to_owned(), json!(bytes));
    Ok(outcome)
}

/// What became of a deleted backup.
struct Deleted {
    filename: String,
    /// Of the archive, when it is gone.
    bytes: u64,
    /// How many others its archive stays for.
    needed_by: usize,
}

impl Deleted {
    fn in_words(&self) -> String {
        match self.needed_by {
            0 => format!("{} is removed", self.filename),
            1 => format!("{} is deleted; its archive stays while another backup needs it", self.filename),
            others => format!("{} is deleted; its archive stays while {others} other backups need it", self.filename),
        }
    }
}

/// Deletes one backup: removes its archive, or keeps that for others.
fn delete(cx: &JobContext<'_>, id: BackupId, reason: &str) -> Result<Deleted, JobError> {
    let filename = cx.parts.catalog.backup(id)?.filename;
    cx.begin_phase(&filename)?;
    let Some(_removal) = cx.parts.leases.remove(id) else {
        let message = format!("{filename} is being read by another job, or its holds are just being changed");
        return Err(failure(ErrorCode::Conflict, message, "`carelogctl jobs` shows it; try again when it is done"));
    };
    // Looked at only now, when nobody can place a hold any more.
    let backup = &cx.parts.catalog.backup(id)?;
    let name = archive_name(backup)?;
    cx.parts.store.check()?;
    require_unheld(cx, backup, &name)?;
    if let Some(source) = last_good_of(cx.parts, backup)? {
        let message = format!("{filename} is the last good backup of source '{source}'");
        return Err(failure(ErrorCode::Refused, message, "take another one first: `carelogctl backup`"));
    }
    let actor = Actor::of(&cx.job.requested_by, None);
    let entry = Entry::new(cx.parts.clock.now(), actor.clone(), "backup.delete", backup.id)
        .with("filename", &backup.filename)
        .because(reason);
    let needed_by = cx.parts.catalog.needed_by(id)?.len();
    if needed_by == 0 {
        remove(cx.parts, backup, &name, &entry, &actor)?;
        return Ok(Deleted { filename, bytes: backup.size_bytes, needed_by });
    }
    if backup.state == BackupState::Retained {
        let message = format!("{filename} was deleted already; its archive stays while {needed_by} others need it");
        let hint = "`carelogctl show BACKUP` names them; it goes with the last one";
        return Err(failure(ErrorCode::Refused, message, hint));
    }
    retain(cx, backup, &name, &entry.with("retained_for", needed_by))?;
    Ok(Deleted { filename, bytes: 0, needed_by })
}

/// The store first: what was deleted must not come back with a catalog that is rebuilt.
fn retain(cx: &JobContext<'_>, backup: &BackupRecord, name: &ArchiveName, entry: &Entry) -> Result<(), JobError> {
    let marked = match cx.parts.store.set_retained(name, true) {
        Ok(()) | Err(StoreError::NotFound(_)) => Ok(()),
        Err(error) => Err(JobError::from(error)),
    };
    let retained = marked.and_then(|()| {
        failpoint::pass("prune.retained")?;
        Ok(cx.parts.catalog.retain_backup(backup.id, entry)?)
    });
    if retained.is_err()
        && let Err(error) = cx.parts.store.set_retained(name, false)
    {
        tracing::warn!(backup_id = %backup.id, %error, "{name} was not deleted, but the next start will do it");
    }
    retained
}

/// Removes an archive that nobody needs, and all that is known of it.
fn remove(
    parts: &Parts,
    backup: &BackupRecord,
    name: &ArchiveName,
    entry: &Entry,
    actor: &Actor,
) -> Result<(), JobError> {
    parts.catalog.remove_backup(backup.id, entry)?;
    let removed = failpoint::pass("prune.forgotten").map_err(JobError::from);
    let removed = removed.and_then(|()| match parts.store.remove(name) {
        Ok(()) | Err(StoreError::NotFound(_)) => Ok(()),
        Err(error) => Err(error.into()),
    });
    removed.map_err(|error| remember(parts, backup, name, error, actor))
}

/// Archives that were removed because nobody needed them any more.
#[derive(Default)]
pub(super) struct Freed {
    pub(super) archives: usize,
    pub(super) bytes: u64,
}

/// Removes the archives that were retained for others and that nobody needs any more. What is read or held at the moment
/// waits for the next time, and so does what cannot be removed. All of it waits while the catalog may not know everything
/// that is needed.
pub(super) fn remove_unneeded(parts: &Parts, actor: &Actor) -> Freed {
    let mut freed = Freed::default();
    let unneeded = parts.store.check().map_err(JobError::from);
    let unneeded = unneeded.and_then(|()| unneeded_for_certain(parts)).unwrap_or_else(|error| {
        tracing::warn!("archives that nobody needs any more were not looked for: {}", error.message);
        Vec::new()
    });
    for backup in unneeded {
        let Some(removal) = parts.leases.remove(backup.id) else { continue };
        match remove_retained(parts, &backup, actor, &removal) {
            Ok(true) => {
                tracing::info!(backup_id = %backup.id, "{} is removed: nobody needs it any more", backup.filename);
                freed.archives += 1;
                freed.bytes += backup.size_bytes;
            }
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(backup_id = %backup.id, "{} could not be removed: {}", backup.filename, error.message);
            }
        }
    }
    freed
}

/// Of what nobody needs, that which may go unasked: nothing while an archive is missing or cannot be read.
fn unneeded_for_certain(parts: &Parts) -> Result<Vec<BackupRecord>, JobError> {
    let unneeded = parts.catalog.unneeded_backups()?;
    let why = match parts.catalog.removal_waits()? {
        _ if unneeded.is_empty() => return Ok(unneeded),
        Some(waits) => waits.why,
        None => {
            let known = parts.catalog.list_backups(&BackupFilter { all: true, ..BackupFilter::default() })?;
            let states = Presence::of(&*parts.store)?.states_of(&known);
            let Some(at) = states.iter().position(|state| *state == BackupState::Missing) else { return Ok(unneeded) };
            format!("{} is missing", known.get(at).map_or("an archive", |backup| &backup.filename))
        }
    };
    tracing::info!("{} archives that nobody needs are not removed yet: {why}", unneeded.len());
    Ok(Vec::new())
}

/// Whether it was removed, and not held or the last of a source.
fn remove_retained(
    parts: &Parts,
    backup: &BackupRecord,
    actor: &Actor,
    _nobody_reads_it: &Removal,
) -> Result<bool, JobError> {
    let name = archive_name(backup)?;
    if !backup.holds.is_empty() || !parts.store.holds(&name)?.is_empty() {
        return Ok(false);
    }
    if let Some(source) = without_other(parts, backup)? {
        tracing::warn!(backup_id = %backup.id, "{name} stays: source '{source}' has no other that can be restored");
        return Ok(false);
    }
    let entry = Entry::new(parts.clock.now(), actor.clone(), "backup.delete", backup.id)
        .with("filename", &backup.filename)
        .because("no other backup needs its archive any more");
    remove(parts, backup, &name, &entry, actor)?;
    Ok(true)
}

fn archive_name(backup: &BackupRecord) -> Result<ArchiveName, JobError> {
    backup.filename.parse().map_err(|bad| failure(ErrorCode::Failed, bad, ""))
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
fn remember(parts: &Parts, backup: &BackupRecord, name: &ArchiveName, error: JobError, actor: &Actor) -> JobError {
    if let Err(StoreError::NotFound(_)) = parts.store.open(name) {
        return error;
    }
    let entry = Entry::new(parts.clock.now(), actor.clone(), "backup.keep", backup.id)
        .with("filename", &backup.filename)
        .because(&error.message);
    // Not as the newest: it has the place that it had.
    match parts.catalog.rebuild_from(std::slice::from_ref(backup), &entry) {
        Ok(_) => error,
        Err(also) => {
            let message = format!("{}; its archive is there but not listed ({also})", error.message);
            JobError { message, hint: "restart carelogd: it takes the archive in from the store".to_owned(), ..error }
        }
    }
}

/// A configured source of which this is the only backup that can be restored.
fn last_good_of(parts: &Parts, backup: &BackupRecord) -> Result<Option<SourceName>, JobError> {
    if backup.state != BackupState::Available || backup.class != Class::Backup {
        return Ok(None);
    }
    without_other(parts, backup)
}

/// A configured source of which no other backup can be restored.
fn without_other(parts: &Parts, backup: &BackupRecord) -> Result<Option<SourceName>, JobError> {
    for held in &backup.sources {
        if parts.source(&held.name).is_none_or(|source| source.kind() != held.kind) {
            continue;
        }
        let filter =
            BackupFilter { source: Some(held.name.clone()), class: Some(Class::Backup), ..BackupFilter::default() };
        let others = parts.catalog.list_backups(&filter)?;
        let holds = |other: &&BackupRecord| other.sources.iter().any(|o| o.name == held.name && o.kind == held.kind);
        let mut others = others.iter().filter(holds);
        if !others.any(|other| other.id != backup.id && archives::are_present(parts, other)) {
            return Ok(Some(held.name.clone()));
        }
    }
    Ok(None)
}
