//! The end of a restore.

use super::{End, cause, code, fact, look_at, warnings};
use crate::alerts::notice::Fact;
use crate::catalog::Job;
use crate::job::{Parts, RestoreFacts, SourceFacts};
use crate::model::{BackupId, ErrorCode, EventKind, JobState, Severity};

pub(super) fn done(parts: &Parts, job: &Job) -> End {
    let is_live = job.spec.replaces_live_data();
    let with = warnings(job).map(|warnings| format!(" with {warnings}")).unwrap_or_default();
    let title = if is_live { format!("the restore is done{with}") } else { format!("a copy was restored{with}") };
    let message = if is_live {
        "Live data was replaced by a backup. What is live was compared with the backup before the application was started."
    } else {
        "A backup was written out elsewhere. Live data was not touched."
    };
    End {
        event: EventKind::RestoreSuccess,
        severity: if job.state == JobState::Warned { Severity::Warning } else { Severity::Notice },
        title,
        message: message.to_owned(),
        facts: facts(parts, job),
        steps: if is_live { check_list(job) } else { Vec::new() },
    }
}

/// What to look at after a restore, in order.
fn check_list(job: &Job) -> Vec<String> {
    let mut steps = Vec::new();
    if job.state == JobState::Warned {
        steps.push(look_at(job));
    }
    let id = job.id;
    steps.extend([
        "log in to the application and open a few records and studies, the newest among them".to_owned(),
        format!("carelogctl job show {id} --report compares how much there was before and after"),
        "tell those who work with it from which moment the data is, so that they enter what came later again"
            .to_owned(),
        format!("if it was a mistake: carelogctl restore --undo {id}"),
        "when all is well: carelogctl backup".to_owned(),
    ]);
    steps
}

pub(super) fn failed(parts: &Parts, job: &Job) -> End {
    let is_unsettled = parts.restores.troubles().iter().any(|trouble| trouble.job == job.id);
    let is_live = job.spec.replaces_live_data();
    let (severity, became) = match (is_live, is_unsettled) {
        (true, true) => {
            (Severity::Critical, "It could not be taken back wholly: live data or the application is not settled.")
        }
        (true, false) => (Severity::Warning, "Live data is what it was before."),
        (false, _) => (Severity::Warning, "Live data was not touched; what was written out is not complete."),
    };
    let id = job.id;
    let mut steps = vec![look_at(job)];
    if is_unsettled {
        steps.push("remove the cause, then systemctl restart carelogd: it settles the restore".to_owned());
    }
    if code(job) == Some(ErrorCode::Corruption) {
        steps.push("carelogctl restore BACKUP --partial restores what is undamaged".to_owned());
    }
    steps.extend([
        "carelogctl list shows other backups; carelogctl verify BACKUP says which are sound".to_owned(),
        "carelogctl restore BACKUP --dry-run says what would stand in the way".to_owned(),
        "carelogctl restore BACKUP --to DIR writes a copy without touching live data".to_owned(),
        format!("carelogctl job show {id} --report is what whoever helps will ask for"),
    ]);
    End {
        event: EventKind::RestoreFailure,
        severity,
        title: "the restore failed".to_owned(),
        message: format!("A restore was not done: {}. {became}", cause(job)),
        facts: facts(parts, job),
        steps,
    }
}

fn facts(parts: &Parts, job: &Job) -> Vec<Fact> {
    let Some(outcome) = &job.outcome else { return Vec::new() };
    let backup = |label: &str, id: Option<BackupId>| {
        let record = parts.catalog.backup(id?).ok()?;
        Some(fact(label, format!("{} ({})", record.filename, record.created_at.strftime("%Y-%m-%d %H:%M UTC"))))
    };
    let mut found = Vec::new();
    found.extend(backup("Backup", outcome.backup_id));
    found.extend(backup("Safety backup", outcome.safety_backup_id));
    let restored = outcome.notes.get(RestoreFacts::NOTE).and_then(|note| serde_json::from_value(note.clone()).ok());
    let sources: Vec<SourceFacts> = restored.map(|facts: RestoreFacts| facts.sources).unwrap_or_default();
    if !sources.is_empty() {
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        found.push(fact("Sources", names.join(", ")));
    }
    found
}
