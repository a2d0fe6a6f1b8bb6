//! The status: for people, and as the line of a monitoring plugin.

use carelog_rpc::{BackupPoint, Job, KeptData, Problem, Severity, SourceStatus, Status, Verdict};

use crate::exit::Check;
use crate::output::job;
use crate::output::table::{Look, Tone, cell, optional, toned, toned_line};
use crate::output::text::{age, clean, count, size, span};

/// Am I protected? since when? how fast can I be back? what is wrong, and the next command for it.
pub(crate) fn page(status: &Status, look: &Look) -> String {
    let mut lines = vec![verdict(status, look), restore_time(status)];
    if is_critical(status) && !status.contact.is_empty() {
        lines.push(toned_line(&format!("call {}", status.contact), Tone::Bad, look));
    }
    lines.extend([String::new(), sources(status, look), String::new(), look.fields(facts(status, look))]);
    if !status.problems.is_empty() {
        lines.push(String::new());
        lines.extend(status.problems.iter().map(|problem| self::problem(problem, look)));
    }
    lines.join("\n")
}

fn verdict(status: &Status, look: &Look) -> String {
    let since = status.protected_since.map(|at| look.at_and_age(at));
    let (text, tone) = match (status.verdict, since) {
        (Verdict::Protected, Some(since)) => (format!("PROTECTED: all data up to {since} can be restored"), Tone::Good),
        (Verdict::Protected, None) => ("PROTECTED".to_owned(), Tone::Good),
        (Verdict::AtRisk, Some(since)) => (format!("AT RISK: only data up to {since} can be restored"), Tone::Doubtful),
        (Verdict::AtRisk, None) => ("AT RISK".to_owned(), Tone::Doubtful),
        (Verdict::Unprotected, _) => ("NOT PROTECTED: there is data that no backup holds".to_owned(), Tone::Bad),
    };
    toned_line(&text, tone, look)
}

fn restore_time(status: &Status) -> String {
    let objective = span(status.rto_seconds);
    match (status.restore_estimate_seconds, status.restore_was_measured) {
        (Some(seconds), true) => {
            format!("a restore of everything takes about {} (measured); the objective is {objective}", span(seconds))
        }
        (Some(seconds), false) => {
            format!("a restore of everything takes about {} (estimated); the objective is {objective}", span(seconds))
        }
        (None, _) => format!(
            "how long a restore takes is not known before the first (carelogctl restore latest --to DIR measures); \
             the objective is {objective}"
        ),
    }
}

/// Whether somebody should be called.
fn is_critical(status: &Status) -> bool {
    status.verdict == Verdict::Unprotected
        || status.problems.iter().any(|problem| problem.severity == Severity::Critical)
}

fn alerts(status: &Status) -> String {
    let known = status.alerts.iter().filter(|alert| alert.acknowledged.is_some()).count();
    match (status.alerts.len(), known) {
        (0, _) => "none".to_owned(),
        (firing, 0) => format!("{}: carelogctl alerts", count(firing as u64, "alert")),
        (firing, known) => {
            format!("{}, {known} of them acknowledged: carelogctl alerts", count(firing as u64, "alert"))
        }
    }
}

/// Nothing as long as every notice arrives.
fn notices(status: &Status) -> Option<String> {
    let notices = &status.notices;
    if notices.waiting == 0 && notices.given_up == 0 {
        return None;
    }
    let given_up = match notices.given_up {
        0 => String::new(),
        number => format!(", {number} given up within a week"),
    };
    let error = notices.last_error.as_ref().map(|error| format!("; the last answer was: {error}")).unwrap_or_default();
    Some(format!("{} on the way{given_up}{error}", notices.waiting))
}

fn sources(status: &Status, look: &Look) -> String {
    look.table(
        &["SOURCE", "KIND", "NEWEST BACKUP", "AGE", "LIMIT", "VERIFIED", "NEXT"],
        status.sources.iter().map(|source| {
            vec![
                cell(&source.name),
                cell(source.kind.as_str()),
                optional(source.newest_backup.as_ref().map(|point| &point.filename)),
                toned(source.age_seconds.map_or_else(|| "never".to_owned(), span), source_tone(source)),
                optional(source.rpo_seconds.map(span)),
                optional(source.newest_verified.as_ref().map(|point| age(point.created_at, look.now))),
                optional(source.next_backup_at.map(|at| look.at(at))),
            ]
        }),
    )
}

const fn source_tone(source: &SourceStatus) -> Tone {
    match (source.age_seconds, source.rpo_seconds) {
        (None, _) => Tone::Bad,
        (Some(age), Some(limit)) if age > limit => Tone::Doubtful,
        _ => Tone::Good,
    }
}

