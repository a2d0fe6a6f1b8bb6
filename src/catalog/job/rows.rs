//! Jobs as rows.

use rusqlite::{Connection, Row, named_params};

use super::{Job, NewJob};
use crate::catalog::CatalogError;
use crate::catalog::column::{json, json_or_null, ms, time, time_or_null, word};

/// Adds a waiting job, as part of a transaction.
pub(super) fn insert(tx: &Connection, job: &NewJob) -> Result<(), CatalogError> {
    let sql = "INSERT INTO jobs (id, kind, lane, state, priority, spec_json, requested_by_json, requested_at_ms)
        VALUES (:id, :kind, :lane, 'queued', :priority, :spec, :requested_by, :requested_at)";
    tx.prepare_cached(sql)?.execute(named_params! {
        ":id": job.id.to_string(),
        ":kind": job.spec.kind().as_str(),
        ":lane": job.spec.lane().as_str(),
        ":priority": job.priority,
        ":spec": serde_json::to_string(&job.spec)?,
        ":requested_by": serde_json::to_string(&job.requested_by)?,
        ":requested_at": ms(job.requested_at),
    })?;
    Ok(())
}

/// Writes all of `job` that changes in its life.
pub(super) fn update(tx: &Connection, job: &Job) -> Result<(), CatalogError> {
    let sql = "UPDATE jobs SET state = :state, started_at_ms = :started_at, finished_at_ms = :finished_at,
        phases_json = :phases, outcome_json = :outcome WHERE id = :id";
    tx.prepare_cached(sql)?.execute(named_params! {
        ":id": job.id.to_string(),
        ":state": job.state.as_str(),
        ":started_at": job.started_at.map(ms),
        ":finished_at": job.finished_at.map(ms),
        ":phases": serde_json::to_string(&job.phases)?,
        ":outcome": job.outcome.as_ref().map(serde_json::to_string).transpose()?,
    })?;
    Ok(())
}

/// Reads one job.
pub(super) fn job_in(row: &Row<'_>) -> rusqlite::Result<Job> {
    Ok(Job {
        id: word(row, "id")?,
        spec: json(row, "spec_json")?,
        state: word(row, "state")?,
        priority: row.get("priority")?,
        requested_by: json(row, "requested_by_json")?,
        requested_at: time(row, "requested_at_ms")?,
        started_at: time_or_null(row, "started_at_ms")?,
        finished_at: time_or_null(row, "finished_at_ms")?,
        phases: json(row, "phases_json")?,
        outcome: json_or_null(row, "outcome_json")?,
    })
}
