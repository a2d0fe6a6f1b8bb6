//! The changes in a job's life. Each is one transaction that takes its audit record with it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};

use super::lookup::{by_id, many};
use super::rows::{self, job_in};
use super::{Job, JobEnd, JobError, JobOutcome, Lane, NewJob};
use crate::audit::{Actor, Entry};
use crate::catalog::{Catalog, CatalogError, audit, backup};
use crate::model::{AuditOutcome, ErrorCode, JobId, JobState};
use crate::progress::Phase;

impl Catalog {
    /// Adds a waiting job. Once this returns the job will be run, whatever happens to the daemon.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn enqueue(&self, job: &NewJob, actor: &Actor) -> Result<Job, CatalogError> {
        self.write(|tx| add(tx, job, actor, &[]))
    }

    /// Takes the next job of `lane`: the oldest of the highest priority. It is running from then on.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn claim_next(&self, lane: Lane, now: Timestamp) -> Result<Option<Job>, CatalogError> {
        self.write(|tx| {
            let sql = "SELECT * FROM jobs WHERE state = 'queued' AND lane = ?1 ORDER BY priority DESC, seq LIMIT 1";
            let Some(mut job) = tx.prepare_cached(sql)?.query_row([lane.as_str()], job_in).optional()? else {
                return Ok(None);
            };
            job.state = JobState::Running;
            job.started_at = Some(now);
            rows::update(tx, &job)?;
            let entry = Entry::new(now, Actor::daemon("queue"), "job.start", job.id).with("kind", job.spec.kind());
            audit::append(tx, &entry)?;
            Ok(Some(job))
        })
    }

    /// Ends a running job, and adds the backup that it made.
    ///
    /// # Errors
    /// [`CatalogError::WrongState`] when it does not run; or another.
    pub fn finish_job(&self, id: JobId, end: &JobEnd, phases: Vec<Phase>, now: Timestamp) -> Result<Job, CatalogError> {
        self.write(move |tx| {
            let mut job = in_state(tx, id, JobState::Running)?;
            if let Some(backup) = &end.backup {
                backup::insert(tx, backup)?;
            }
            job.phases.clone_from(&phases);
            end_job(tx, &mut job, end.outcome.clone(), now, &Actor::daemon("queue"))?;
            Ok(job)
        })
    }

    /// Cancels the job if it still waits. `None` when it does not.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchJob`], or another.
    pub fn cancel_queued(&self, id: JobId, now: Timestamp, actor: &Actor) -> Result<Option<Job>, CatalogError> {
        self.write(|tx| {
            let mut job = by_id(tx, id)?;
            if job.state != JobState::Queued {
                return Ok(None);
            }
            let error = JobError {
                code: ErrorCode::Cancelled,
                message: format!("cancelled by {} before it began", actor.user),
                hint: String::new(),
            };
            end_job(tx, &mut job, JobOutcome::ended_by(error), now, actor)?;
            Ok(Some(job))
        })
    }

    /// At start-up: ends what ran when the daemon ended, and what waits to write into a directory whose descriptor ended
    /// with it. Returns these jobs, oldest first.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn mark_interrupted(&self, now: Timestamp) -> Result<Vec<Job>, CatalogError> {
        self.write(|tx| {
            let sql = "SELECT * FROM jobs WHERE state = 'running'
                OR (state = 'queued' AND spec_json ->> '$.to_directory' = 1) ORDER BY seq";
            let mut jobs = many(tx, sql, [])?;
            for job in &mut jobs {
                let why = match job.state {
                    JobState::Running => "the daemon ended while it ran",
                    _ => "the daemon ended while it waited, and with it the way to its directory",
                };
                end_job(tx, job, JobOutcome::interrupted(why), now, &Actor::daemon("recovery"))?;
            }
            Ok(jobs)
        })
    }
}

/// Adds a waiting job, as part of a transaction. `also` stands in the audit trail besides what the job is to do.
pub(in crate::catalog) fn add(
    tx: &Connection,
    job: &NewJob,
    actor: &Actor,
    also: &[(&str, String)],
) -> Result<Job, CatalogError> {
    rows::insert(tx, job)?;
    let (parameters, reason) = job.spec.for_audit();
    let entry = Entry::new(job.requested_at, actor.clone(), "job.enqueue", job.id).because(reason);
    let entry = also.iter().fold(Entry { parameters, ..entry }, |entry, (name, value)| entry.with(name, value));
    audit::append(tx, &entry)?;
    by_id(tx, job.id)
}

fn in_state(tx: &Connection, id: JobId, expected: JobState) -> Result<Job, CatalogError> {
    let job = by_id(tx, id)?;
    if job.state == expected { Ok(job) } else { Err(CatalogError::WrongState { id, expected, found: job.state }) }
}

fn end_job(
    tx: &Connection,
    job: &mut Job,
    outcome: JobOutcome,
    now: Timestamp,
    actor: &Actor,
) -> Result<(), CatalogError> {
    let mut entry =
        Entry::new(now, actor.clone(), "job.end", job.id).with("kind", job.spec.kind()).with("state", outcome.state);
    for (name, id) in [("backup", outcome.backup_id), ("safety_backup", outcome.safety_backup_id)] {
        if let Some(id) = id {
            entry = entry.with(name, id);
        }
    }
    if let Some(error) = &outcome.error {
        entry = entry.with("code", error.code).because(&error.message);
    }
    if matches!(outcome.state, JobState::Failed | JobState::Interrupted) {
        entry = entry.ended(AuditOutcome::Failed);
    }
    job.state = outcome.state;
    job.finished_at = Some(now);
    job.outcome = Some(outcome);
    rows::update(tx, job)?;
    audit::append(tx, &entry)
}
