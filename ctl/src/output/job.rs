//! Jobs: the list, all about one, and what is said at the end of one.

use carelog_rpc::{Job, JobKind, JobResult, JobState};

use crate::output::backup::requester;
use crate::output::table::{Look, Tone, cell, optional, toned};
use crate::output::text::{age, clean, count, short_id, size, span};

/// The document of a list.
#[derive(Debug, serde::Serialize)]
pub(crate) struct JobList {
    /// Those that run, those that wait, those that ended.
    pub(crate) jobs: Vec<Job>,
}

/// The document of a job that goes on without us.
#[derive(Debug, serde::Serialize)]
pub(crate) struct StartedJob<'id> {
    /// UUID.
    pub(crate) job_id: &'id str,
}

/// A table of jobs.
pub(crate) fn table(jobs: &[Job], look: &Look) -> String {
    if jobs.is_empty() {
        return "no jobs".to_owned();
    }
    let header = ["JOB", "KIND", "WHAT", "STATE", "REQUESTED", "BY", "TOOK"];
    look.table(
        &header,
        jobs.iter().map(|job| {
            vec![
                cell(short_id(&job.id)),
                cell(job.kind.as_str()),
                cell(&job.title),
                toned(state(job), tone(job.state)),
                cell(age(job.requested_at, look.now)),
                cell(&job.requested_by.user),
                optional(took(job, look)),
            ]
        }),
    )
}

/// All about one job.
pub(crate) fn details(job: &Job, look: &Look) -> String {
    let mut fields = vec![
        ("id", job.id.clone()),
        ("what", format!("{}: {}", job.kind, job.title)),
        ("state", state(job)),
        ("requested by", requester(&job.requested_by)),
        ("requested", look.at_and_age(job.requested_at)),
    ];
    fields.extend(job.started_at.map(|at| ("started", look.at_and_age(at))));
    fields.extend(job.finished_at.map(|at| ("finished", look.at_and_age(at))));
    fields.extend(took(job, look).map(|took| ("took", took)));
    fields.extend(job.backup_id.clone().map(|id| ("backup", id)));
    fields.extend(job.safety_backup_id.clone().map(|id| ("safety backup", id)));
    if let Some(error) = &job.error {
        fields.push(("error", error.message.clone()));
        fields.extend(error.cause.clone().map(|cause| ("why", cause)));
        fields.extend(error.hint.clone().map(|hint| ("next", hint)));
    }
    let mut text = look.fields(fields);
    if !job.phases.is_empty() {
        text += "\n\n";
        text += &phases(job, look);
    }
    if let Some(result) = &job.result {
        text += &format!("\n\n{}", amount(result));
    }
    for line in problems(job) {
        text += "\n";
        text += &line;
    }
    text
}

/// The good end of a job that was waited for.
pub(crate) fn summary(job: &Job, look: &Look) -> String {
    let mut lines = Vec::new();
    let took = took(job, look).unwrap_or_default();
    let done = if job.state == JobState::Warned { "done, with warnings" } else { "done" };
    match &job.result {
        Some(result) => {
            let amount = match job.kind {
                JobKind::Prune => format!("{} freed", size(result.bytes)),
                _ => amount(result),
            };
            lines.push(format!("{} {done}: {amount} in {took}", job.kind));
            lines.extend(result.summary.as_deref().map(|summary| clean(summary).into_owned()));
        }
        None => lines.push(format!("{} {done} in {took}", job.kind)),
    }
    let ids = [("backup", &job.backup_id), ("safety backup", &job.safety_backup_id)];
    lines.extend(ids.iter().filter_map(|(name, id)| Some(format!("{name}: {}", clean(id.as_deref()?)))));
    lines.join("\n")
}

/// A database that was loaded is no file; what it holds says the summary.
fn amount(result: &JobResult) -> String {
    match (result.files, &result.summary) {
        (0, Some(_)) => size(result.bytes),
        _ => format!("{}, {}", count(result.files, "file"), size(result.bytes)),
    }
}

/// Damage and warnings, a line each.
pub(crate) fn problems(job: &Job) -> Vec<String> {
    let Some(result) = &job.result else { return Vec::new() };
    let damage = result.damage.iter().map(|damage| format!("damage: {}", clean(damage)));
    let warnings = result.warnings.iter().map(|warning| format!("warning: {}", clean(warning)));
    let omitted = (result.omitted > 0).then(|| format!("and {} more", result.omitted));
    damage.chain(warnings).chain(omitted).collect()
}

/// A table of what a job went through.
pub(crate) fn phases(job: &Job, look: &Look) -> String {
    look.table(
        &["PHASE", "STARTED", "TOOK"],
        job.phases.iter().map(|phase| {
            let end = phase.finished_at.unwrap_or(look.now);
            vec![cell(&phase.name), cell(look.at(phase.started_at)), cell(span(phase.started_at.seconds_until(end)))]
        }),
    )
}

/// `running, stage 40 %`.
pub(crate) fn state(job: &Job) -> String {
    let Some(progress) = job.progress.as_ref().filter(|_| job.state == JobState::Running) else {
        return job.state.to_string();
    };
    let mut text = format!("{}, {}", job.state, progress.phase);
    if let Some(total) = progress.total_bytes.filter(|&total| total > 0) {
        let percent = u128::from(progress.done_bytes.min(total)) * 100 / u128::from(total);
        text += &format!(" {percent} %");
    }
    text
}

/// How good a state is.
pub(crate) const fn tone(state: JobState) -> Tone {
    match state {
        JobState::Queued | JobState::Running | JobState::Cancelled => Tone::Plain,
        JobState::Succeeded => Tone::Good,
        JobState::Warned => Tone::Doubtful,
        JobState::Failed | JobState::Interrupted => Tone::Bad,
    }
}

fn took(job: &Job, look: &Look) -> Option<String> {
    let end = job.finished_at.or_else(|| (!job.state.is_final()).then_some(look.now))?;
    Some(span(job.started_at?.seconds_until(end)))
}
