//! `[[schedule]]`: which keys each job has, and what they may be.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::super::document::Document;
use super::super::problem::{Origin, Problems};
use super::super::reader::Reader;
use super::super::value::{self, Parsed};
use crate::config::{Schedule, ScheduledWork, Source, VerifyWhich};
use crate::cron::CronExpression;
use crate::model::{Mode, Scope, SourceName};

/// The keys that only one job has.
const OF_ONE_JOB: [(&str, Job); 4] =
    [("scope", Job::Backup), ("sources", Job::Backup), ("mode", Job::Backup), ("which", Job::Verify)];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Job {
    Backup,
    Verify,
    Prune,
}

impl Job {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Verify => "verify",
            Self::Prune => "prune",
        }
    }
}

/// Every schedule that can be used; those that ship with the program where none is written.
pub(super) fn schedules(
    document: &Document<'_>,
    zone: &TimeZone,
    configured: &[Source],
    problems: &mut Problems,
) -> Vec<Schedule> {
    let Some(list) = document.list("schedule") else { return Schedule::defaults(zone) };
    let mut named: BTreeMap<String, Origin> = BTreeMap::new();
    let mut schedules = Vec::new();
    for fields in list {
        let mut reader = Reader::new(Some(fields), problems);
        let name = reader.required_text("name", "nightly", schedule_name);
        let cron = reader.required_text("cron", "0 0 * * *", cron);
        let timezone = reader.text("timezone", value::timezone).unwrap_or_else(|| zone.clone());
        let work = work(&mut reader, configured);
        let catch_up = reader.text("catch_up", value::duration).unwrap_or(Schedule::DEFAULT_CATCH_UP);
        let jitter = reader.text("jitter", value::duration).unwrap_or(Schedule::DEFAULT_JITTER);
        let Some(name) = name else { continue };
        let origin = reader.origin("name");
        if let Some(Origin::Line(line)) = named.get(&name) {
            let message = format!("the schedule of line {line} has this name; give each its own");
            reader.report(origin, "name", &message);
            continue;
        }
        named.insert(name.clone(), origin);
        let (Some(cron), Some(work)) = (cron, work) else { continue };
        schedules.push(Schedule { name, cron, timezone, work, catch_up, jitter });
    }
    schedules
}

fn work(reader: &mut Reader<'_, '_>, configured: &[Source]) -> Option<ScheduledWork> {
    let job = reader.required_text("job", "backup", job)?;
    for (key, owner) in OF_ONE_JOB.iter().filter(|(_, owner)| *owner != job) {
        reader.refuse(key, &format!("belongs to schedules with job = \"{}\"; remove the line", owner.as_str()));
    }
    Some(match job {
        Job::Backup => backup(reader, configured),
        Job::Verify => ScheduledWork::Verify(reader.text("which", which).unwrap_or(VerifyWhich::All)),
        Job::Prune => ScheduledWork::Prune,
    })
}

fn backup(reader: &mut Reader<'_, '_>, configured: &[Source]) -> ScheduledWork {
    let known = |name: &SourceName| configured.iter().any(|source| source.name == *name);
    let names = || configured.iter().map(|source| source.name.as_str()).collect::<Vec<_>>().join(", ");
    let source = |text: &str| {
        let name = SourceName::new(text).ok().filter(known);
        name.ok_or_else(|| format!("no source is named '{text}'; there are: {}", names()))
    };
    let scope = reader.text("scope", scope).unwrap_or(Scope::All);
    let sources = reader.value("sources", |found| value::list(found, source)).unwrap_or_default();
    let mode = reader.text("mode", mode).unwrap_or(Mode::Incremental);
    let covered = |source: &&Source| scope.covers(source.kind());
    let uncovered = configured.iter().find(|source| sources.contains(&source.name) && !covered(source));
    if let Some(Source { name, .. }) = uncovered {
        reader.refuse("sources", &format!("'{name}' is not covered by scope = \"{scope}\"; change one of the two"));
    } else if !configured.is_empty() && !configured.iter().any(|source| covered(&source)) {
        reader.refuse("scope", &format!("'{scope}' covers none of the sources; there are: {}", names()));
    }
    ScheduledWork::Backup { scope, sources, mode }
}

fn schedule_name(text: &str) -> Parsed<String> {
    // The same rule: a name is typed on a command line, and stands in tables and in the audit trail.
    let fits = SourceName::new(text).map(|name| name.to_string());
    fits.map_err(|_| format!("'{text}' cannot name a schedule: 1 to 64 letters, digits, '_' or '-' of ASCII"))
}

fn cron(text: &str) -> Parsed<CronExpression> {
    CronExpression::parse(text).map_err(|bad| bad.to_string())
}

fn job(text: &str) -> Parsed<Job> {
    let found = [Job::Backup, Job::Verify, Job::Prune].into_iter().find(|job| job.as_str() == text);
    found.ok_or_else(|| format!("'{text}' is none of: backup, verify, prune"))
}

fn which(text: &str) -> Parsed<VerifyWhich> {
    match text {
        "all" => Ok(VerifyWhich::All),
        "oldest" => Ok(VerifyWhich::Oldest),
        other => Err(format!("'{other}' is none of: all, oldest")),
    }
}

fn scope(text: &str) -> Parsed<Scope> {
    text.parse().map_err(|unknown: crate::model::UnknownWord| unknown.to_string())
}

fn mode(text: &str) -> Parsed<Mode> {
    text.parse().map_err(|unknown: crate::model::UnknownWord| unknown.to_string())
}
