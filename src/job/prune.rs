//! The prune jobs: the deletion of a backup that somebody named, and what no rule keeps any more. What is held, read at the
//! moment, or the last good backup of a source stays.
//!
//! A backup goes by way of the trash, from which it can be taken back. An archive of which other restore points need content
//! outlives its own: it is retained, and removed as soon as nobody needs it any more.

mod expire;
mod facts;
mod plan;
mod removal;
mod trash;

use serde_json::json;

use self::removal::{Gone, require_unheld};
use super::archives;
use super::context::{JobContext, Parts};
use super::failure::failure;
use crate::archive::SourceSummary;
use crate::audit::{Actor, Entry};
use crate::catalog::{BackupFilter, BackupRecord, JobError, JobOutcome, PruneSpec};
use crate::model::{BackupId, BackupState, Class, ErrorCode, SourceName};

pub(super) use expire::run as run_expire;
pub use plan::PrunePlan;
pub use removal::leaves_trash_at;
pub(super) use removal::remove_unneeded;
pub use trash::take_back;

pub(super) fn run(cx: &JobContext<'_>, spec: &PruneSpec) -> Result<JobOutcome, JobError> {
    let (mut bytes, mut told) = (0, Vec::new());
    for id in &spec.backups {
        let (filename, gone) = delete(cx, *id, &spec.reason)?;
        bytes += gone.freed_bytes();
        told.push(gone.in_words(cx.parts, &filename));
    }
    let freed = remove_unneeded(cx.parts, &Actor::of(&cx.job.requested_by, None));
    bytes += freed.bytes;
    told.extend(freed.in_words());
    if let Some(waits) = cx.parts.catalog.removal_waits()? {
        told.push(format!("other archives that nobody needs stay until `verify --all` passes: {}", waits.why));
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

/// Deletes one backup that somebody named; one in the trash for good. Also tells its name.
fn delete(cx: &JobContext<'_>, id: BackupId, reason: &str) -> Result<(String, Gone), JobError> {
    let filename = cx.parts.catalog.backup(id)?.filename;
    cx.begin_phase(&filename)?;
    let Some(_removal) = cx.parts.leases.remove(id) else {
        let message = format!("{filename} is being read by another job, or its holds are just being changed");
        return Err(failure(ErrorCode::Conflict, message, "`carelogctl jobs` shows it; try again when it is done"));
    };
    // Looked at only now, when nobody can place a hold any more.
    let backup = &cx.parts.catalog.backup(id)?;
    cx.parts.store.check()?;
    require_unheld(cx.parts, backup)?;
    if let Some(source) = last_good_of(cx.parts, backup)? {
        let message = format!("{filename} is the last good backup of source '{source}'");
        let hint = match backup.state {
            BackupState::Trashed => "take it back: `carelogctl restore-deleted BACKUP -m REASON`",
            _ => "take another one first: `carelogctl backup`",
        };
        return Err(failure(ErrorCode::Refused, message, hint));
    }
    let actor = Actor::of(&cx.job.requested_by, None);
    let entry = Entry::new(cx.parts.clock.now(), actor, "backup.delete", backup.id)
        .with("filename", &backup.filename)
        .because(reason);
    if backup.state == BackupState::Retained {
        let needed_by = cx.parts.catalog.needed_by(id)?.len();
        if needed_by > 0 {
            let message = format!("{filename} was deleted already; its archive stays while {needed_by} others need it");
            let hint = "`carelogctl show BACKUP` names them; it goes with the last one";
            return Err(failure(ErrorCode::Refused, message, hint));
        }
    }
    let gone = match backup.state {
        BackupState::Available | BackupState::Missing | BackupState::Corrupt => {
            removal::put_away(cx.parts, backup, entry)?
        }
        BackupState::Trashed | BackupState::Retained | BackupState::Expired => {
            removal::remove_for_good(cx.parts, backup, entry)?
        }
    };
    Ok((filename, gone))
}

/// A configured source of which this is the only backup that can be restored, or could be if it were taken back.
fn last_good_of(parts: &Parts, backup: &BackupRecord) -> Result<Option<SourceName>, JobError> {
    let may_be_good = matches!(backup.state, BackupState::Available | BackupState::Trashed);
    if !may_be_good || backup.class != Class::Backup {
        return Ok(None);
    }
    without_other(parts, backup)
}

/// A configured source of which no other backup can be restored.
fn without_other(parts: &Parts, backup: &BackupRecord) -> Result<Option<SourceName>, JobError> {
    for held in &backup.sources {
        let is_configured = parts.source(&held.name).is_some_and(|source| source.kind() == held.kind);
        if is_configured && !is_in_another(parts, backup, held)? {
            return Ok(Some(held.name.clone()));
        }
    }
    Ok(None)
}

/// Whether another backup that can be restored holds a source of `backup` too.
fn is_in_another(parts: &Parts, backup: &BackupRecord, source: &SourceSummary) -> Result<bool, JobError> {
    let filter =
        BackupFilter { source: Some(source.name.clone()), class: Some(Class::Backup), ..BackupFilter::default() };
    // One of a tree that was not mounted holds nothing of it.
    let holds = |other: &BackupRecord| {
        let is_it = |o: &SourceSummary| o.name == source.name && o.kind == source.kind;
        other.sources.iter().any(|o| is_it(o) && (o.files > 0 || source.files == 0))
    };
    // Among the newest there is almost always one; all that there are may be thousands.
    for most in [4, usize::MAX] {
        let others = parts.catalog.newest_few_that(&filter, most, |other| other.id != backup.id)?;
        if others.iter().any(|other| holds(other) && archives::are_present(parts, other)) {
            return Ok(true);
        }
    }
    Ok(false)
}
