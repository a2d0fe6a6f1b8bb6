//! What the retention plan is made from: the catalog, held against what the store has at this moment.

use std::collections::HashMap;

use super::super::context::{Parts, is_meant};
use crate::catalog::{BackupFilter, BackupRecord, Hold, Job, JobError, JobSpec};
use crate::model::{JobState, VerifyResult};
use crate::retention::{Candidate, HeldBy, RetentionInput, SourceFacts};
use crate::store::Presence;

/// Every backup, newest first, in the state that the store shows; and the plan's input from them.
pub(super) fn gather(parts: &Parts) -> Result<(Vec<BackupRecord>, RetentionInput), JobError> {
    let presence = Presence::of(&*parts.store)?;
    let mut records = parts.catalog.list_backups(&BackupFilter { all: true, ..BackupFilter::default() })?;
    let states = presence.states_of(&records);
    for (record, state) in records.iter_mut().zip(states) {
        record.state = state;
    }
    let needed: HashMap<_, _> = parts.restores.needed_backups(parts.clock.now())?.into_iter().collect();
    let backups = records.iter().map(|record| candidate(record, needed.get(&record.id).cloned())).collect();
    let failed = last_attempts_failed(parts)?;
    let names: Vec<_> = parts.sources.iter().map(|source| (source.name().clone(), source.kind())).collect();
    let fallen = parts.catalog.fallen_sources(&names, &records)?;
    let facts = names.into_iter().zip(failed).map(|(source, last_attempt_failed)| {
        let is_suspicious = fallen.contains_key(&source.0);
        SourceFacts { source, last_attempt_failed, is_suspicious }
    });
    let sources = facts.collect();
    Ok((records, RetentionInput { backups, sources }))
}

fn candidate(record: &BackupRecord, needed_for: Option<String>) -> Candidate {
    let held_by = |hold: &Hold| HeldBy { who: hold.who.clone(), why: hold.why.clone(), until: hold.until };
    Candidate {
        id: record.id,
        class: record.class,
        state: record.state,
        created_at: record.created_at,
        size_bytes: record.size_bytes,
        sources: record.sources.iter().map(|held| (held.name.clone(), held.kind)).collect(),
        needs: record.needs.clone(),
        is_verified: record.verify_result == Some(VerifyResult::Passed),
        holds: record.holds.iter().map(held_by).collect(),
        needed_for,
    }
}

/// Of each configured source, whether the last backup job that was to cover it failed. One that somebody cancelled says
/// nothing.
fn last_attempts_failed(parts: &Parts) -> Result<Vec<bool>, JobError> {
    let mut failed: Vec<Option<bool>> = vec![None; parts.sources.len()];
    let mut look_at = |job: &Job| {
        let did_fail = match job.state {
            JobState::Failed | JobState::Interrupted => true,
            JobState::Succeeded | JobState::Warned => false,
            JobState::Cancelled | JobState::Queued | JobState::Running => return false,
        };
        let JobSpec::Backup(spec) = &job.spec else { return false };
        for (failed, source) in failed.iter_mut().zip(&parts.sources) {
            if failed.is_none() && is_meant(spec.scope, &spec.sources, &**source) {
                *failed = Some(did_fail);
            }
        }
        failed.iter().all(Option::is_some)
    };
    parts.catalog.visit_ended_backups(&mut look_at)?;
    Ok(failed.into_iter().map(|failed| failed.unwrap_or(false)).collect())
}
