//! One lane: claims a job, runs it, records its end, and again.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::StartError;
use super::state::{Running, Shared};
use crate::catalog::{BackupRecord, CatalogError, Job, JobEnd, JobError, JobOutcome, Lane};
use crate::failpoint;
use crate::model::{ErrorCode, JobId, JobState};
use crate::progress::Progress;

/// How long a lane waits before it tries again what the catalog refused, for example because the disk is full.
const RETRY_CATALOG: Duration = Duration::from_secs(5);

/// Starts the thread of `lane`.
pub(super) fn spawn(shared: &Arc<Shared>, lane: Lane) -> Result<(), StartError> {
    let its_own = Arc::clone(shared);
    // Counted here, so that a shutdown right behind the start waits for it.
    shared.lock().lanes += 1;
    let name = format!("{}-lane", lane.as_str());
    let spawned = std::thread::Builder::new().name(name).spawn(move || run(&its_own, lane));
    spawned.map(drop).map_err(|source| {
        shared.lock().lanes -= 1;
        StartError::Thread { lane: lane.as_str(), source }
    })
}

fn run(shared: &Shared, lane: Lane) {
    while let Some((job, progress)) = next_job(shared, lane) {
        let directory = shared.lock().directories.remove(&job.id);
        let ran = catch_unwind(AssertUnwindSafe(|| shared.runner.run(&job, directory, &progress)));
        let end = ran.unwrap_or_else(|panic| panicked(&job, &*panic).into());
        record_end(shared, job.id, end, &progress);
    }
    shared.lock().lanes -= 1;
    shared.wake.notify_all();
}

/// Claims the next job, sleeping until there is one; `None` when the queue stops.
fn next_job(shared: &Shared, lane: Lane) -> Option<(Job, Progress)> {
    let mut state = shared.lock();
    loop {
        if state.stopping {
            return None;
        }
        let seen = state.arrivals;
        let claimed = shared.catalog.claim_next(lane, shared.clock.now());
        let retry = match claimed {
            Ok(Some(job)) => {
                let progress = Progress::new(CancellationToken::new());
                let repeatable = job.spec.is_repeatable();
                let running = Running {
                    progress: progress.clone(),
                    repeatable,
                    lane,
                    yields: job.spec.yields(),
                    makes_way_for: None,
                    cancelled_on_request: false,
                };
                state.running.insert(job.id, running);
                state.announce_start(job.id, progress.clone());
                shared.tell_change();
                return Some((job, progress));
            }
            Ok(None) => None,
            Err(error) => {
                tracing::error!(lane = lane.as_str(), %error, "the next job could not be claimed");
                Some(RETRY_CATALOG)
            }
        };
        state = shared.wait_for_arrival(state, seen, retry);
    }
}

/// Records the end of a job, however long the catalog takes to accept it. When the queue stops first, the next start
/// marks the job interrupted.
fn record_end(shared: &Shared, id: JobId, mut end: JobEnd, progress: &Progress) {
    let now = shared.clock.now();
    let phases = progress.finish(now);
    let mut state = shared.lock();
    let asked = state.running.get(&id).is_some_and(|running| running.cancelled_on_request);
    if end.outcome.state == JobState::Cancelled && state.stopping && !asked {
        let JobOutcome { state, error, .. } = JobOutcome::interrupted("the daemon was shut down while it ran");
        end.outcome = JobOutcome { state, error, ..end.outcome };
    }
    let makes_way_for = state.running.get(&id).and_then(|running| running.makes_way_for);
    if let (JobState::Cancelled, Some(restore), Some(error)) =
        (end.outcome.state, makes_way_for, &mut end.outcome.error)
    {
        error.message = format!("cancelled: it made way for the restore by job {restore}");
        "ask for it again when that is done".clone_into(&mut error.hint);
    }
    let recorded = loop {
        let seen = state.arrivals;
        let passed = failpoint::pass("queue.record_end").map_err(CatalogError::Injected);
        let error = match passed.and_then(|()| shared.catalog.finish_job(id, &end, phases.clone(), now)) {
            Ok(job) => break Some(job.state),
            Err(error) => error,
        };
        tracing::error!(JOB_ID = %id, %error, "the end of a job could not be recorded");
        match end.backup.take_if(|_| error.is_permanent()) {
            // Without the backup it may be accepted; the archive itself is taken in at the next start.
            Some(backup) => end.outcome = unrecorded(&backup, &error),
            None if state.stopping || error.is_permanent() => break None,
            None => state = shared.wait_for_arrival(state, seen, Some(RETRY_CATALOG)),
        }
    };
    state.running.remove(&id);
    state.announce_end(id, recorded.unwrap_or(JobState::Interrupted));
    shared.tell_change();
}

fn unrecorded(backup: &BackupRecord, error: &CatalogError) -> JobOutcome {
    JobOutcome::ended_by(JobError {
        code: ErrorCode::Failed,
        message: format!("the archive '{}' was written, but {error}", backup.filename),
        hint: "restart carelogd: it takes the archive in from the store".to_owned(),
    })
}

fn panicked(job: &Job, panic: &(dyn Any + Send)) -> JobOutcome {
    let why = panic.downcast_ref::<&str>().copied();
    let why = why.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown");
    tracing::error!(JOB_ID = %job.id, why, "a job panicked");
    JobOutcome::ended_by(JobError {
        code: ErrorCode::Failed,
        message: format!("the {} job came upon a mistake in carelogd: {why}", job.spec.kind()),
        hint: "please report it with the daemon's log".to_owned(),
    })
}
