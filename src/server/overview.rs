//! Are we protected, since when, how fast can we be back, and what is wrong.
//!
//! Also kept in a file beside the socket, so that it can be told while the daemon is dead. That file is for everybody, so
//! nothing here names a file of a source.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use carelog_rpc::{
    BackupPoint, DaemonStatus, Document, KeptData, NoticesStatus, Octets, Problem, SourceStatus, Status, StoreStatus,
    Verdict,
};

use super::failure::Failure;
use super::handler::{Policy, Server};
use super::{VERSION, wire};
use crate::alerts::{Condition, Outlook, SourceState, State, conditions, restore_time};
use crate::catalog::{BackupRecord, Job, JobFilter};
use crate::fsio;
use crate::job::{Kept, Parts, RestorePlan};
use crate::model::{BackupState, JobKind, JobState, Severity, SourceName};

/// How many of the newest restores are looked at for how long one takes.
const RESTORES: u32 = 50;

pub(super) fn status(server: &Server) -> Result<Status, Failure> {
    status_of(server, &server.alerts.observe()?)
}

/// The status when everything is as in `state`.
fn status_of(server: &Server, state: &State) -> Result<Status, Failure> {
    let (parts, policy) = (server.parts(), server.policy());
    let found = conditions(state);
    let unfinished = parts.catalog.list_jobs(&JobFilter { unfinished: true, limit: None })?;
    let wire_jobs = |wanted| {
        let jobs = unfinished.iter().filter(move |job: &&Job| job.state == wanted);
        jobs.map(|job| wire::job(job, server.queue.progress(job.id).as_ref(), &parts.catalog))
    };
    let firing = parts.catalog.firing_alerts()?;
    let newest_of_each = state.sources.iter().map(|source| source.newest.as_ref().map(|backup| backup.created_at));
    let newest_verified = state.sources.iter().filter_map(|source| source.newest_verified.as_ref());
    Ok(Status {
        verdict: verdict(state, &found),
        generated_at: state.now.into(),
        protected_since: newest_of_each.min().flatten().map(Into::into),
        restore_estimate_seconds: state.restore_time.map(|time| time.seconds),
        rto_seconds: state.rto.as_secs(),
        restore_was_measured: state.restore_time.is_some_and(|time| time.is_measured),
        alerts: wire::worst_first(&firing),
        notices: NoticesStatus {
            waiting: state.notices.waiting,
            given_up: state.notices.given_up,
            last_error: state.notices.last_error.clone(),
        },
        contact: server.alerts.settings().alerts.contact.clone(),
        problems: found.iter().map(problem).collect(),
        sources: state.sources.iter().map(|source| source_status(source, state)).collect(),
        newest_verified: newest_verified.max_by_key(|backup| backup.created_at).map(point),
        store: store_status(state, &policy),
        kept: kept(&parts, &state.backups),
        running: wire_jobs(JobState::Running).collect(),
        queued: wire_jobs(JobState::Queued).rev().collect(),
        daemon: DaemonStatus {
            version: VERSION.to_owned(),
            started_at: server.started_at.into(),
            timezone: policy.timezone.iana_name().unwrap_or("UTC").to_owned(),
        },
    })
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

fn source_status(source: &SourceState, state: &State) -> SourceStatus {
    let age = |backup: &BackupRecord| {
        Duration::try_from(state.now.duration_since(backup.created_at)).unwrap_or_default().as_secs()
    };
    let next_of = |outlook: &Outlook| outlook.next_backups.get(&source.name).copied();
    SourceStatus {
        name: source.name.to_string(),
        kind: wire::source_kind(source.kind),
        newest_backup: source.newest.as_ref().map(point),
        age_seconds: source.newest.as_ref().map(age),
        rpo_seconds: Some(source.rpo.as_secs()),
        next_backup_at: state.outlook.as_ref().and_then(next_of).map(Into::into),
        newest_verified: source.newest_verified.as_ref().map(point),
        restore_estimate_seconds: source.restore_time.map(|time| time.seconds),
        rto_seconds: source.own_rto.unwrap_or(state.rto).as_secs(),
    }
}

fn point(backup: &BackupRecord) -> BackupPoint {
    BackupPoint { id: backup.id.to_string(), filename: backup.filename.clone(), created_at: backup.created_at.into() }
}

fn store_status(state: &State, policy: &Policy) -> StoreStatus {
    let store = &state.store;
    let here = state.backups.iter().filter(|backup| backup.state != BackupState::Missing);
    StoreStatus {
        dir: Octets::from_path(&policy.store_dir),
        same_device_as: store.same_device_as.iter().map(ToString::to_string).collect(),
        free_bytes: store.space.map(|space| space.free_bytes),
        total_bytes: store.space.map(|space| space.total_bytes),
        days_until_full: store.days_until_full,
        backups: here.count() as u64,
        bytes: store.bytes,
    }
}

fn problem(condition: &Condition) -> Problem {
    Problem {
        severity: wire::severity(condition.severity),
        what: condition.message.clone(),
        next: Some(condition.next_step.clone()).filter(|next| !next.is_empty()),
    }
}

fn verdict(state: &State, found: &[Condition]) -> Verdict {
    if state.sources.iter().any(|source| source.newest.is_none()) {
        Verdict::Unprotected
    } else if found.iter().any(|condition| condition.severity != Severity::Notice) {
        Verdict::AtRisk
    } else {
        Verdict::Protected
    }
}

/// How long the restore of `plan` takes.
pub(super) fn plan_estimate(server: &Server, plan: &RestorePlan) -> Result<Option<u64>, Failure> {
    let restores = server.parts().catalog.ended_jobs(JobKind::Restore, RESTORES)?;
    let bytes = plan.sources.iter().fold(0_u64, |sum, source| sum.saturating_add(source.bytes));
    Ok(restore_time(&restores, bytes).map(|time| time.seconds))
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

    /// Writes it anew, of `state`, readable for everybody. Not fsynced: it is of no use after a power cut. Blocks.
    pub fn write(&self, state: &State) {
        if let Err(error) = self.try_write(state) {
            tracing::warn!(%error, "{} could not be written", self.path.display());
        }
    }

    fn try_write(&self, state: &State) -> anyhow::Result<()> {
        let mut status = status_of(&self.server, state).map_err(|failure| failure.0)?;
        for job in status.running.iter_mut().chain(&mut status.queued) {
            // Warnings and errors name files of sources.
            (job.result, job.error) = (None, None);
        }
        // What a mail server answers names those who are written to.
        status.notices.last_error = None;
        let json = serde_json::to_vec_pretty(&Document::new(Document::STATUS, status))?;
        fsio::replace(&self.path, &json, 0o644)?;
        Ok(())
    }
}