fn facts(status: &Status, look: &Look) -> Vec<(&'static str, String)> {
    let store = &status.store;
    let full = store.days_until_full.map(|days| format!(", full in {}", count(days, "day"))).unwrap_or_default();
    let free = match (store.free_bytes, store.total_bytes) {
        (Some(free), Some(total)) => format!("{} of {} free{full}", size(free), size(total)),
        _ => "its free space is unknown".to_owned(),
    };
    let backups = count(store.backups, "backup");
    let daemon = &status.daemon;
    let mut facts = vec![
        ("store", format!("{}: {backups}, {}; {free}", store.dir, size(store.bytes))),
        (
            "verified",
            status.newest_verified.as_ref().map_or_else(|| "none yet".to_owned(), |point| self::point(point, look)),
        ),
    ];
    facts.push(("alerts", alerts(status)));
    facts.extend(notices(status).map(|notices| ("notices", notices)));
    facts.extend(status.kept.iter().map(|kept| ("kept", self::kept(kept, look))));
    facts.extend(status.running.iter().map(|job| ("running", running(job))));
    if !status.queued.is_empty() {
        facts.push(("queued", count(status.queued.len() as u64, "job")));
    }
    facts.push((
        "daemon",
        format!("{}, up {}", daemon.version, span(daemon.started_at.seconds_until(status.generated_at))),
    ));
    facts
}

fn point(point: &BackupPoint, look: &Look) -> String {
    format!("{} ({})", point.filename, age(point.created_at, look.now))
}

/// `data, studies as before job 0199…, at most 1.4 GiB, until 2025-11-05 15:30:00`.
fn kept(kept: &KeptData, look: &Look) -> String {
    let until =
        kept.until.map_or_else(|| "until it is removed by hand".to_owned(), |at| format!("until {}", look.at(at)));
    let most = kept.size_bytes.map(|bytes| format!(", at most {}", size(bytes))).unwrap_or_default();
    let (sources, job) = (kept.sources.join(", "), &kept.job_id);
    let undo = if kept.can_be_undone { format!(" (carelogctl restore --undo {job})") } else { String::new() };
    format!("{sources} as before restore {job}{most}, {until}{undo}")
}

fn running(job: &Job) -> String {
    format!("{} {} ({})", job.kind, job.title, job::state(job))
}

fn problem(problem: &Problem, look: &Look) -> String {
    let tone = match problem.severity {
        Severity::Notice => Tone::Plain,
        Severity::Warning => Tone::Doubtful,
        Severity::Critical => Tone::Bad,
    };
    let mut text = toned_line(&format!("{}: {}", problem.severity, problem.what), tone, look);
    if let Some(next) = &problem.next {
        text += &format!("\n  next: {}", clean(next));
    }
    text
}

/// The line of a monitoring plugin, with performance data, and its exit code.
pub(crate) fn check(status: &Status) -> (Check, String) {
    let warning = status.problems.iter().any(|problem| problem.severity == Severity::Warning);
    let check = match status.verdict {
        _ if is_critical(status) => Check::Critical,
        Verdict::Unprotected | Verdict::AtRisk => Check::Warning,
        Verdict::Protected if warning => Check::Warning,
        Verdict::Protected => Check::Ok,
    };
    let worst = status.problems.iter().find(|problem| problem.severity != Severity::Notice);
    let what = worst.map_or_else(|| status.verdict.as_str().replace('_', " "), |problem| problem.what.clone());
    let call = if check == Check::Critical && !status.contact.is_empty() {
        format!("; call {}", status.contact)
    } else {
        String::new()
    };
    (check, check_line(check, &format!("{what}{call}"), &performance(status)))
}

/// The same of what a daemon that does not run any more wrote: nothing is backed up until it runs again, however well
/// everything was.
pub(crate) fn check_of_file(status: &Status, look: &Look) -> (Check, String) {
    let (was, _) = check(status);
    let written = age(status.generated_at, look.now);
    let call = if status.contact.is_empty() { String::new() } else { format!("; call {}", status.contact) };
    let verdict = status.verdict.as_str().replace('_', " ");
    let what = format!("carelogd does not run; it wrote its status {written}: {verdict} ({}){call}", was.as_str());
    (Check::Critical, check_line(Check::Critical, &what, &performance(status)))
}

/// `CARELOG OK - protected | …`. A `|` would end the text too early.
pub(crate) fn check_line(check: Check, what: &str, performance: &str) -> String {
    let line = format!("CARELOG {} - {}", check.as_str(), clean(what).replace('|', "/"));
    if performance.is_empty() { line } else { format!("{line} | {performance}") }
}

fn performance(status: &Status) -> String {
    let mut data: Vec<String> = status
        .sources
        .iter()
        .filter_map(|source| {
            let limit = source.rpo_seconds.map(|limit| limit.to_string()).unwrap_or_default();
            Some(format!("'{}_age'={}s;{limit};;0", source.name, source.age_seconds?))
        })
        .collect();
    let store = &status.store;
    data.extend(store.free_bytes.map(|free| {
        let total = store.total_bytes.map(|total| total.to_string()).unwrap_or_default();
        format!("store_free={free}B;;;0;{total}")
    }));
    data.push(format!("store_used={}B", store.bytes));
    data.push(format!("backups={}", store.backups));
    data.push(format!("problems={}", status.problems.len()));
    data.join(" ")
}
