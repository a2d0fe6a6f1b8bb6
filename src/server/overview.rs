//! Are we protected, since when, how fast can we be back, and what is wrong.
//!
//! Also kept in a file beside the socket, so that it can be told while the daemon is dead. That file is for everybody, so
//! nothing here names a file of a source.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use carelog_rpc::{
    BackupPoint, DaemonStatus, Document, KeptData, Octets, Problem, Severity, SourceStatus, Status, StoreStatus,
    Verdict,
};
use jiff::{SignedDuration, Timestamp};

use super::failure::Failure;
use super::handler::{Policy, Server};
use super::{VERSION, wire};
use crate::archive::SourceSummary;
use crate::catalog::{BackupFilter, BackupRecord, Job, JobFilter};
use crate::clock;
use crate::fsio;
use crate::job::{Kept, Parts, RestorePlan};
use crate::model::{BackupState, Class, JobKind, JobState, SourceName, VerifyResult};
use crate::source::Source;
use crate::store::Presence;

/// How many of the newest jobs are looked at.
const JOBS: u32 = 200;

pub(super) fn status(server: &Server) -> Result<Status, Failure> {
    let (parts, policy) = (server.parts(), server.policy());
    let now = parts.clock.now();
    let backups = backups(&parts)?;
    let jobs = parts.catalog.list_jobs(&JobFilter { unfinished: false, limit: Some(JOBS) })?;
    let sources: Vec<SourceStatus> =
        parts.sources.iter().map(|source| source_status(source, &backups, &policy, now)).collect();
    let store = store_status(&parts, &policy, &backups);
    let problems = problems(&parts, &backups, &jobs, &sources, &store);
    let protected_since =
        sources.iter().map(|source| source.newest_backup.as_ref().map(|point| point.created_at)).min();
    let wire_jobs = |state| {
        let wanted = jobs.iter().filter(move |job| job.state == state);
        wanted.map(|job| wire::job(job, server.queue.progress(job.id).as_ref(), &parts.catalog))
    };
    Ok(Status {
        verdict: verdict(&sources, &problems),
        generated_at: now.into(),
        protected_since: protected_since.flatten(),
        restore_estimate_seconds: restore_estimate(&jobs, &backups),
        problems,
        sources,
        newest_verified: newest(&backups, is_verified).map(point),
        store,
        kept: kept(&parts, &backups),
        running: wire_jobs(JobState::Running).collect(),
        queued: wire_jobs(JobState::Queued).rev().collect(),
        daemon: DaemonStatus {
            version: VERSION.to_owned(),
            started_at: server.started_at.into(),
            timezone: policy.timezone.iana_name().unwrap_or("UTC").to_owned(),
        },
    })
}

/// The backups as the store has them at this moment. The catalog learns of an archive that somebody removed or cut short
/// only when it is read or at the next start, and until then nobody is to be told that it protects them.
fn backups(parts: &Parts) -> Result<Vec<BackupRecord>, Failure> {
    // A store that is not there is a problem of its own.
    let presence = Presence::of(&*parts.store).ok();
    let mut backups = parts.catalog.list_backups(&BackupFilter { all: true, ..BackupFilter::default() })?;
    let Some(presence) = presence else { return Ok(backups) };
    let states = presence.states_of(&backups);
    for (backup, state) in backups.iter_mut().zip(states) {
        // Published after the store was listed.
        let is_new = || !presence.lists(&backup.filename) && is_there(parts, backup);
        if state != BackupState::Missing || !is_new() {
            backup.state = state;
        }
    }
    Ok(backups)
}

fn is_there(parts: &Parts, backup: &BackupRecord) -> bool {
    is_in_store(parts, &backup.filename)
}

