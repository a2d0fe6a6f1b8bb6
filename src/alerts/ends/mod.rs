//! The end of a job in words: what came of it, and what to do now. Names no file of a source, and so quotes no error and no
//! warning, which may.

mod backup;
mod restore;
#[cfg(test)]
mod tests;
mod verify;

use std::time::Duration;

use uuid::Uuid;

use super::notice::{Fact, Notice, Occasion};
use super::settings::AlertSettings;
use super::words::{count, reason, span};
use crate::catalog::{CatalogError, Job, JobSpec};
use crate::job::Parts;
use crate::model::{ErrorCode, EventKind, JobState, Severity, SourceName};

/// What is said of an end, before it has its date and its place.
#[derive(Debug)]
struct End {
    event: EventKind,
    severity: Severity,
    title: String,
    message: String,
    facts: Vec<Fact>,
    steps: Vec<String>,
}

/// The notice of a job's end; `None` for one that nobody is told of: a person stopped it, or it says nothing.
pub(super) fn notice(parts: &Parts, settings: &AlertSettings, job: &Job) -> Result<Option<Notice>, CatalogError> {
    let Some(mut end) = end(parts, job) else { return Ok(None) };
    end.facts.extend(facts_of_every_job(job));
    let head = parts.catalog.audit_head()?;
    Ok(Some(Notice {
        id: Uuid::now_v7(),
        key: String::new(),
        event: end.event,
        occasion: Occasion::Happened,
        severity: end.severity,
        at: job.finished_at.unwrap_or_else(|| parts.clock.now()),
        host: parts.settings.host.clone(),
        title: end.title,
        message: end.message,
        facts: end.facts,
        steps: end.steps,
        contact: settings.alerts.contact.clone(),
        audit_head: format!("{}:{}", head.seq, head.hash),
    }))
}

fn end(parts: &Parts, job: &Job) -> Option<End> {
    let is_good = match job.state {
        JobState::Succeeded | JobState::Warned => true,
        JobState::Failed | JobState::Interrupted => false,
        JobState::Queued | JobState::Running | JobState::Cancelled => return None,
    };
    match (&job.spec, is_good) {
        (JobSpec::Backup(_), true) => Some(backup::done(parts, job)),
        (JobSpec::Backup(_), false) => Some(backup::failed(job)),
        (JobSpec::Restore(_) | JobSpec::Undo(_), true) => Some(restore::done(parts, job)),
        (JobSpec::Restore(_) | JobSpec::Undo(_), false) => Some(restore::failed(parts, job)),
        (JobSpec::Verify(_), false) => Some(verify::failed(job)),
        (JobSpec::Verify(_) | JobSpec::Prune(_) | JobSpec::Expire(_), _) => None,
    }
}

fn fact(label: &str, value: impl Into<String>) -> Fact {
    Fact { label: label.to_owned(), value: value.into() }
}

fn facts_of_every_job(job: &Job) -> Vec<Fact> {
    let who = &job.requested_by;
    let asked_by =
        who.on_behalf_of.as_ref().map_or_else(|| who.user.clone(), |person| format!("{person} ({})", who.user));
    let mut facts = Vec::new();
    if let (Some(from), Some(to)) = (job.started_at, job.finished_at) {
        facts.push(fact("Duration", span(Duration::try_from(to.duration_since(from)).unwrap_or_default())));
    }
    facts.push(fact("Asked for by", asked_by));
    if !job.spec.description().is_empty() {
        facts.push(fact("Reason given", job.spec.description()));
    }
    facts.push(fact("Job", job.id.to_string()));
    facts
}

/// Why a job failed, without its own words.
/// The source that the error names. Its name is of the configuration, and says nothing of what it holds.
fn source_at_fault(job: &Job) -> Option<SourceName> {
    let error = job.outcome.as_ref()?.error.as_ref()?;
    let (_, named) = error.message.split_once("source '")?;
    named.split_once('\'')?.0.parse().ok()
}

fn cause(job: &Job) -> &'static str {
    match (job.state, job.outcome.as_ref().and_then(|outcome| outcome.error.as_ref())) {
        (JobState::Interrupted, _) | (_, None) => "the daemon ended while it ran",
        (_, Some(error)) => reason(error.code),
    }
}

fn code(job: &Job) -> Option<ErrorCode> {
    Some(job.outcome.as_ref()?.error.as_ref()?.code)
}

/// `3 warnings`, or nothing.
fn warnings(job: &Job) -> Option<String> {
    let number = job.outcome.as_ref().map_or(0, |outcome| outcome.warnings.len());
    (number > 0).then(|| count(number as u64, "warning"))
}

fn look_at(job: &Job) -> String {
    format!("carelogctl job show {} says what exactly", job.id)
}
