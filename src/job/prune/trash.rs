//! The trash: what lies there can be taken back until its time is over. The archive stays where it is, with a mark beside
//! it, because others may need content of it.

use jiff::Timestamp;

use super::super::context::Parts;
use super::super::failure::failure;
use super::plan::PrunePlan;
use super::removal::{Freed, archive_name, leaves_trash_at, remove_for_good, require_unheld};
use super::{facts, last_good_of};
use crate::audit::{Actor, Entry};
use crate::catalog::{BackupRecord, JobError};
use crate::clock;
use crate::failpoint;
use crate::model::{BackupId, BackupState, ErrorCode};
use crate::retention::{self, RetentionInput};
use crate::store::{ArchiveName, Presence, StoreError};

/// The store first: what was deleted must not come back with a catalog that is rebuilt.
pub(super) fn put(
    parts: &Parts,
    backup: &BackupRecord,
    name: &ArchiveName,
    now: Timestamp,
    entry: &Entry,
) -> Result<(), JobError> {
    let trashed = parts.store.set_trashed(name, Some(now)).map_err(JobError::from).and_then(|()| {
        failpoint::pass("prune.trashed")?;
        Ok(parts.catalog.trash_backup(backup.id, now, entry)?)
    });
    if trashed.is_err() {
        unmark(parts, backup, name);
    }
    trashed
}

/// Takes the mark away that stands beside an archive. One that stays is cleared away by the next start.
pub(super) fn unmark(parts: &Parts, backup: &BackupRecord, name: &ArchiveName) {
    match parts.store.set_trashed(name, None) {
        Ok(()) | Err(StoreError::NotFound(_)) => {}
        Err(error) => {
            tracing::warn!(backup_id = %backup.id, %error, "{name} is still marked as in the trash until the next start");
        }
    }
}

/// Takes a backup back from the trash. It is what it was, unless something happened to its archives meanwhile.
///
/// # Errors
/// [`JobError`]: it does not lie there, or is just being removed, or its archive is gone.
pub fn take_back(parts: &Parts, id: BackupId, actor: Actor, reason: &str) -> Result<(), JobError> {
    let _lease = parts.leases.lease([id])?;
    let backup = parts.catalog.backup(id)?;
    let filename = &backup.filename;
    if backup.state != BackupState::Trashed {
        let message = format!("{filename} does not lie in the trash: it is {}", backup.state);
        return Err(failure(ErrorCode::Conflict, message, "`carelogctl list --all` shows what does"));
    }
    let name = archive_name(&backup)?;
    let presence = Presence::of(&*parts.store)?;
    let needs = backup.needs.iter().map(|other| parts.catalog.backup(*other)).collect::<Result<Vec<_>, _>>()?;
    let state = presence.state_outside_of_trash(&backup, &needs);
    if !presence.lists(filename) {
        let message = format!("{filename} cannot be taken back: its archive is not in the store any more");
        return Err(failure(ErrorCode::NotFound, message, "choose another backup: `carelogctl list`"));
    }
    parts.store.set_trashed(&name, None)?;
    let entry = Entry::new(parts.clock.now(), actor, "backup.restore_deleted", id)
        .with("filename", filename)
        .with("state", state)
        .because(reason);
    let taken_back = failpoint::pass("trash.unmarked").map_err(JobError::from);
    let taken_back = taken_back.and_then(|()| Ok(parts.catalog.take_back_backup(id, state, &entry)?));
    if taken_back.is_err() {
        let since = backup.trashed_at.unwrap_or_else(|| parts.clock.now());
        if let Err(error) = parts.store.set_trashed(&name, Some(since)) {
            tracing::warn!(backup_id = %id, %error, "{name} was not taken back, but the next start will do it");
        }
    }
    taken_back
}

/// What lies in the trash and may leave it for good.
pub(super) fn due(
    parts: &Parts,
    input: &RetentionInput,
    is_clock_doubted: bool,
) -> Result<Vec<BackupRecord>, JobError> {
    if is_clock_doubted {
        return Ok(Vec::new());
    }
    let now = parts.clock.now();
    // Of a source in trouble nothing goes.
    let is_in_trouble = |backup: &BackupRecord| {
        let troubled = input.sources.iter().filter(|facts| facts.last_attempt_failed || facts.is_suspicious);
        let holds = |key: &crate::retention::SourceKey| {
            backup.sources.iter().any(|held| held.name == key.0 && held.kind == key.1)
        };
        troubled.into_iter().any(|facts| holds(&facts.source))
    };
    let is_over = |backup: &BackupRecord| {
        let is_credible = is_credible(backup, now);
        backup.trashed_at.is_some_and(|since| is_credible && leaves_trash_at(parts, since) <= now)
    };
    let mut trashed = parts.catalog.trashed_backups()?;
    trashed.retain(|backup| is_over(backup) && !is_in_trouble(backup));
    Ok(trashed)
}

/// Whether it can have been put into the trash when the mark says. One that is older than the backup itself, or lies
/// ahead, was written by a clock that was wrong.
fn is_credible(backup: &BackupRecord, now: Timestamp) -> bool {
    backup.trashed_at.is_some_and(|since| backup.created_at <= since && since <= clock::latest_credible(now))
}

/// Lets the time in the trash begin now for what was put there by a clock that was wrong, once the clock is believed.
fn begin_anew(parts: &Parts, actor: &Actor) -> Result<(), JobError> {
    let now = parts.clock.now();
    let mut wrong = parts.catalog.trashed_backups()?;
    wrong.retain(|backup| !is_credible(backup, now));
    if wrong.is_empty() || retention::doubt(&facts::gather(parts)?.1.backups, now).is_some() {
        return Ok(());
    }
    for backup in wrong {
        let entry = Entry::new(now, actor.clone(), "backup.trash", backup.id)
            .with("trashed_until", leaves_trash_at(parts, now))
            .because("it was put into the trash by a clock that was wrong");
        put(parts, &backup, &archive_name(&backup)?, now, &entry)?;
    }
    Ok(())
}

/// Removes for good what lay in the trash long enough by `plan`. What is held, or would be the last good backup of its
/// source, stays; so does what is read at the moment, until the next time.
pub(super) fn empty(parts: &Parts, plan: &PrunePlan, actor: &Actor) -> Result<Freed, JobError> {
    let mut freed = Freed::default();
    begin_anew(parts, actor)?;
    for planned in &plan.leaves_trash {
        let Some(_removal) = parts.leases.remove(planned.id) else { continue };
        // Looked at only now, when nobody can take it back or hold it any more.
        let Ok(backup) = parts.catalog.backup(planned.id) else { continue };
        if backup.state != BackupState::Trashed || require_unheld(parts, &backup).is_err() {
            continue;
        }
        if let Some(source) = last_good_of(parts, &backup)? {
            tracing::warn!(
                backup_id = %backup.id,
                "{} stays in the trash: it is the last good backup of source '{source}'; take it back with `carelogctl \
                 restore-deleted`",
                backup.filename
            );
            continue;
        }
        let entry = Entry::new(parts.clock.now(), actor.clone(), "backup.delete", backup.id)
            .with("filename", &backup.filename)
            .because("its time in the trash is over");
        let gone = remove_for_good(parts, &backup, entry)?;
        freed.archives += 1;
        freed.bytes += gone.freed_bytes();
    }
    Ok(freed)
}