/// By the safety backups: to count what lies there would mean to walk through it.
fn kept(parts: &Parts, backups: &[BackupRecord]) -> Vec<KeptData> {
    let kept = parts.restores.kept(parts).unwrap_or_else(|error| {
        tracing::warn!(error = %error.message, "what restores replaced cannot be listed");
        Vec::new()
    });
    let size_of = |kept: &Kept, name: &SourceName| {
        let saved = kept.safety_backups.iter().rev().filter_map(|id| backups.iter().find(|backup| backup.id == *id));
        saved.flat_map(|backup| &backup.sources).find(|held| held.name == *name).map(|held| held.size_bytes)
    };
    let wire = |kept: &Kept| KeptData {
        job_id: kept.job.to_string(),
        sources: kept.sources.iter().map(ToString::to_string).collect(),
        until: kept.until.map(Into::into),
        can_be_undone: kept.can_be_undone,
        size_bytes: kept.sources.iter().map(|name| size_of(kept, name)).sum(),
    };
    kept.iter().map(wire).collect()
}

fn source_status(source: &Arc<dyn Source>, backups: &[BackupRecord], policy: &Policy, now: Timestamp) -> SourceStatus {
    // What has the name but is of another kind is another thing.
    let is_it = |held: &SourceSummary| held.name == *source.name() && held.kind == source.kind();
    let holds = |backup: &BackupRecord| backup.sources.iter().any(is_it);
    let newest_backup = newest(backups, |backup| is_usable(backup) && holds(backup)).map(point);
    let age_seconds = newest_backup.as_ref().map(|point| point.created_at.seconds_until(now.into()));
    SourceStatus {
        name: source.name().to_string(),
        kind: wire::source_kind(source.kind()),
        newest_backup,
        age_seconds,
        rpo_seconds: Some(policy.objectives.rpo.as_secs()),
        newest_verified: newest(backups, |backup| is_verified(backup) && holds(backup)).map(point),
    }
}

fn is_usable(backup: &BackupRecord) -> bool {
    backup.state == BackupState::Available && backup.class == Class::Backup
}

fn is_verified(backup: &BackupRecord) -> bool {
    is_usable(backup) && backup.verify_result == Some(VerifyResult::Passed)
}

/// The catalog lists the newest first.
fn newest(backups: &[BackupRecord], wanted: impl Fn(&BackupRecord) -> bool) -> Option<&BackupRecord> {
    backups.iter().find(|backup| wanted(backup))
}

fn point(backup: &BackupRecord) -> BackupPoint {
    BackupPoint { id: backup.id.to_string(), filename: backup.filename.clone(), created_at: backup.created_at.into() }
}

fn store_status(parts: &Parts, policy: &Policy, backups: &[BackupRecord]) -> StoreStatus {
    let device = fsio::device_of(&policy.store_dir).ok();
    let shares = |source: &&Arc<dyn Source>| {
        let of_source = source.check().ok().and_then(|check| check.device);
        device.is_some() && of_source == device
    };
    let space = parts.store.space().ok();
    let here = backups.iter().filter(|backup| backup.state != BackupState::Missing);
    StoreStatus {
        dir: Octets::from_path(&policy.store_dir),
        same_device_as: parts.sources.iter().filter(shares).map(|source| source.name().to_string()).collect(),
        free_bytes: space.map(|space| space.free_bytes),
        total_bytes: space.map(|space| space.total_bytes),
        backups: here.clone().count() as u64,
        bytes: here.map(|backup| backup.size_bytes).sum(),
    }
}

