//! The verify job: reads archives and says what of them is what it was.

mod files;

use std::collections::HashSet;

use serde_json::json;

pub(super) use self::files::Files;
use self::files::Found;
use super::archives::{self, OpenSet};
use super::context::JobContext;
use super::failure::failure;
use crate::archive::ReadError;
use crate::archive::verify::{Depth, Report, VerifyError, verify_restore_point};
use crate::audit::{Actor, Entry};
use crate::catalog::{BackupFilter, BackupRecord, CatalogError, JobError, JobOutcome, VerifySpec};
use crate::model::{AuditOutcome, BackupId, BackupState, ErrorCode, VerifyResult};
use crate::store::{Unreadable, survey};

/// How many damages are listed in the job's result; the count goes on.
const LISTED: usize = 200;

pub(super) fn run(cx: &JobContext<'_>, spec: &VerifySpec) -> Result<JobOutcome, JobError> {
    // Others may go while the job runs.
    let asked_by_name = !spec.backups.is_empty();
    let ids = if asked_by_name {
        spec.backups.clone()
    } else if spec.oldest {
        verified_longest_ago(cx)?.into_iter().collect()
    } else {
        let every = BackupFilter { all: true, ..BackupFilter::default() };
        cx.parts.catalog.list_backups(&every)?.iter().map(|backup| backup.id).collect()
    };
    let depth = if spec.quick { Depth::Quick } else { Depth::Full { threads: cx.parts.settings.threads } };
    let (mut tally, mut files) = (Tally::default(), Files::default());
    for id in &ids {
        let (backup, _lease) = match archives::lease(cx.parts, *id) {
            Ok(leased) => leased,
            // Removed since the job began: nothing is left to verify, and nothing is wrong.
            Err(error) if !asked_by_name && is_gone(cx, *id) => {
                tracing::info!(job_id = %cx.job.id, backup_id = %id, "not verified: {}", error.message);
                continue;
            }
            Err(error) => return Err(error),
        };
        cx.begin_phase(&backup.filename)?;
        let verdict = verify_one(cx, &backup, depth, &mut files)?;
        note(cx, &backup, spec.quick, &verdict)?;
        tally.add(&backup, if spec.quick { verdict.with_what_is_known(&backup) } else { verdict });
    }
    for (backup, verdict) in hurt_besides(cx, &ids, &mut files)? {
        note(cx, &backup, spec.quick, &verdict)?;
        tally.add_hurt(&backup, verdict);
    }
    if !asked_by_name && !spec.oldest {
        tally.unreadable = note_unreadable(cx)?;
        if !spec.quick && tally.is_all_sound() {
            let entry = Entry::new(cx.parts.clock.now(), Actor::of(&cx.job.requested_by, None), "removal.lift", "");
            cx.parts.catalog.lift_removal_waits(&entry)?;
        }
    }
    let single = match &ids[..] {
        [only] if asked_by_name || spec.oldest => Some(*only),
        _ => None,
    };
    Ok(tally.outcome(single))
}

/// Of the backups that can be restored the one that was verified longest ago; one that never was goes before all others.
fn verified_longest_ago(cx: &JobContext<'_>) -> Result<Option<BackupId>, JobError> {
    let available = cx.parts.catalog.list_backups(&BackupFilter::default())?;
    let oldest = available.iter().min_by_key(|backup| (backup.verified_at, backup.created_at));
    Ok(oldest.map(|backup| backup.id))
}

/// The archives in the store that nobody can read; the catalog keeps them for the status.
fn note_unreadable(cx: &JobContext<'_>) -> Result<Vec<Unreadable>, JobError> {
    let every = BackupFilter { all: true, ..BackupFilter::default() };
    let known = cx.parts.catalog.list_backups(&every)?;
    let names: HashSet<&str> = known.iter().map(|backup| backup.filename.as_str()).collect();
    let unreadable = survey(&*cx.parts.store, |name| names.contains(name.as_str()))?.unreadable;
    let listed: Vec<_> = unreadable.iter().map(Unreadable::for_catalog).collect();
    let entry = Entry::new(cx.parts.clock.now(), Actor::of(&cx.job.requested_by, None), "store.unreadable", "");
    cx.parts.catalog.set_unreadable_archives(&listed, &entry)?;
    Ok(unreadable)
}

/// Writes down what another job found in `files`, of these and of all that they hurt.
pub(super) fn note_found(cx: &JobContext<'_>, mut files: Files) -> Result<(), JobError> {
    for (backup, verdict) in hurt_besides(cx, &[], &mut files)? {
        note(cx, &backup, false, &verdict)?;
    }
    Ok(())
}

/// Writes down that a job which wanted to use `backup` found it damaged, where its files do not tell.
pub(super) fn note_damage(cx: &JobContext<'_>, id: BackupId, damage: &str) -> Result<(), JobError> {
    let backup = cx.parts.catalog.backup(id)?;
    if backup.state != BackupState::Available {
        return Ok(());
    }
    note(cx, &backup, false, &Verdict::Damaged { damage: vec![damage.to_owned()], hurt: Hurt::default() })
}

