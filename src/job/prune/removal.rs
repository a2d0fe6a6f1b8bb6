//! How a backup goes: into the trash, or for good; and how an archive stays for others.
//!
//! The store first, where something is only marked: what was deleted must not come back with a catalog that is rebuilt. The
//! catalog first, where an archive is removed: nothing may be listed that is not there.

use jiff::{SignedDuration, Timestamp};

use super::super::context::Parts;
use super::super::failure::failure;
use super::{facts, trash, without_other};
use crate::audit::{Actor, Entry};
use crate::catalog::{BackupFilter, BackupRecord, JobError};
use crate::failpoint;
use crate::model::{BackupState, ErrorCode};
use crate::retention;
use crate::store::{ArchiveName, Presence, Removal, StoreError};

/// What became of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// It can be taken back until then.
    Trashed { until: Timestamp },
    /// Its archive is removed.
    Removed { bytes: u64 },
    /// Its archive stays for others.
    Retained { needed_by: usize },
}

impl Gone {
    /// Bytes of the archive, when it is gone.
    pub(super) const fn freed_bytes(self) -> u64 {
        match self {
            Self::Removed { bytes } => bytes,
            Self::Trashed { .. } | Self::Retained { .. } => 0,
        }
    }

    pub(super) fn in_words(self, parts: &Parts, filename: &str) -> String {
        match self {
            Self::Trashed { until } => {
                let until = until.to_zoned(parts.settings.timezone.clone()).strftime("%Y-%m-%d %H:%M");
                format!(
                    "{filename} is in the trash until {until}: `carelogctl restore-deleted` takes it back, and to delete \
                     it again removes it at once"
                )
            }
            Self::Removed { .. } => format!("{filename} is removed"),
            Self::Retained { needed_by: 1 } => {
                format!("{filename} is deleted; its archive stays while another backup needs it")
            }
            Self::Retained { needed_by } => {
                format!("{filename} is deleted; its archive stays while {needed_by} other backups need it")
            }
        }
    }
}

/// Puts a backup into the trash. It is removed for good where there is no trash, or nothing that could be taken back.
pub(super) fn put_away(parts: &Parts, backup: &BackupRecord, entry: Entry) -> Result<Gone, JobError> {
    let name = archive_name(backup)?;
    let is_there = !matches!(parts.store.open(&name), Err(StoreError::NotFound(_)));
    if parts.settings.retention.trash.is_zero() || !is_there {
        return remove_for_good(parts, backup, entry);
    }
    let now = parts.clock.now();
    let until = leaves_trash_at(parts, now);
    trash::put(parts, backup, &name, now, &entry.with("trashed_until", until))?;
    Ok(Gone::Trashed { until })
}

/// When what was put into the trash at `since` leaves it, by the policy in force.
#[must_use]
pub fn leaves_trash_at(parts: &Parts, since: Timestamp) -> Timestamp {
    let stays = SignedDuration::try_from(parts.settings.retention.trash).unwrap_or(SignedDuration::MAX);
    since.saturating_add(stays).unwrap_or(Timestamp::MAX)
}

/// Removes a backup's archive, or keeps it for others.
pub(super) fn remove_for_good(parts: &Parts, backup: &BackupRecord, entry: Entry) -> Result<Gone, JobError> {
    let name = archive_name(backup)?;
    let needed_by = parts.catalog.needed_by(backup.id)?.len();
    if needed_by == 0 {
        let actor = entry.actor.clone();
        remove(parts, backup, &name, &entry, &actor)?;
        return Ok(Gone::Removed { bytes: backup.size_bytes });
    }
    retain(parts, backup, &name, &entry.with("retained_for", needed_by))?;
    Ok(Gone::Retained { needed_by })
}

fn retain(parts: &Parts, backup: &BackupRecord, name: &ArchiveName, entry: &Entry) -> Result<(), JobError> {
    let marked = match parts.store.set_retained(name, true) {
        Ok(()) | Err(StoreError::NotFound(_)) => Ok(()),
        Err(error) => Err(JobError::from(error)),
    };
    let retained = marked.and_then(|()| {
        failpoint::pass("prune.retained")?;
        Ok(parts.catalog.retain_backup(backup.id, entry)?)
    });
    if retained.is_err()
        && let Err(error) = parts.store.set_retained(name, false)
    {
        tracing::warn!(backup_id = %backup.id, %error, "{name} was not deleted, but the next start will do it");
    }
    retained?;
    trash::unmark(parts, backup, name);
    Ok(())
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::job) struct Freed {
    pub(in crate::job) archives: usize,
    pub(in crate::job) bytes: u64,
}

impl Freed {
    pub(super) fn in_words(self) -> Option<String> {
        match self.archives {
            0 => None,
            1 => Some("1 archive that nobody needs any more is removed too".to_owned()),
            archives => Some(format!("{archives} archives that nobody needs any more are removed too")),
        }
    }
}

/// Removes the archives that were retained for others and that nobody needs any more. What is read or held at the moment
/// waits for the next time, and so does what cannot be removed. All of it waits while the catalog may not know everything
/// that is needed.
pub(in crate::job) fn remove_unneeded(parts: &Parts, actor: &Actor) -> Freed {
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

pub(super) fn archive_name(backup: &BackupRecord) -> Result<ArchiveName, JobError> {
    backup.filename.parse().map_err(|bad| failure(ErrorCode::Failed, bad, ""))
}

/// Refuses what is held, by the catalog or beside the archive. Holds whose time is over are cleared away: the store would
/// keep the archive for them.
pub(super) fn require_unheld(parts: &Parts, backup: &BackupRecord) -> Result<(), JobError> {
    let (now, name) = (parts.clock.now(), archive_name(backup)?);
    let beside = parts.store.holds(&name)?;
    if let Some(hold) = backup.holds.iter().chain(&beside).find(|hold| hold.until.is_none_or(|until| until > now)) {
        let message = format!("{} is held by {}: {}", backup.filename, hold.who, hold.why);
        return Err(failure(ErrorCode::Refused, message, "`carelogctl release BACKUP -m REASON` ends its holds"));
    }
    if backup.holds.is_empty() && beside.is_empty() {
        return Ok(());
    }
    // By this clock every hold is over.
    if let Some(doubt) = retention::doubt(&facts::gather(parts)?.1.backups, now) {
        let message = format!("{} is held until a time that may not have come: {doubt}", backup.filename);
        return Err(failure(ErrorCode::Refused, message, "`date` says what this machine's clock shows"));
    }
    match parts.store.set_holds(&name, &[]) {
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
    match parts.catalog.take_in(std::slice::from_ref(backup), &entry) {
        Ok(_) => error,
        Err(also) => {
            let message = format!("{}; its archive is there but not listed ({also})", error.message);
            JobError { message, hint: "restart carelogd: it takes the archive in from the store".to_owned(), ..error }
        }
    }
}
