//! The end of a backup.

use super::{End, cause, code, fact, look_at, source_at_fault, warnings};
use crate::alerts::notice::Fact;
use crate::alerts::words::{count, size};
use crate::catalog::{BackupRecord, Job};
use crate::job::Parts;
use crate::model::{ErrorCode, EventKind, Severity};

pub(super) fn done(parts: &Parts, job: &Job) -> End {
    // It may have been removed by now.
    let record =
        job.outcome.as_ref().and_then(|outcome| outcome.backup_id).and_then(|id| parts.catalog.backup(id).ok());
    let name = record.as_ref().map_or_else(|| "a backup".to_owned(), |record| record.filename.clone());
    let mut steps = Vec::new();
    let (severity, with) = match warnings(job) {
        Some(warnings) => {
            steps.push(format!("{}: {}", warnings, look_at(job)));
            (Severity::Warning, format!(" with {warnings}"))
        }
        None => (Severity::Notice, String::new()),
    };
    End {
        event: EventKind::BackupSuccess,
        severity,
        title: format!("backup done{with}: {name}"),
        message: format!("A backup was taken{with}. Its archive was read again before it counted."),
        facts: record.iter().flat_map(details).collect(),
        steps,
    }
}

pub(super) fn details(record: &BackupRecord) -> Vec<Fact> {
    let mut facts = vec![
        fact("File", &record.filename),
        fact("Kind", format!("{} of scope {}", record.mode, record.scope)),
        fact("Size", format!("{} for {} of content", size(record.size_bytes), size(record.raw_bytes))),
        fact("New", size(record.new_bytes)),
    ];
    facts.extend(record.sources.iter().map(|source| {
        let amount = format!("{}, {}", size(source.size_bytes), count(source.files, "file"));
        fact(&format!("Source {}", source.name), amount)
    }));
    facts.extend(record.sha256.map(|sha256| fact("SHA-256", sha256.to_string())));
    facts
}

pub(super) fn failed(job: &Job) -> End {
    let step = |text: &str| text.to_owned();
    let mut steps = vec![look_at(job)];
    steps.extend(match code(job) {
        Some(ErrorCode::Refused) => vec![
            step("carelogctl status says how much room is left; remove what is not needed, or give the backups a larger disk"),
            step("when there is room: carelogctl backup"),
        ],
        Some(ErrorCode::Corruption) => vec![
            step("carelogctl verify --all names every backup that is hurt"),
            step("carelogctl backup --full builds on none of them"),
        ],
        Some(ErrorCode::NotFound | ErrorCode::Usage) => vec![
            step("carelogd check-config says whether the configuration fits"),
            step("then: carelogctl backup"),
        ],
        None => vec![step("carelogctl backup takes it again")],
        Some(_) => vec![
            step("journalctl -u carelogd has the daemon's log"),
            step("when the cause is removed: carelogctl backup; meanwhile --source NAME backs up the others"),
        ],
    });
    let at_fault = source_at_fault(job);
    let at = at_fault.as_ref().map_or_else(String::new, |source| format!(" at source '{source}'"));
    End {
        event: EventKind::BackupFailure,
        severity: Severity::Warning,
        title: format!("the backup failed{at}"),
        message: format!("A backup was not taken{at}: {}. Earlier backups are untouched.", cause(job)),
        facts: at_fault.map(|source| fact("Source", source.as_str())).into_iter().collect(),
        steps,
    }
}
