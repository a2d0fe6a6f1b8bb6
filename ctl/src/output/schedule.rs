//! Schedules: the list, one of them, and when something is due.

use carelog_rpc::{DueTime, JobState, Schedule, Time};

use crate::output::job::tone;
use crate::output::table::{Look, Tone, cell, number, optional, toned};
use crate::output::text::{age, short_id, span};

/// The document of a list.
#[derive(Debug, serde::Serialize)]
pub(crate) struct ScheduleList {
    /// In the order of the configuration.
    pub(crate) schedules: Vec<Schedule>,
}

/// The document of the next times.
#[derive(Debug, serde::Serialize)]
pub(crate) struct DueTimes {
    /// The soonest first.
    pub(crate) due: Vec<DueTime>,
}

/// A table of schedules, and why what did not run did not.
pub(crate) fn table(schedules: &[Schedule], look: &Look) -> String {
    if schedules.is_empty() {
        return "no schedules: nothing is done by itself".to_owned();
    }
    let header = ["SCHEDULE", "CRON", "NEXT", "IN", "WORK", "LAST DUE", "LAST JOB", "SKIPPED"];
    let mut text = look.table(
        &header,
        schedules.iter().map(|schedule| {
            let next = match (&schedule.paused, schedule.next_due_at) {
                (Some(_), _) => toned("paused", Tone::Doubtful),
                (None, Some(at)) => cell(look.at(at)),
                (None, None) => cell("never"),
            };
            vec![
                cell(&schedule.name),
                cell(when(schedule)),
                next,
                optional(schedule.next_due_at.map(|at| until(at, look))),
                cell(&schedule.work),
                optional(schedule.last_due_at.map(|at| age(at, look.now))),
                toned(last_job(schedule).unwrap_or("-"), schedule.last_job_state.map_or(Tone::Plain, tone)),
                number(schedule.skipped.to_string()),
            ]
        }),
    );
    for line in schedules.iter().flat_map(|schedule| remarks(schedule, look)) {
        text += "\n";
        text += &line;
    }
    text
}

/// All about one schedule.
pub(crate) fn details(schedule: &Schedule, look: &Look) -> String {
    let mut fields = vec![
        ("schedule", schedule.name.clone()),
        ("due", when(schedule)),
        ("work", schedule.work.clone()),
        ("made up for", format!("while younger than {}", span(schedule.catch_up_seconds))),
    ];
    if schedule.jitter_seconds > 0 {
        fields.push(("begins", format!("up to {} later", span(schedule.jitter_seconds))));
    }
    if let Some(pause) = &schedule.paused {
        fields.push(("paused", format!("by {}, {}: {}", pause.who, age(pause.at, look.now), pause.why)));
    }
    fields.extend(schedule.next_due_at.map(|at| ("next", format!("{} (in {})", look.at(at), until(at, look)))));
    fields.extend(schedule.last_due_at.map(|at| ("last due", look.at_and_age(at))));
    fields.extend(schedule.last_job_id.clone().map(|id| ("last job", id)));
    fields.extend(schedule.last_job_state.map(|state| ("it is", state.to_string())));
    fields.push(("skipped", schedule.skipped.to_string()));
    fields.extend(schedule.last_skipped_at.map(|at| ("last skipped", look.at_and_age(at))));
    fields.extend(schedule.last_skipped_why.clone().map(|why| ("because", why)));
    look.fields(fields)
}

/// A table of due times.
pub(crate) fn due_times(due: &[DueTime], look: &Look) -> String {
    if due.is_empty() {
        return "nothing is due; `carelogctl schedule list` shows what is paused".to_owned();
    }
    look.table(
        &["LOCAL", "UTC", "SCHEDULE", "WORK"],
        due.iter().map(|due| {
            let utc = due.at.timestamp().strftime("%Y-%m-%d %H:%M").to_string();
            vec![cell(&due.local), cell(utc), cell(&due.schedule), cell(&due.work)]
        }),
    )
}

/// `0 2 * * * Europe/Berlin`.
fn when(schedule: &Schedule) -> String {
    format!("{} {}", schedule.cron, schedule.timezone)
}

fn until(at: Time, look: &Look) -> String {
    span(look.now.seconds_until(at))
}

fn last_job(schedule: &Schedule) -> Option<&'static str> {
    schedule.last_job_state.map(JobState::as_str)
}

/// Why it stands still, and why it did not run when it was due last.
fn remarks(schedule: &Schedule, look: &Look) -> Vec<String> {
    let name = &schedule.name;
    let paused = schedule
        .paused
        .as_ref()
        .map(|pause| format!("{name} is paused by {} since {}: {}", pause.who, look.at(pause.at), pause.why));
    let skipped = schedule.last_skipped_at.zip(schedule.last_skipped_why.as_ref()).map(|(at, why)| {
        let job = schedule.last_job_id.as_deref().map(short_id);
        let why = match (&schedule.last_job_id, job) {
            (Some(id), Some(short)) => why.replace(id.as_str(), &short),
            _ => why.clone(),
        };
        format!("{name} was skipped at {}: {why}", look.at(at))
    });
    paused.into_iter().chain(skipped).map(|line| crate::output::text::clean(&line).into_owned()).collect()
}