fn problems(
    parts: &Parts,
    backups: &[BackupRecord],
    jobs: &[Job],
    sources: &[SourceStatus],
    store: &StoreStatus,
) -> Vec<Problem> {
    let latest_credible = clock::latest_credible(parts.clock.now()).into();
    let mut found = Vec::new();
    let mut say = |severity, what: String, next: &str| {
        found.push(Problem { severity, what, next: (!next.is_empty()).then(|| next.to_owned()) });
    };
    if let Err(error) = parts.store.check() {
        say(Severity::Critical, error.to_string(), "mount the backup disk");
    }
    found_in_catalog(parts, &mut say);
    for trouble in parts.restores.troubles() {
        // Its words name paths, which are for the log and the job.
        let what = format!("the restore by job {} is not settled: {}", trouble.job, trouble.unsettled.in_words());
        let next = format!("carelogctl job show {}; remove the cause, then restart carelogd", trouble.job);
        say(Severity::Critical, what, &next);
    }
    for source in sources {
        let ahead = source.newest_backup.as_ref().filter(|point| point.created_at > latest_credible);
        if let Some(point) = ahead {
            let what = format!(
                "the newest backup of source '{}' claims to be from the future, so its age says nothing: {}",
                source.name, point.filename
            );
            let next = format!(
                "look at the clock (date); if it is right, carelogctl backup, then carelogctl delete {}",
                point.id
            );
            say(Severity::Warning, what, &next);
        }
        match (source.age_seconds, source.rpo_seconds) {
            (None, _) => {
                let what = format!("source '{}' has no usable backup", source.name);
                say(Severity::Critical, what, "carelogctl backup");
            }
            (Some(age), Some(rpo)) if age > rpo => {
                let span = |seconds| humantime::format_duration(std::time::Duration::from_secs(seconds)).to_string();
                let what = format!(
                    "the newest backup of source '{}' is {} old; the objective is {}",
                    source.name,
                    span(age - age % 60),
                    span(rpo)
                );
                say(Severity::Warning, what, "carelogctl backup");
            }
            _ => {}
        }
    }
    for backup in backups.iter().filter(|b| matches!(b.state, BackupState::Corrupt | BackupState::Missing)) {
        let what = format!("{} is {}", backup.filename, backup.state);
        let next = if has_newer(backups, backup) {
            format!("carelogctl verify {id}; if it cannot be mended, carelogctl delete {id}", id = backup.id)
        } else {
            format!("carelogctl verify {}; then carelogctl backup", backup.id)
        };
        say(Severity::Warning, what, &next);
    }
    for kind in [JobKind::Backup, JobKind::Restore, JobKind::Verify] {
        let last = jobs.iter().find(|job| job.spec.kind() == kind && job.state.is_final());
        if let Some(job) = last.filter(|job| matches!(job.state, JobState::Failed | JobState::Interrupted)) {
            let next = format!("carelogctl job show {}", job.id);
            say(Severity::Warning, format!("the last {kind} job {}", ended(job.state)), &next);
        }
    }
    if !store.same_device_as.is_empty() {
        let what = format!(
            "the backups lie on the same disk as {}: they protect from mistakes, not from the loss of that disk",
            store.same_device_as.join(", ")
        );
        say(Severity::Notice, what, "put [backup] dir on another disk");
    }
    found.sort_by_key(|problem| match problem.severity {
        Severity::Critical => 0,
        Severity::Warning => 1,
        Severity::Notice => 2,
    });
    found
}

/// Whether each source of `backup` has a newer backup that can be restored.
fn has_newer(backups: &[BackupRecord], backup: &BackupRecord) -> bool {
    let newer = || backups.iter().take_while(|other| other.id != backup.id).filter(|other| is_usable(other));
    backup.sources.iter().all(|held| newer().any(|other| other.sources.iter().any(|o| o.name == held.name)))
}

/// What the catalog has to tell of itself and of the store as a whole.
fn found_in_catalog(parts: &Parts, say: &mut impl FnMut(Severity, String, &str)) {
    let catalog = &parts.catalog;
    if catalog.is_disk_full() {
        let what = "the catalog cannot be written: the disk of the state folder is full".to_owned();
        say(Severity::Critical, what, "free space there (df), then carelogctl backup");
    }
    match catalog.unreadable_archives() {
        Ok(unreadable) => {
            for archive in unreadable.iter().filter(|archive| is_in_store(parts, &archive.filename)) {
                let what = format!("{} cannot be read: what is in it is not known", archive.filename);
                say(Severity::Warning, what, "carelogctl verify --all says why; put a sound copy in its place");
            }
        }
        Err(error) => say(Severity::Critical, error.to_string(), ""),
    }
    match catalog.removal_waits() {
        Ok(Some(waits)) => {
            let what = format!("nothing is removed from the store by itself since {:.0}: {}", waits.since, waits.why);
            let next = "look that every archive is there (carelogctl list --all), then carelogctl verify --all";
            say(Severity::Warning, what, next);
        }
        Ok(None) => {}
        Err(error) => say(Severity::Critical, error.to_string(), ""),
    }
}