/// Whether a backup was removed, or is just being.
fn is_gone(cx: &JobContext<'_>, id: BackupId) -> bool {
    cx.parts.leases.lease([id]).is_err() || matches!(cx.parts.catalog.backup(id), Err(CatalogError::NoSuchBackup(_)))
}

/// What is damaged of the backups that were not asked for, but whose archives were read, or that need those.
fn hurt_besides(
    cx: &JobContext<'_>,
    asked: &[BackupId],
    files: &mut Files,
) -> Result<Vec<(BackupRecord, Verdict)>, JobError> {
    let mut besides = Vec::new();
    for damaged in files.damaged() {
        besides.push(damaged);
        besides.extend(cx.parts.catalog.needed_by(damaged)?);
    }
    besides.sort_unstable();
    besides.dedup();
    besides.retain(|id| !asked.contains(id));
    let mut hurt = Vec::new();
    for id in besides {
        let Ok((backup, _lease)) = archives::lease(cx.parts, id) else { continue };
        let verdict = judge(cx, &backup, files)?;
        if matches!(verdict, Verdict::Damaged { .. } | Verdict::Missing { .. }) {
            hurt.push((backup, verdict));
        }
    }
    Ok(hurt)
}

/// What the job has found so far.
#[derive(Default)]
struct Tally {
    backups: usize,
    sound: usize,
    files: u64,
    bytes: u64,
    /// The files that the damage hurts, each once, however many backups have it; as far as they are named.
    hurt: HashSet<String>,
    /// How many more there are in the backup that has the most of them.
    hurt_unnamed: u64,
    /// Archives that cannot be read and that nobody knows.
    unreadable: Vec<Unreadable>,
    /// Those whose structure is whole and that are known to be damaged.
    known_damaged: usize,
    /// Whether any backup is damaged, and not only unreadable at the moment.
    is_corrupt: bool,
    problems: Vec<String>,
    /// Problems beyond those that are listed.
    omitted: usize,
}

impl Tally {
    fn is_all_sound(&self) -> bool {
        self.problems.is_empty() && self.unreadable.is_empty()
    }

    fn add(&mut self, backup: &BackupRecord, verdict: Verdict) {
        self.backups += 1;
        if matches!(verdict, Verdict::Sound) {
            self.sound += 1;
            // What an archive says of itself may be any number.
            self.files = self.files.saturating_add(backup.files);
            self.bytes = self.bytes.saturating_add(backup.size_bytes);
        }
        self.add_hurt(backup, verdict);
    }

