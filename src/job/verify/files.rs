//! The archives that a verification reads, each once, whoever needs it.

use std::collections::HashMap;

use super::super::archives;
use super::super::context::JobContext;
use super::super::failure::failure;
use crate::archive::ArchiveReader;
use crate::archive::verify::{FileReport, VerifyError, verify_file};
use crate::catalog::{BackupRecord, JobError};
use crate::model::{BackupId, ErrorCode, Sha256};
use crate::store::{ArchiveName, StoreError};

/// What was found in each file.
#[derive(Default)]
pub(in crate::job) struct Files {
    found: HashMap<BackupId, Found>,
    reports: Vec<FileReport>,
    /// Those that cannot be opened as the archives that they should be.
    unusable: Vec<BackupId>,
}

/// What was found in one file.
pub(super) enum Found {
    Sound,
    Damaged(Vec<String>),
    Missing,
    /// The disk or its rights failed.
    Unreadable(JobError),
}

impl Files {
    /// What another job found in the archives that it read.
    pub(in crate::job) fn of_reports(reports: Vec<FileReport>) -> Self {
        let found = reports.iter().map(|report| (report.id, damaged_or_sound(report.damage.clone())));
        Self { found: found.collect(), reports, unusable: Vec::new() }
    }

    /// Reads every byte of the backup's archive and of all that it needs, as far as that was not done yet.
    pub(super) fn read(&mut self, cx: &JobContext<'_>, backup: &BackupRecord, threads: usize) -> Result<(), JobError> {
        let mut unread = Vec::new();
        for id in backup.needs.iter().copied().chain([backup.id]) {
            if !self.found.contains_key(&id) {
                // One that nobody knows is found to be absent when the restore point is opened.
                unread.extend(cx.parts.catalog.backup(id));
            }
        }
        let bytes = unread.iter().fold(0_u64, |sum, file| sum.saturating_add(file.size_bytes));
        cx.progress.expect(bytes, backup.files);
        for file in unread {
            let found = match self.open(cx, &file)? {
                Ok((archive, checksums)) => self.read_opened(cx, &archive, &checksums, threads)?,
                Err(found) => found,
            };
            self.found.insert(file.id, found);
        }
        Ok(())
    }

    /// Opens the backup's archive, and reads no content.
    pub(in crate::job) fn look_at(&mut self, cx: &JobContext<'_>, backup: &BackupRecord) -> Result<(), JobError> {
        cx.progress.expect(0, backup.files);
        let found = match self.open(cx, backup)? {
            Ok((_, checksums)) => damaged_or_sound(checksums.problems()),
            Err(found) => found,
        };
        self.found.insert(backup.id, found);
        Ok(())
    }

    fn read_opened(
        &mut self,
        cx: &JobContext<'_>,
        archive: &ArchiveReader,
        checksums: &Checksums,
        threads: usize,
    ) -> Result<Found, JobError> {
        let report = match verify_file(archive, checksums.expected(), threads, cx.progress) {
            Ok(report) => report,
            Err(error @ VerifyError::Io(_)) => return Ok(Found::Unreadable(error.into())),
            Err(error) => return Err(error.into()),
        };
        let found = damaged_or_sound([checksums.problems(), report.damage.clone()].concat());
        self.reports.push(report);
        Ok(found)
    }

    fn open(
        &mut self,
        cx: &JobContext<'_>,
        backup: &BackupRecord,
    ) -> Result<Result<(ArchiveReader, Checksums), Found>, JobError> {
        let opened = self.try_open(cx, backup);
        if let Ok(Err(_)) = &opened {
            self.unusable.push(backup.id);
        }
        opened
    }

