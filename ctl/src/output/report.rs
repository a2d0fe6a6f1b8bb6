//! A job as a page for the incident log: plain text that can be pasted and printed, with times that name their zone.

use carelog_rpc::{Amount, JobReport, JobState, ReportedBackup, ReportedProbe, ReportedSource, RestoreReport, Time};

use crate::output::backup::requester;
use crate::output::job::{phases, problems};
use crate::output::table::{Look, cell, optional};
use crate::output::text::{clean, clean_lines, count, size};

/// The page.
pub(crate) fn page(report: &JobReport, look: &Look) -> String {
    let job = &report.job;
    let mut parts = vec![
        format!("REPORT OF JOB {}: {} {}", clean(&job.id), job.kind, clean(&job.title)),
        look.fields(head(report, look)),
    ];
    if let Some(restore) = &report.restore {
        parts.push(look.fields(replaced(restore, look)));
        parts.push(sources(restore, look));
        parts.extend(section("Changed until the application was stopped:", &restore.changed_before_stop));
        parts.extend(section("Probes:", &restore.probes.iter().map(probe).collect::<Vec<_>>()));
    }
    if !job.phases.is_empty() {
        parts.push(phases(job, look));
    }
    parts.extend(section("Warnings and damage:", &problems(job)));
    parts.push(outcome(report, look));
    parts.join("\n\n")
}

fn head(report: &JobReport, look: &Look) -> Vec<(&'static str, String)> {
    let job = &report.job;
    let reason = if report.description.is_empty() { "none was given" } else { &report.description };
    let mut fields = vec![
        ("requested by", requester(&job.requested_by)),
        ("requested", moment(job.requested_at, look)),
        ("reason", reason.to_owned()),
    ];
    fields.extend(job.started_at.map(|at| ("started", moment(at, look))));
    fields.extend(job.finished_at.map(|at| ("ended", moment(at, look))));
    fields
}

fn replaced(restore: &RestoreReport, look: &Look) -> Vec<(&'static str, String)> {
    let mut fields: Vec<(&str, String)> = restore.undoes.iter().map(|job| ("undoes job", job.clone())).collect();
    fields.extend(restore.backups.iter().flat_map(|backup| identity("restored from", backup, look)));
    fields.extend(restore.paths.iter().map(|path| ("only", path.to_string())));
    if restore.safety_backups.is_empty() {
        fields.push(("safety backup", "none: nothing live could be saved".to_owned()));
    }
    fields.extend(restore.safety_backups.iter().flat_map(|backup| identity("safety backup", backup, look)));
    fields
}

fn identity(name: &'static str, backup: &ReportedBackup, look: &Look) -> [(&'static str, String); 3] {
    let checksum = backup.checksum.as_ref();
    let checksum = checksum.map_or_else(|| "unknown".to_owned(), |sum| format!("{} {}", sum.algorithm, sum.value));
    [
        (name, format!("{} ({})", backup.filename, backup.id)),
        ("  taken", moment(backup.created_at, look)),
        ("  checksum", checksum),
    ]
}

fn sources(restore: &RestoreReport, look: &Look) -> String {
    look.table(
        &["SOURCE", "KIND", "REPLACED", "HOW", "BEFORE", "AFTER"],
        restore.sources.iter().map(|source| {
            vec![
                cell(&source.name),
                cell(source.kind.as_str()),
                cell(replaced_at(source, restore)),
                optional(source.method.map(|method| method.as_str().replace('_', " "))),
                optional(source.before.as_ref().map(amount)),
                optional(after(source, restore)),
            ]
        }),
    )
}

fn replaced_at(source: &ReportedSource, restore: &RestoreReport) -> String {
    match &source.location {
        _ if restore.is_unsettled => "not settled".to_owned(),
        Some(location) => location.to_string(),
        None => "no".to_owned(),
    }
}

fn after(source: &ReportedSource, restore: &RestoreReport) -> Option<String> {
    match &source.after {
        _ if restore.is_unsettled => Some("not settled".to_owned()),
        _ if source.location.is_none() => Some("as before".to_owned()),
        Some(after) => Some(amount(after)),
        None if !restore.paths.is_empty() => Some("only what was named is another".to_owned()),
        None => Some("what is undamaged".to_owned()),
    }
}

fn amount(amount: &Amount) -> String {
    let mut parts = vec![count(amount.files, "file"), size(amount.size_bytes)];
    parts.extend(amount.counts.iter().map(|(name, number)| format!("{name} {number}")));
    parts.join(", ")
}

fn probe(probe: &ReportedProbe) -> String {
    let result = if probe.passed { "passed" } else { "FAILED" };
    let took = probe.milliseconds.map(|milliseconds| format!(" in {milliseconds} ms")).unwrap_or_default();
    let printed = probe.output.trim();
    let printed = if printed.is_empty() { String::new() } else { format!(": {printed}") };
    format!("{}: {result}{took}{printed}", probe.name)
}

fn outcome(report: &JobReport, look: &Look) -> String {
    let job = &report.job;
    let mut lines = vec![format!("OUTCOME: {}", job.state)];
    lines.extend(job.result.as_ref().and_then(|result| result.summary.clone()));
    if let Some(error) = &job.error {
        lines.push(error.message.clone());
        lines.extend(error.cause.clone());
        lines.extend(error.hint.clone());
    }
    if let Some(restore) = &report.restore {
        lines.extend(kept(restore, job.finished_at, look));
        let undo = format!("To bring it back: carelogctl restore --undo {}", job.id);
        lines.extend(restore.can_be_undone.then_some(undo));
        if restore.is_unsettled {
            lines.push(
                "NOT SETTLED: what is live may be half old and half new. Do not start the application.".to_owned(),
            );
            lines.push("Remove the cause, then restart carelogd: it tries again.".to_owned());
        } else if !matches!(job.state, JobState::Succeeded | JobState::Warned) && job.state.is_final() {
            lines.push("Nothing that was live is another than before.".to_owned());
        }
    }
    lines.iter().map(|line| clean_lines(line)).collect::<Vec<_>>().join("\n")
}

fn kept(restore: &RestoreReport, ended: Option<Time>, look: &Look) -> Option<String> {
    let places: Vec<String> =
        restore.sources.iter().filter_map(|source| Some(source.kept_at.as_ref()?.to_string())).collect();
    let places = places.join(", ");
    let Some(until) = restore.kept_until.map(|until| moment(until, look)) else {
        return restore.is_kept.then(|| format!("What was replaced is kept until it is removed by hand: {places}"));
    };
    Some(match (restore.is_kept, restore.kept_until <= ended) {
        (true, _) => format!("What was replaced is kept until {until}: {places}"),
        (false, true) => "What was replaced was not kept: keep_replaced is 0. The safety backup has it.".to_owned(),
        (false, false) => {
            format!("What was replaced was kept, at the longest until {until}. The safety backup has it.")
        }
    })
}

fn section(title: &str, lines: &[String]) -> Option<String> {
    let lines: Vec<String> = lines.iter().map(|line| format!("  {}", clean(line))).collect();
    (!lines.is_empty()).then(|| format!("{title}\n{}", lines.join("\n")))
}

/// `2025-10-29 15:30:00+01:00`: a page is read elsewhere and later.
fn moment(at: Time, look: &Look) -> String {
    at.timestamp().to_zoned(look.zone.clone()).strftime("%Y-%m-%d %H:%M:%S%:z").to_string()
}
