//! The verify job: reads archives and says what of them is what it was.

use serde_json::json;

use super::context::JobContext;
use super::failure::failure;
use crate::archive::verify::{Depth, Report, VerifyError, verify};
use crate::archive::{ArchiveReader, ReadError};
use crate::audit::{Actor, Entry};
use crate::catalog::{BackupFilter, BackupRecord, CatalogError, JobError, JobOutcome, VerifySpec};
use crate::model::{AuditOutcome, BackupId, BackupState, ErrorCode, Sha256, VerifyResult};
use crate::store::{Lease, StoreError};

/// How many damages are listed in the job's result; the count goes on.
const LISTED: usize = 200;

pub(super) fn run(cx: &JobContext<'_>, spec: &VerifySpec) -> Result<JobOutcome, JobError> {
    let asked_for_all = spec.backups.is_empty();
    let ids = if asked_for_all {
        let every = BackupFilter { all: true, ..BackupFilter::default() };
        cx.parts.catalog.list_backups(&every)?.iter().map(|backup| backup.id).collect()
    } else {
        spec.backups.clone()
    };
    let depth = if spec.quick { Depth::Quick } else { Depth::Full { threads: cx.parts.settings.threads } };
    let mut tally = Tally::default();
    for id in ids {
        let (backup, _lease) = match held(cx, id) {
            Ok(held) => held,
            // Removed since the job began: nothing is left to verify, and nothing is wrong.
            Err(error) if asked_for_all && is_gone(cx, id) => {
                tracing::info!(job_id = %cx.job.id, backup_id = %id, "not verified: {}", error.message);
                continue;
            }
            Err(error) => return Err(error),
        };
        cx.begin_phase(&backup.filename)?;
        let verdict = verify_one(cx, &backup, depth)?;
        note(cx, &backup, spec.quick, &verdict)?;
        tally.add(&backup, verdict);
    }
    let single = match &spec.backups[..] {
        [only] => Some(*only),
        _ => None,
    };
    Ok(tally.outcome(single))
}

/// A backup, kept from being removed while it is verified.
fn held(cx: &JobContext<'_>, id: BackupId) -> Result<(BackupRecord, Lease), JobError> {
    let lease = cx.parts.leases.lease([id])?;
    Ok((cx.parts.catalog.backup(id)?, lease))
}

/// Whether a backup was removed, or is just being.
fn is_gone(cx: &JobContext<'_>, id: BackupId) -> bool {
    cx.parts.leases.lease([id]).is_err() || matches!(cx.parts.catalog.backup(id), Err(CatalogError::NoSuchBackup(_)))
}

/// What the job has found so far.
#[derive(Default)]
struct Tally {
    backups: usize,
    sound: usize,
    files: u64,
    bytes: u64,
    /// How many files the damage hurts.
    hurt: u64,
    /// Whether any backup is damaged, and not only unreadable at the moment.
    is_corrupt: bool,
    problems: Vec<String>,
    /// Problems beyond those that are listed.
    omitted: usize,
}

impl Tally {
    fn add(&mut self, backup: &BackupRecord, verdict: Verdict) {
        self.backups += 1;
        let problems = match verdict {
            Verdict::Sound => {
                self.sound += 1;
                // What an archive says of itself may be any number.
                self.files = self.files.saturating_add(backup.files);
                self.bytes = self.bytes.saturating_add(backup.size_bytes);
                return;
            }
            Verdict::Damaged { damage, hurt } => {
                self.is_corrupt = true;
                self.hurt = self.hurt.saturating_add(hurt);
                damage
            }
            Verdict::Missing => {
                self.is_corrupt = true;
                vec!["its archive is missing from the store".to_owned()]
            }
            Verdict::Unreadable(error) => vec![format!("it could not be read: {}", error.message)],
        };
        for what in problems {
            if self.problems.len() < LISTED {
                self.problems.push(format!("{}: {what}", backup.filename));
            } else {
                self.omitted += 1;
            }
        }
    }

    fn outcome(self, single: Option<BackupId>) -> JobOutcome {
        let ended = match self.problems.first() {
            None => JobOutcome::done(Vec::new()),
            Some(first) => {
                let hurt = match self.hurt {
                    0 => String::new(),
                    1 => "; it hurts 1 file".to_owned(),
                    files => format!("; it hurts {files} files"),
                };
                let message = match (self.is_corrupt, self.backups - self.sound) {
                    (true, 1) => format!("damage was found: {first}{hurt}"),
                    (true, backups) => format!("damage was found in {backups} backups, first: {first}{hurt} in all"),
                    (false, _) => first.clone(),
                };
                let (code, hint) = if self.is_corrupt {
                    let hint =
                        "restore from another backup (`carelogctl list`), then take a new one: `carelogctl backup`";
                    (ErrorCode::Corruption, hint)
                } else {
                    (ErrorCode::Failed, "look at the disk of the store (dmesg, smartctl), then verify again")
                };
                JobOutcome::ended_by(failure(code, message, hint))
            }
        };
        let mut outcome = JobOutcome { backup_id: single, ..ended };
        let summary = match (self.sound, self.backups) {
            (1, 1) => "the backup is sound".to_owned(),
            (0, 1) => "the backup is not sound".to_owned(),
            (sound, backups) => format!("{sound} of {backups} backups are sound"),
        };
        let notes = [
            ("summary", json!(summary)),
            ("files", json!(self.files)),
            ("bytes", json!(self.bytes)),
            ("damage", json!(self.problems)),
            ("omitted", json!(self.omitted)),
        ];
        outcome.notes.extend(notes.map(|(name, value)| (name.to_owned(), value)));
        outcome
    }
}