    /// Tells what is wrong with a backup.
    fn add_hurt(&mut self, backup: &BackupRecord, verdict: Verdict) {
        let problems = match verdict {
            Verdict::Sound => return,
            Verdict::Damaged { damage, hurt } | Verdict::Missing { damage, hurt } => {
                self.is_corrupt = true;
                self.hurt_unnamed = self.hurt_unnamed.max(hurt.unnamed);
                self.hurt.extend(hurt.paths);
                damage
            }
            Verdict::KnownDamaged => {
                self.is_corrupt = true;
                self.known_damaged += 1;
                vec!["its structure is whole, and its content is known to be damaged".to_owned()]
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

    fn outcome(mut self, single: Option<BackupId>) -> JobOutcome {
        for archive in &self.unreadable {
            self.is_corrupt = true;
            self.problems.push(format!("{}: it cannot be read: {}", archive.name, archive.why));
        }
        let ended = match self.problems.first() {
            None => JobOutcome::done(Vec::new()),
            Some(first) => {
                let hurt = match self.hurt.len() as u64 + self.hurt_unnamed {
                    0 => String::new(),
                    1 => "; it hurts 1 file".to_owned(),
                    files => format!("; it hurts {files} files"),
                };
                let message = match (self.is_corrupt, self.backups - self.sound + self.unreadable.len()) {
                    (true, 1) => format!("damage was found: {first}{hurt}"),
                    (true, archives) => format!("damage was found in {archives} archives, first: {first}{hurt} in all"),
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
            (0, 0) => "there is no backup to verify".to_owned(),
            (sound, backups) if self.known_damaged > 0 => {
                format!(
                    "the structure of {} of {backups} backups is whole; {} are known to be damaged",
                    sound + self.known_damaged,
                    self.known_damaged
                )
            }
            (1, 1) => "the backup is sound".to_owned(),
            (0, 1) => "the backup is not sound".to_owned(),
            (sound, backups) => format!("{sound} of {backups} backups are sound"),
        };
        let summary = match self.unreadable.len() {
            0 => summary,
            1 => format!("{summary}; 1 archive cannot be read"),
            archives => format!("{summary}; {archives} archives cannot be read"),
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
    /// Only its structure was looked at, which is whole; an earlier look found damage in its content.
    KnownDamaged,
    Damaged {
        damage: Vec<String>,
        hurt: Hurt,
    },
    /// An archive of it is not there.
    Missing {
        damage: Vec<String>,
        hurt: Hurt,
    },
    /// The disk or its rights failed: that says nothing of the other backups, which are still looked at.
    Unreadable(JobError),
}

/// The files of a backup that are hurt.
#[derive(Default)]
struct Hurt {
    paths: Vec<String>,
    /// Beyond those.
    unnamed: u64,
}

impl Verdict {
    fn of(damage: Vec<String>, hurt: Hurt) -> Self {
        if damage.is_empty() { Self::Sound } else { Self::Damaged { damage, hurt } }
    }

    /// What a quick look says of one that is known to be damaged.
    fn with_what_is_known(self, backup: &BackupRecord) -> Self {
        let is_known = backup.state == BackupState::Corrupt || backup.verify_result == Some(VerifyResult::Failed);
        if is_known && matches!(self, Self::Sound) { Self::KnownDamaged } else { self }
    }
}

/// Verifies a backup, and with it every archive that it needs; each is read once in the job.
fn verify_one(
    cx: &JobContext<'_>,
    backup: &BackupRecord,
    depth: Depth,
    files: &mut Files,
) -> Result<Verdict, JobError> {
    match depth {
        Depth::Quick => files.look_at(cx, backup)?,
        Depth::Full { threads } => files.read(cx, backup, threads)?,
    }
    judge(cx, backup, files)
}

/// Holds a backup against what was found in the files.
fn judge(cx: &JobContext<'_>, backup: &BackupRecord, files: &Files) -> Result<Verdict, JobError> {
    let mut damage = match files.found(backup.id) {
        Some(Found::Missing) => {
            let damage = vec!["its archive is missing from the store".to_owned()];
            return Ok(Verdict::Missing { damage, hurt: Hurt::default() });
        }
        Some(Found::Unreadable(error)) => return Ok(Verdict::Unreadable(error.clone())),
        Some(Found::Damaged(damage)) => damage.clone(),
        Some(Found::Sound) | None => Vec::new(),
    };
    // Of a deleted backup only the archive is left.
    if backup.state == BackupState::Retained || files.is_unusable(backup.id) {
        return Ok(Verdict::of(damage, Hurt::default()));
    }
    let OpenSet { archive, absent } = match archives::open_set(cx.parts, backup) {
        Ok(set) => set,
        Err(error) if error.code == ErrorCode::Corruption => {
            return Ok(Verdict::of(vec![error.message], Hurt::default()));
        }
        Err(error) => return Ok(Verdict::Unreadable(error)),
    };
    if let Some(error) = backup.needs.iter().find_map(|id| files.unreadable(*id)) {
        return Ok(Verdict::Unreadable(error.clone()));
    }
    let report = match verify_restore_point(&archive, files.reports(), cx.progress) {
        Ok(report) => report,
        Err(error @ VerifyError::Io(_)) => return Ok(Verdict::Unreadable(error.into())),
        Err(error) => return Err(error.into()),
    };
    let missing = absent.iter().any(|absent| absent.why.code == ErrorCode::NotFound);
    damage.extend(absent.iter().map(|absent| absent.needed_for(backup).message));
    let hurt = Hurt { unnamed: report.hurt_count - report.hurt_paths.len() as u64, paths: report.hurt_paths.clone() };
    // Why they cannot be had was just said.
    let not_at_hand: Vec<String> =
        absent.iter().map(|absent| ReadError::MissingArchive { id: absent.id }.to_string()).collect();
    damage.extend(in_words(report).into_iter().filter(|what| !not_at_hand.contains(what)));
    Ok(if missing { Verdict::Missing { damage, hurt } } else { Verdict::of(damage, hurt) })
}

fn in_words(report: Report) -> Vec<String> {
    let mut damage = report.damage;
    let unnamed = report.hurt_count - report.hurt_paths.len() as u64;
    damage.extend(report.hurt_paths.iter().map(|path| format!("hurt: {path}")));
    if unnamed > 0 {
        damage.push(format!("hurt: {unnamed} more files"));
    }
    damage
}

/// Writes the result down. A quick look that finds nothing says nothing about the content, and changes nothing; nor does
/// an archive that could not be read.
fn note(cx: &JobContext<'_>, backup: &BackupRecord, quick: bool, verdict: &Verdict) -> Result<(), JobError> {
    let now = cx.parts.clock.now();
    let result = match verdict {
        Verdict::Sound => "passed",
        Verdict::Damaged { .. } | Verdict::KnownDamaged => "failed",
        Verdict::Missing { .. } => "missing",
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
        // Of which only the archive was left, or in the trash: it stays what it is, and those that need it are missing.
        Verdict::Missing { .. } if matches!(backup.state, BackupState::Retained | BackupState::Trashed) => {
            catalog.record(&entry)?;
        }
        Verdict::Missing { .. } => catalog.set_backup_state(backup.id, BackupState::Missing, &entry)?,
        Verdict::Unreadable(_) | Verdict::KnownDamaged => catalog.record(&entry)?,
    }
    if !is_sound {
        tracing::error!(job_id = %cx.job.id, backup_id = %backup.id, "{} is not sound: {result}", backup.filename);
    } else if !matches!(backup.state, BackupState::Available | BackupState::Retained | BackupState::Trashed) {
        tracing::info!(job_id = %cx.job.id, backup_id = %backup.id, "{} is sound", backup.filename);
    }
    Ok(())
}