fn is_in_store(parts: &Parts, filename: &str) -> bool {
    filename.parse().is_ok_and(|name| parts.store.open(&name).is_ok())
}

const fn ended(state: JobState) -> &'static str {
    match state {
        JobState::Interrupted => "was interrupted",
        _ => "failed",
    }
}

fn verdict(sources: &[SourceStatus], problems: &[Problem]) -> Verdict {
    if sources.iter().any(|source| source.newest_backup.is_none()) {
        Verdict::Unprotected
    } else if problems.iter().any(|problem| problem.severity != Severity::Notice) {
        Verdict::AtRisk
    } else {
        Verdict::Protected
    }
}

/// A restore is taken as the measure of one that is at most this many times as large.
const LEAST_SHARE: u64 = 10;

/// How long a restore of the newest backup takes.
fn restore_estimate(jobs: &[Job], backups: &[BackupRecord]) -> Option<u64> {
    estimate(jobs, newest(backups, is_usable)?.raw_bytes)
}

/// How long a restore of `bytes` takes, by what the last one of live data took, and how much more or less there is now.
/// One of much less tells nothing: most of its time went into what does not grow with the size.
fn estimate(jobs: &[Job], bytes: u64) -> Option<u64> {
    let ended = |job: &&Job| matches!(job.state, JobState::Succeeded | JobState::Warned);
    let bytes_of = |job: &Job| job.outcome.as_ref()?.notes.get("bytes")?.as_u64().filter(|bytes| *bytes > 0);
    let mut restores = jobs.iter().filter(ended).filter(|job| job.spec.replaces_live_data());
    let (last, then) = restores.find_map(|job| {
        let then = bytes_of(job)?;
        (then.saturating_mul(LEAST_SHARE) >= bytes).then_some((job, then))
    })?;
    let took: SignedDuration = last.finished_at?.duration_since(last.started_at?);
    let milliseconds = u128::try_from(took.as_millis()).ok()?.max(1);
    u64::try_from(milliseconds * u128::from(bytes) / u128::from(then) / 1000).ok().map(|seconds| seconds.max(1))
}

/// How long the restore of `plan` takes.
pub(super) fn plan_estimate(server: &Server, plan: &RestorePlan) -> Result<Option<u64>, Failure> {
    let jobs = server.parts().catalog.list_jobs(&JobFilter { unfinished: false, limit: Some(JOBS) })?;
    let bytes = plan.sources.iter().fold(0_u64, |sum, source| sum.saturating_add(source.bytes));
    Ok(estimate(&jobs, bytes))
}

/// `status.json` beside the socket.
#[derive(Debug)]
pub struct StatusFile {
    server: Arc<Server>,
    path: PathBuf,
}

impl StatusFile {
    /// The file in the folder of `socket`.
    #[must_use]
    pub fn beside(socket: &Path, server: Arc<Server>) -> Self {
        Self { server, path: socket.with_file_name("status.json") }
    }

    /// Writes it anew, readable for everybody. Not fsynced: it is of no use after a power cut. Blocks.
    pub fn write(&self) {
        if let Err(error) = self.try_write() {
            tracing::warn!(%error, "{} could not be written", self.path.display());
        }
    }

    fn try_write(&self) -> anyhow::Result<()> {
        let mut status = status(&self.server).map_err(|failure| failure.0)?;
        for job in status.running.iter_mut().chain(&mut status.queued) {
            // Warnings and errors name files of sources.
            (job.result, job.error) = (None, None);
        }
        let json = serde_json::to_vec_pretty(&Document::new(Document::STATUS, status))?;
        fsio::replace(&self.path, &json, 0o644)?;
        Ok(())
    }
}
