//! Restores that a crash interrupted: settled before anybody is served, and their jobs ended accordingly.

use crate::catalog::{Catalog, CatalogError, Job, JobEnd};
use crate::job::{Parts, sweep_interrupted};
use crate::model::JobState;

/// Makes live data whole, and records what became of the jobs. To be called before the queue marks the rest interrupted.
pub(super) fn settle_restores(parts: &Parts) -> anyhow::Result<()> {
    for recovered in parts.restores.recover(parts)? {
        let id = recovered.job;
        if !still_runs(&parts.catalog, &recovered)? {
            continue;
        }
        let state = recovered.outcome.state;
        let end = JobEnd::from(recovered.outcome);
        parts.catalog.finish_job(id, &end, Vec::new(), parts.clock.now())?;
        tracing::warn!(job_id = %id, "the daemon ended during this restore; it is settled: {state}");
    }
    parts.restores.discard_expired(parts, None);
    Ok(())
}

/// A catalog that was rebuilt since does not know the job; one that was ended says so already.
fn still_runs(catalog: &Catalog, recovered: &crate::job::Recovered) -> Result<bool, CatalogError> {
    match catalog.job(recovered.job) {
        Ok(job) => Ok(job.state == JobState::Running),
        Err(CatalogError::NoSuchJob(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Starts applications that interrupted restores had stopped, and removes what other `interrupted` jobs left, on a thread of
/// its own: the daemon is ready meanwhile.
pub(super) fn start_applications(parts: std::sync::Arc<Parts>, interrupted: Vec<Job>) {
    let name = "settle".to_owned();
    let settle = move || {
        parts.restores.finish_recovery(&parts);
        sweep_interrupted(&parts, &interrupted);
    };
    let spawned = std::thread::Builder::new().name(name).spawn(settle);
    if let Err(error) = spawned {
        tracing::error!(%error, "no thread to settle restores; restart carelogd");
    }
}
