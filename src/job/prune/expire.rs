//! The job that removes what no rule keeps any more, and empties the trash.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::context::JobContext;
use super::super::failure::failure;
use super::plan::PrunePlan;
use super::removal::{Gone, put_away, remove_unneeded, require_unheld};
use super::{last_good_of, trash};
use crate::audit::{Actor, Entry};
use crate::catalog::{ExpireSpec, JobError, JobOutcome};
use crate::model::{BackupId, ErrorCode};
use crate::retention::Decision;

/// How many backups are named in the job's summary, and how many in its notes.
const SUMMARIZED: usize = 10;
const NOTED: usize = 1000;

pub(in crate::job) fn run(cx: &JobContext<'_>, spec: &ExpireSpec) -> Result<JobOutcome, JobError> {
    cx.begin_phase("plan")?;
    let plan = PrunePlan::make(cx.parts)?;
    let actor = Actor::of(&cx.job.requested_by, None);
    match &spec.backups {
        Some(shown) => require_same(&plan, shown)?,
        None if plan.waits_since.is_some() => return Ok(JobOutcome::done(plan.notes())),
        None => {}
    }
    if plan.waits_since.is_some() {
        let entry = Entry::new(cx.parts.clock.now(), actor.clone(), "prune.resume", "").because(&spec.reason);
        cx.parts.catalog.end_prune_wait(&entry)?;
    }
    cx.begin_phase("expire")?;
    let mut told = Told::default();
    let expired = plan.retention.expiring().try_for_each(|decision| {
        cx.progress.check_cancelled()?;
        told.add(cx, &plan, decision, expire(cx, &plan, decision, &actor)?);
        Ok::<(), JobError>(())
    });
    // Also when the job did not come to its end.
    cx.note("expired", json!(told.removed));
    expired?;
    cx.begin_phase("empty the trash")?;
    let emptied = trash::empty(cx.parts, &plan, &actor)?;
    let unneeded = remove_unneeded(cx.parts, &actor);
    let bytes = told.bytes + emptied.bytes + unneeded.bytes;
    let mut summary = vec![told.summary()];
    if emptied.archives > 0 {
        summary.push(format!("{} left the trash for good", emptied.archives));
    }
    summary.extend(unneeded.in_words());
    summary.extend(told.left);
    summary.extend(plan.retention.notes.iter().cloned());
    cx.note("summary", summary.join("; "));
    cx.note("bytes", bytes);
    Ok(JobOutcome::done(Vec::new()))
}

/// Refuses what is not the plan that somebody was shown.
fn require_same(plan: &PrunePlan, shown: &[BackupId]) -> Result<(), JobError> {
    let now: BTreeSet<BackupId> = plan.retention.expiring().map(|decision| decision.id).collect();
    if shown.iter().copied().collect::<BTreeSet<_>>() == now {
        return Ok(());
    }
    let message =
        "the plan is not the one that was shown any more: something was backed up, held, verified or removed since";
    Err(failure(ErrorCode::Conflict, message, "look at it again: `carelogctl prune`"))
}

/// What became of a backup that was to expire.
enum Done {
    Gone(Gone),
    /// Why it is still there.
    Left(String),
}

fn expire(cx: &JobContext<'_>, plan: &PrunePlan, decision: &Decision, actor: &Actor) -> Result<Done, JobError> {
    let parts = cx.parts;
    let Some(_removal) = parts.leases.remove(decision.id) else {
        return Ok(Done::Left("it is being read, and waits for the next time".to_owned()));
    };
    // Looked at only now, when nobody can place a hold any more.
    let backup = parts.catalog.backup(decision.id)?;
    if plan.record(decision.id).is_none_or(|planned| planned.verify_result != backup.verify_result) {
        return Ok(Done::Left("it was verified meanwhile".to_owned()));
    }
    if let Err(held) = require_unheld(parts, &backup) {
        return if held.code == ErrorCode::Refused { Ok(Done::Left(held.message)) } else { Err(held) };
    }
    // Another may have turned out to be damaged meanwhile. In the trash it would still be there.
    if parts.settings.retention.trash.is_zero()
        && let Some(source) = last_good_of(parts, &backup)?
    {
        return Ok(Done::Left(format!("it has become the last good backup of source '{source}'")));
    }
    let entry = Entry::new(parts.clock.now(), actor.clone(), "backup.expire", backup.id)
        .with("filename", &backup.filename)
        .with("created_at", backup.created_at)
        .because(decision.in_words());
    put_away(parts, &backup, entry).map(Done::Gone)
}

/// What is told of the job.
#[derive(Default)]
struct Told {
    removed: Vec<String>,
    left: Vec<String>,
    expired: usize,
    bytes: u64,
}

impl Told {
    fn add(&mut self, cx: &JobContext<'_>, plan: &PrunePlan, decision: &Decision, done: Done) {
        let filename =
            plan.record(decision.id).map_or_else(|| decision.id.to_string(), |record| record.filename.clone());
        match done {
            Done::Left(why) => self.left.push(format!("{filename} stays: {why}")),
            Done::Gone(gone) => {
                self.expired += 1;
                self.bytes += gone.freed_bytes();
                if self.removed.len() < NOTED {
                    self.removed.push(format!("{filename}: {}", decision.in_words()));
                }
                tracing::info!(job_id = %cx.job.id, backup_id = %decision.id, "{filename} expired: {}", decision.in_words());
            }
        }
    }

    fn summary(&self) -> String {
        let named = self.removed.iter().take(SUMMARIZED).cloned().collect::<Vec<_>>().join("; ");
        let more = match self.expired.saturating_sub(SUMMARIZED) {
            0 => String::new(),
            more => format!("; and {more} more (`carelogctl audit` names every one)"),
        };
        match self.expired {
            0 => "nothing expired".to_owned(),
            1 => format!("1 backup expired: {named}"),
            expired => format!("{expired} backups expired: {named}{more}"),
        }
    }
}