    fn try_open(
        &self,
        cx: &JobContext<'_>,
        backup: &BackupRecord,
    ) -> Result<Result<(ArchiveReader, Checksums), Found>, JobError> {
        let name: ArchiveName = match backup.filename.parse() {
            Ok(name) => name,
            Err(bad) => return Ok(Err(Found::Unreadable(failure(ErrorCode::Failed, bad, "")))),
        };
        match cx.parts.store.open(&name) {
            Ok(_) => {}
            Err(StoreError::NotFound(_)) => return Ok(Err(Found::Missing)),
            Err(error @ StoreError::Io { .. }) => return Ok(Err(Found::Unreadable(error.into()))),
            Err(error) => return Err(error.into()),
        }
        let archive = match archives::open_file(cx.parts, backup) {
            Ok(archive) => archive,
            Err(error) if error.code == ErrorCode::Failed => return Ok(Err(Found::Unreadable(error))),
            Err(error) => return Ok(Err(Found::Damaged(vec![error.message]))),
        };
        let beside = match cx.parts.store.checksum(&name) {
            Ok(Some(sha256)) => Beside::Says(sha256),
            Ok(None) => Beside::Absent,
            Err(StoreError::BadSidecar { why, .. }) => Beside::Damaged(why),
            Err(error @ StoreError::Io { .. }) => return Ok(Err(Found::Unreadable(error.into()))),
            Err(error) => return Err(error.into()),
        };
        let trailer = archive.trailer_damage().map(|what| format!("{what}; all that is in it was found without that"));
        Ok(Ok((archive, Checksums { known: backup.sha256, beside, trailer })))
    }

    /// What was found in the archive of backup `id`, if it was looked at.
    pub(super) fn found(&self, id: BackupId) -> Option<&Found> {
        self.found.get(&id)
    }

    /// Whether the archive of backup `id` was looked at.
    pub(in crate::job) fn includes(&self, id: BackupId) -> bool {
        self.found.contains_key(&id)
    }

    /// Why the archive of backup `id` could not be read, if it could not.
    pub(super) fn unreadable(&self, id: BackupId) -> Option<&JobError> {
        match self.found(id) {
            Some(Found::Unreadable(error)) => Some(error),
            _ => None,
        }
    }

    /// Whether the archive was looked at and nothing in it can be asked.
    pub(super) fn is_unusable(&self, id: BackupId) -> bool {
        self.unusable.contains(&id)
    }

    /// Of those that were read wholly.
    pub(super) fn reports(&self) -> &[FileReport] {
        &self.reports
    }

    /// The archives that are not as they were, or not there.
    pub(super) fn damaged(&self) -> Vec<BackupId> {
        let is_damaged = |found: &Found| matches!(found, Found::Damaged(_) | Found::Missing);
        self.found.iter().filter(|(_, found)| is_damaged(found)).map(|(id, _)| *id).collect()
    }
}

/// What is known of a file's SHA-256.
struct Checksums {
    /// By the catalog.
    known: Option<Sha256>,
    /// Beside it.
    beside: Beside,
    /// What is wrong with the file's end.
    trailer: Option<String>,
}

/// What `NAME.sha256` is.
enum Beside {
    Says(Sha256),
    Absent,
    Damaged(String),
}

impl Checksums {
    fn expected(&self) -> Option<Sha256> {
        match (self.known, &self.beside) {
            (None, Beside::Says(sha256)) => Some(*sha256),
            (known, _) => known,
        }
    }

    fn problems(&self) -> Vec<String> {
        let beside = match (self.known, &self.beside) {
            (Some(known), Beside::Says(beside)) if known != *beside => {
                vec![format!("its .sha256 says {beside}, the catalog {known}")]
            }
            (_, Beside::Says(_)) => Vec::new(),
            (_, Beside::Absent) => vec!["its .sha256 is missing".to_owned()],
            (_, Beside::Damaged(why)) => vec![format!("its .sha256 is damaged: {why}")],
        };
        self.trailer.iter().cloned().chain(beside).collect()
    }
}

fn damaged_or_sound(damage: Vec<String>) -> Found {
    if damage.is_empty() { Found::Sound } else { Found::Damaged(damage) }
}
