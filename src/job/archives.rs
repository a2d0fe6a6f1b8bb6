//! Opens restore points with every archive that they need. Whoever reads one has leased all of them first, so that none is
//! removed meanwhile.

use std::sync::Arc;

use super::context::Parts;
use super::failure::failure;
use crate::archive::{ArchiveReader, RestorePoint};
use crate::catalog::{BackupRecord, JobError};
use crate::model::{BackupId, BackupState, ErrorCode};
use crate::store::{Lease, is_present};

/// A backup, with its archive and all that it needs kept from being removed.
pub(super) fn lease(parts: &Parts, id: BackupId) -> Result<(BackupRecord, Lease), JobError> {
    // While this is leased, what it needs cannot be removed either.
    let _own = parts.leases.lease([id])?;
    let record = parts.catalog.backup(id)?;
    let all = parts.leases.lease(record.needs.iter().copied().chain([id]))?;
    Ok((record, all))
}

/// A restore point, open with what it needs.
#[derive(Debug)]
pub(super) struct OpenSet {
    pub(super) archive: ArchiveReader,
    /// What it needs and cannot be had.
    pub(super) absent: Vec<Absent>,
}

/// An archive that a restore point needs and that cannot be had.
#[derive(Debug)]
pub(super) struct Absent {
    pub(super) id: BackupId,
    /// Its name, when the catalog knows it.
    pub(super) filename: Option<String>,
    pub(super) why: JobError,
}

/// Opens the backup's archive and all that it needs; those that cannot be had are part of the result.
pub(super) fn open_set(parts: &Parts, record: &BackupRecord) -> Result<OpenSet, JobError> {
    let archive = open_file(parts, record)?;
    let (mut others, mut absent) = (Vec::new(), Vec::new());
    for id in needed_by(archive.restore_point()) {
        let known = parts.catalog.backup(id);
        let filename = known.as_ref().ok().map(|other| other.filename.clone());
        match known.map_err(JobError::from).and_then(|other| open_file(parts, &other)) {
            Ok(other) => others.push(Arc::new(other)),
            Err(why) => absent.push(Absent { id, filename, why }),
        }
    }
    Ok(OpenSet { archive: archive.with_bases(others)?, absent })
}

/// Opens a restore point with everything that it needs.
pub(super) fn open_restore_point(parts: &Parts, record: &BackupRecord) -> Result<Arc<ArchiveReader>, JobError> {
    let OpenSet { archive, absent } = open_set(parts, record)?;
    match absent.into_iter().next() {
        None => Ok(Arc::new(archive)),
        Some(absent) => Err(absent.refused_for(record)),
    }
}

/// As [`open_restore_point`], but what cannot be had is only said in the log: it shows as damage of what lies in it.
pub(super) fn open_what_is_there(parts: &Parts, record: &BackupRecord) -> Result<Arc<ArchiveReader>, JobError> {
    let OpenSet { archive, absent } = open_set(parts, record)?;
    for absent in absent {
        tracing::warn!(backup_id = %record.id, "{}", absent.needed_for(record).message);
    }
    Ok(Arc::new(archive))
}

/// Opens one file alone, and makes sure that it is the archive of this backup. Its trailer may be damaged: what lies in it
/// can be read nevertheless, and [`trailer_damage`] tells of it.
pub(super) fn open_file(parts: &Parts, record: &BackupRecord) -> Result<ArchiveReader, JobError> {
    let name = record.filename.parse().map_err(|bad| failure(ErrorCode::Failed, bad, ""))?;
    let archive = ArchiveReader::open_with_damaged_trailer(parts.store.open(&name)?)?;
    if archive.id() != record.id {
        let message = format!("{} holds backup {}, not {}", record.filename, archive.id(), record.id);
        return Err(failure(ErrorCode::Corruption, message, "`carelogctl verify --all` shows what else is wrong"));
    }
    Ok(archive)
}

/// What is wrong with the end of `archive`, or of one that was opened with it; nothing may be built on these.
pub(super) fn trailer_damage(archive: &ArchiveReader) -> Option<String> {
    let bases = archive.bases().map(|base| &**base);
    let damaged = std::iter::once(archive).chain(bases).find_map(|one| Some((one.id(), one.trailer_damage()?)));
    damaged.map(|(id, what)| format!("the archive of backup {id}: {what}"))
}

/// Whether the archive of `record` and all that it needs lie in the store at this moment, as large as they were.
pub(super) fn are_present(parts: &Parts, record: &BackupRecord) -> bool {
    let is_there = |other: &BackupId| parts.catalog.backup(*other).is_ok_and(|other| is_present(&*parts.store, &other));
    is_present(&*parts.store, record) && record.needs.iter().all(is_there)
}

/// The other archives that a restore point names.
pub(super) fn needed_by(restore_point: &RestorePoint) -> impl Iterator<Item = BackupId> {
    restore_point.archives.iter().copied().filter(|id| *id != restore_point.metadata.id)
}

/// Refuses a backup of which only the archive is left, or that lies in the trash.
///
/// # Errors
/// [`JobError`] with the next step.
pub fn require_kept(record: &BackupRecord) -> Result<(), JobError> {
    let filename = &record.filename;
    match record.state {
        BackupState::Retained => {
            let message = format!("{filename} was deleted; its archive only stays for other backups");
            Err(failure(ErrorCode::NotFound, message, "choose another backup: `carelogctl list`"))
        }
        BackupState::Trashed => {
            let message = format!("{filename} lies in the trash");
            let hint = format!("take it back first: `carelogctl restore-deleted {} -m REASON`", record.id);
            Err(failure(ErrorCode::Conflict, message, &hint))
        }
        BackupState::Available | BackupState::Expired | BackupState::Missing | BackupState::Corrupt => Ok(()),
    }
}

impl Absent {
    /// Why `record` cannot be read wholly.
    pub(super) fn needed_for(&self, record: &BackupRecord) -> JobError {
        let Self { id, filename, why } = self;
        let named = filename.as_ref().map(|filename| format!(" ({filename})")).unwrap_or_default();
        let message = format!("{} needs the archive of backup {id}{named}: {}", record.filename, why.message);
        JobError { message, ..why.clone() }
    }

    /// As [`Absent::needed_for`], with what can be done about it.
    fn refused_for(&self, record: &BackupRecord) -> JobError {
        let error = self.needed_for(record);
        if !matches!(error.code, ErrorCode::NotFound | ErrorCode::Corruption) {
            return error;
        }
        let hint = format!(
            "put that archive back into the backup directory and verify, or restore what does not lie in it: \
             `carelogctl restore {id} --partial`; `carelogctl verify {id}` names what is hurt",
            id = record.id
        );
        JobError { code: ErrorCode::Corruption, hint, ..error }
    }
}
