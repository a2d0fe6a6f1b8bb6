//! Jobs on the wire.

use carelog_rpc as rpc;
use serde_json::Value;

use super::{job_kind, job_state, requester};
use crate::catalog::{Catalog, Job, JobOutcome, JobSpec};
use crate::model::{BackupId, JobKind, SourceName};
use crate::progress::Snapshot;
use crate::server::failure::error_reply;

pub(in crate::server) fn job(job: &Job, running: Option<&Snapshot>, catalog: &Catalog) -> rpc::Job {
    let outcome = job.outcome.as_ref();
    let named = match &job.spec {
        JobSpec::Restore(spec) => Some(spec.backup),
        JobSpec::Verify(spec) if spec.backups.len() == 1 => spec.backups.first().copied(),
        _ => None,
    };
    rpc::Job {
        id: job.id.to_string(),
        kind: job_kind(job.spec.kind()),
        title: title(&job.spec, catalog),
        state: job_state(job.state),
        priority: i32::try_from(job.priority).unwrap_or(i32::MAX),
        requested_by: requester(&job.requested_by),
        requested_at: job.requested_at.into(),
        started_at: job.started_at.map(Into::into),
        finished_at: job.finished_at.map(Into::into),
        progress: running.map(progress),
        phases: job
            .phases
            .iter()
            .map(|phase| rpc::JobPhase {
                name: phase.name.clone(),
                started_at: phase.started_at.into(),
                finished_at: phase.finished_at.map(Into::into),
            })
            .collect(),
        result: outcome.map(result),
        error: outcome.and_then(|outcome| outcome.error.as_ref()).map(error_reply),
        backup_id: outcome.and_then(|outcome| outcome.backup_id).or(named).map(|id| id.to_string()),
        safety_backup_id: outcome.and_then(|outcome| outcome.safety_backup_id).map(|id| id.to_string()),
    }
}

/// The running job that `waiting` waits for.
pub(in crate::server) fn job_in_the_way(running: &Job, waiting: &Job, catalog: &Catalog) -> rpc::JobInTheWay {
    rpc::JobInTheWay {
        id: running.id.to_string(),
        kind: job_kind(running.spec.kind()),
        title: title(&running.spec, catalog),
        yields: waiting.spec.kind() == JobKind::Restore && running.spec.yields(),
    }
}

/// The counters alone; whoever watches measures the rate.
fn progress(now: &Snapshot) -> rpc::JobProgress {
    rpc::JobProgress {
        phase: now.phase.clone(),
        done_bytes: now.done_bytes,
        total_bytes: (now.total_bytes > 0).then_some(now.total_bytes),
        done_files: now.done_files,
        total_files: (now.total_files > 0).then_some(now.total_files),
        rate: 0,
        eta_seconds: None,
    }
}

fn result(outcome: &JobOutcome) -> rpc::JobResult {
    let number = |name: &str| outcome.notes.get(name).and_then(Value::as_u64).unwrap_or(0);
    let lines = |name: &str| -> Vec<String> {
        let list = outcome.notes.get(name).and_then(Value::as_array);
        list.map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect()).unwrap_or_default()
    };
    let (warnings, more_warnings) = rpc::codec::listed(&outcome.warnings);
    let (damage, more_damage) = rpc::codec::listed(&lines("damage"));
    rpc::JobResult {
        summary: outcome.notes.get("summary").and_then(Value::as_str).map(str::to_owned),
        files: number("files"),
        bytes: number("bytes"),
        warnings,
        damage,
        omitted: more_warnings + more_damage + number("omitted"),
    }
}

fn title(spec: &JobSpec, catalog: &Catalog) -> String {
    let filename = |id: &BackupId| catalog.backup(*id).map_or_else(|_| id.to_string(), |backup| backup.filename);
    let names = |names: &[SourceName]| names.iter().map(SourceName::as_str).collect::<Vec<_>>().join(", ");
    match spec {
        JobSpec::Backup(spec) if spec.sources.is_empty() => match spec.scope {
            crate::model::Scope::All => "all sources".to_owned(),
            scope => format!("scope {scope}"),
        },
        JobSpec::Backup(spec) => names(&spec.sources),
        JobSpec::Restore(spec) => {
            let what = if spec.sources.is_empty() { "everything".to_owned() } else { names(&spec.sources) };
            let what = if spec.paths.is_empty() { what } else { spec.paths.join(", ") };
            let place = match &spec.to_database {
                Some(database) => format!(" into the database {database}"),
                None if spec.to_directory => " into a directory".to_owned(),
                None => String::new(),
            };
            format!("{what} from {}{place}", filename(&spec.backup))
        }
        JobSpec::Undo(spec) => format!("undo of job {}", spec.restore),
        JobSpec::Verify(spec) => match &spec.backups[..] {
            [] if spec.oldest => "the backup that was verified longest ago".to_owned(),
            [] => "every backup".to_owned(),
            backups => backups.iter().map(filename).collect::<Vec<_>>().join(", "),
        },
        JobSpec::Prune(spec) => spec.backups.iter().map(filename).collect::<Vec<_>>().join(", "),
        JobSpec::Expire(_) => "by the retention rules".to_owned(),
    }
}