/// What one backup turned out to be.
enum Verdict {
    Sound,
    Damaged {
        damage: Vec<String>,
        /// How many files it hurts.
        hurt: u64,
    },
    Missing,
    /// The disk or its rights failed: that says nothing of the other backups, which are still looked at.
    Unreadable(JobError),
}

fn verify_one(cx: &JobContext<'_>, backup: &BackupRecord, depth: Depth) -> Result<Verdict, JobError> {
    let damaged = |what: String| Ok(Verdict::Damaged { damage: vec![what], hurt: 0 });
    let name = match backup.filename.parse() {
        Ok(name) => name,
        Err(bad) => return Ok(Verdict::Unreadable(failure(ErrorCode::Failed, bad, ""))),
    };
    let file = match cx.parts.store.open(&name) {
        Ok(file) => file,
        Err(StoreError::NotFound(_)) => return Ok(Verdict::Missing),
        Err(error @ StoreError::Io { .. }) => return Ok(Verdict::Unreadable(error.into())),
        Err(error) => return Err(error.into()),
    };
    let archive = match ArchiveReader::open(file) {
        Ok(archive) => archive,
        Err(error @ ReadError::Io(_)) => return Ok(Verdict::Unreadable(error.into())),
        Err(error) => return damaged(error.to_string()),
    };
    if archive.restore_point().metadata.id != backup.id {
        return damaged(format!("it holds backup {}, not {}", archive.restore_point().metadata.id, backup.id));
    }
    let beside = match cx.parts.store.checksum(&name) {
        Ok(beside) => beside,
        Err(StoreError::BadSidecar { why, .. }) => return damaged(format!("its .sha256 is damaged: {why}")),
        Err(error @ StoreError::Io { .. }) => return Ok(Verdict::Unreadable(error.into())),
        Err(error) => return Err(error.into()),
    };
    let report = match verify(&archive, backup.sha256.or(beside), depth, cx.progress) {
        Ok(report) => report,
        Err(error @ VerifyError::Io(_)) => return Ok(Verdict::Unreadable(error.into())),
        Err(error) => return Err(error.into()),
    };
    let hurt = report.hurt_count;
    let damage = in_words(report, backup.sha256, beside);
    Ok(if damage.is_empty() { Verdict::Sound } else { Verdict::Damaged { damage, hurt } })
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

/// Writes down that a job which wanted to use `backup` found it damaged: nobody is to be told that it protects them.
pub(super) fn note_damage(cx: &JobContext<'_>, backup: &BackupRecord, damage: &str) -> Result<(), JobError> {
    note(cx, backup, false, &Verdict::Damaged { damage: vec![damage.to_owned()], hurt: 0 })
}

/// Writes the result down. A quick look that finds nothing says nothing about the content, and changes nothing; nor does
/// an archive that could not be read.
fn note(cx: &JobContext<'_>, backup: &BackupRecord, quick: bool, verdict: &Verdict) -> Result<(), JobError> {
    let now = cx.parts.clock.now();
    let result = match verdict {
        Verdict::Sound => "passed",
        Verdict::Damaged { .. } => "failed",
        Verdict::Missing => "missing",
        Verdict::Unreadable(_) => "unreadable",
    };
    let is_sound = matches!(verdict, Verdict::Sound);
    let entry = Entry::new(now, Actor::of(&cx.job.requested_by, None), "backup.verify", backup.id)
        .with("quick", quick)
        .with("result", result)
        .ended(if is_sound { AuditOutcome::Done } else { AuditOutcome::Failed });
    let catalog = &cx.parts.catalog;
    match verdict {
        Verdict::Sound if quick => catalog.record(&entry)?,
        Verdict::Sound => catalog.set_verified(backup.id, now, VerifyResult::Passed, &entry)?,
        Verdict::Damaged { .. } => catalog.set_verified(backup.id, now, VerifyResult::Failed, &entry)?,
        Verdict::Missing => catalog.set_backup_state(backup.id, BackupState::Missing, &entry)?,
        Verdict::Unreadable(_) => catalog.record(&entry)?,
    }
    if !is_sound {
        tracing::error!(job_id = %cx.job.id, backup_id = %backup.id, "{} is not sound: {result}", backup.filename);
    } else if backup.state != BackupState::Available {
        tracing::info!(job_id = %cx.job.id, backup_id = %backup.id, "{} is sound", backup.filename);
    }
    Ok(())
}
