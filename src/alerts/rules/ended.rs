//! Jobs that ended badly, until one like them ends well.

use jiff::SignedDuration;

use crate::alerts::condition::Condition;
use crate::alerts::state::{SourceState, State};
use crate::catalog::{Job, JobSpec};
use crate::model::{ErrorCode, EventKind, JobState, Severity};

/// A restore that failed was taken back: what is not asked for again within this time is not wanted any more.
const RESTORE_COUNTS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The last backup that covered a source failed.
pub(super) fn backup_failed(state: &State) -> Vec<Condition> {
    let condition = |source: &SourceState| {
        let last = state.ended.backups.iter().find(|job| counts(job) && covers(job, source))?;
        has_failed(last).then(|| {
            let message =
                format!("the last backup job that covered source '{}' {}", source.name, how_it_ended(last.state));
            let key = format!("backup_failed/{}", source.name);
            failed(key, EventKind::BackupFailure, message, last)
        })
    };
    state.sources.iter().filter_map(condition).collect()
}

fn covers(job: &Job, source: &SourceState) -> bool {
    let JobSpec::Backup(spec) = &job.spec else { return false };
    // One that ended before the source was configured did not cover it.
    spec.scope.covers(source.kind)
        && (spec.sources.is_empty() || spec.sources.contains(&source.name))
        && job.finished_at.is_some_and(|at| at >= source.known_since)
}

/// The last restore of live data failed.
pub(super) fn restore_failed(state: &State) -> Vec<Condition> {
    let last = state.ended.restores.iter().find(|job| counts(job) && job.spec.replaces_live_data());
    let is_recent = |job: &&Job| job.finished_at.is_some_and(|at| state.now.duration_since(at) < RESTORE_COUNTS);
    last.filter(|job| has_failed(job))
        .filter(is_recent)
        .map(|job| {
            let message = format!("the last restore job {}", how_it_ended(job.state));
            failed("restore_failed".to_owned(), EventKind::RestoreFailure, message, job)
        })
        .into_iter()
        .collect()
}

/// The last verification or the last removal failed.
pub(super) fn others_failed(state: &State) -> Vec<Condition> {
    let last = |jobs: &[Job]| jobs.iter().find(|job| counts(job)).filter(|job| has_failed(job)).cloned();
    let verify = last(&state.ended.verifications).map(|job| {
        let message = format!("the last verify job {}", how_it_ended(job.state));
        failed("verify_failed".to_owned(), EventKind::VerifyFailure, message, &job)
    });
    let removals: Vec<Job> = state.ended.removals.iter().filter(|job| !was_refused(job)).cloned().collect();
    let prune = last(&removals).map(|job| {
        let message = format!("the last prune job {}", how_it_ended(job.state));
        let next = format!("carelogctl job show {}", job.id);
        Condition::shown("prune_failed".to_owned(), Severity::Warning, message, &next)
    });
    verify.into_iter().chain(prune).collect()
}

fn failed(key: String, event: EventKind, message: String, job: &Job) -> Condition {
    let next = format!("carelogctl job show {}", job.id);
    Condition { is_told_by_job: true, ..Condition::alert(key, event, Severity::Warning, message, &next) }
}

/// Whoever asked to delete a backup that has to stay was told so, and nothing is wrong.
fn was_refused(job: &Job) -> bool {
    let code = job.outcome.as_ref().and_then(|outcome| outcome.error.as_ref()).map(|error| error.code);
    matches!(job.spec, JobSpec::Prune(_)) && matches!(code, Some(ErrorCode::Refused | ErrorCode::Conflict))
}

/// One that a person stopped says nothing.
fn counts(job: &Job) -> bool {
    job.state.is_final() && job.state != JobState::Cancelled
}

const fn has_failed(job: &Job) -> bool {
    matches!(job.state, JobState::Failed | JobState::Interrupted)
}

const fn how_it_ended(state: JobState) -> &'static str {
    match state {
        JobState::Interrupted => "was interrupted",
        _ => "failed",
    }
}
