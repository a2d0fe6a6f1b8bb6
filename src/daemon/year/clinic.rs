//! A clinic's data, and the daemon's parts around it, put together as the start of the daemon does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::reckoning::{Content, Told};
use crate::alerts::{AlertSettings, AlertWatch, Notice, Occasion, RunningJobs};
use crate::catalog::samples::{actor, requester};
use crate::catalog::{
    AuditFilter, BackupFilter, Begun, Catalog, CatalogError, Job, JobEnd, JobFilter, JobSpec, Lane, NewJob,
    RestoreSpec, samples,
};
use crate::clock::Clock;
use crate::config::Config;
use crate::daemon::outlook::ScheduleOutlook;
use crate::daemon::{parts, recover, settle};
use crate::job::{Jobs, Runner};
use crate::model::{BackupId, BackupState, EventKind, JobId, JobKind, JobState};
use crate::progress::{Progress, Snapshot};
use crate::queue::EnqueueError;
use crate::scheduler::{Enqueue, Scheduler};
use crate::store::ArchiveName;

/// Who is told of everything.
pub(super) const RECIPIENTS: [&str; 2] = ["admin@example.com", "monitor"];

const CONFIG: &str = r#"
[daemon]
state_dir = "DIR/state"
timezone = "Europe/Berlin"
[backup]
dir = "DIR/store"
compression = "none"
threads = 1
min_free = "0"
[[source]]
name = "data"
type = "json"
path = "DIR/data.json"
[[source]]
name = "studies"
type = "files"
path = "DIR/studies"
[[schedule]]
name = "nightly"
cron = "30 2 * * *"
job = "backup"
catch_up = "12h"
jitter = "0s"
[[schedule]]
name = "weekly-verify"
cron = "0 5 * * 0"
job = "verify"
which = "all"
catch_up = "72h"
jitter = "0s"
[[schedule]]
name = "daily-prune"
cron = "15 4 * * *"
job = "prune"
catch_up = "6h"
jitter = "0s"
[alerts]
low_disk = "0"
[email]
host = "mail.example.com"
from = "backup@example.com"
admins = ["admin@example.com"]
[[webhook]]
name = "monitor"
url = "https://monitor.example.com/hook"
"#;

/// What waits is run by the test.
struct Waiting;

impl Enqueue for Waiting {
    fn add(&self, add: &mut dyn FnMut() -> Result<Option<Begun>, CatalogError>) -> Result<Option<Begun>, EnqueueError> {
        Ok(add()?)
    }
}

/// Nothing runs while somebody looks.
#[derive(Debug)]
struct NoneRuns;

impl RunningJobs for NoneRuns {
    fn progress(&self, _id: JobId) -> Option<Snapshot> {
        None
    }
}

/// The daemon from one start to the next.
struct Daemon {
    catalog: Catalog,
    jobs: Arc<Jobs>,
    scheduler: Arc<Scheduler>,
    alerts: AlertWatch,
}

impl Daemon {
    fn start(config: &Config, clock: &Clock) -> Self {
        let state_dir = &config.daemon.state_dir;
        let (catalog, opened) = Catalog::open(&state_dir.join("catalog.db"), clock.now()).unwrap();
        let store = recover::open_store(config, &catalog, clock).unwrap();
        recover::reconcile(&catalog, &*store, &opened, clock).unwrap();
        let parts = parts::build(config, catalog.clone(), store, clock.clone()).unwrap();
        settle::settle_restores(&parts).unwrap();
        let jobs = Arc::new(Jobs::new(parts));
        jobs.remove_unneeded_archives();
        catalog.mark_interrupted(clock.now()).unwrap();
        let schedules = config.schedules.clone();
        let scheduler = Scheduler::new(catalog.clone(), Arc::new(Waiting), clock.clone(), schedules).unwrap();
        let scheduler = Arc::new(scheduler);
        let outlook = Arc::new(ScheduleOutlook::new(Arc::clone(&scheduler), Arc::clone(&jobs)));
        let alerts = AlertWatch::new(Arc::clone(&jobs), Arc::new(NoneRuns), outlook, AlertSettings::of(config));
        Self { catalog, jobs, scheduler, alerts }
    }
}

/// The clinic.
pub(super) struct Clinic {
    pub(super) clock: Clock,
    config: Config,
    /// `None` only between an end and the next start.
    daemon: Option<Daemon>,
    letters: Vec<(String, Notice)>,
    changes: usize,
    dir: TempDir,
}

impl Clinic {
    pub(super) fn open(start: Timestamp) -> Self {
        // In memory where that can be: thousands of transactions wait for the disk.
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
        for name in ["state", "studies"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let text = CONFIG.replace("DIR", dir.path().to_str().unwrap());
        let config = Config::parse(Path::new("carelogd.toml"), &text, &|_: &str| None).unwrap();
        let clock = Clock::manual(start);
        let daemon = Some(Daemon::start(&config, &clock));
        let clinic = Self { clock, config, daemon, letters: Vec::new(), changes: 0, dir };
        for nth in 0..3 {
            clinic.write(nth, 0);
        }
        clinic
    }

    fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().unwrap()
    }

    pub(super) fn catalog(&self) -> &Catalog {
        &self.daemon().catalog
    }

    /// The daemon ends, however it does, and starts again: only what was written down is known.
    pub(super) fn restart(&mut self) {
        self.daemon = None;
        self.daemon = Some(Daemon::start(&self.config, &self.clock));
    }

    /// Where a source lies, and where it is while it cannot be read.
    fn places(&self, source: &str) -> (PathBuf, PathBuf) {
        let name = if source == "data" { "data.json" } else { "studies" };
        (self.dir.path().join(name), self.dir.path().join(format!("{name}.away")))
    }

    pub(super) fn take_away(&self, source: &str) {
        let (here, away) = self.places(source);
        fs::rename(here, away).unwrap();
    }

    pub(super) fn put_back(&self, source: &str) {
        let (here, away) = self.places(source);
        fs::rename(away, here).unwrap();
    }

    /// Writes the record, and one of the studies, unless they are away.
    pub(super) fn change_data(&mut self) {
        self.changes += 1;
        self.write(self.changes % 3, self.changes);
    }

    fn write(&self, nth: usize, version: usize) {
        let (record, studies) = (self.places("data").0, self.places("studies").0);
        if version == 0 || record.exists() {
            let patients: Vec<String> = (0..5).map(|id| format!(r#"{{"id":{id},"visits":{version}}}"#)).collect();
            fs::write(record, format!(r#"{{"patients":[{}],"version":{version}}}"#, patients.join(","))).unwrap();
        }
        if studies.exists() {
            fs::write(studies.join(format!("{nth}.dcm")), format!("study {nth}, version {version}")).unwrap();
        }
    }

    /// What can be read at this moment.
    pub(super) fn content(&self) -> Content {
        let mut content = Content::new();
        for source in super::SOURCES {
            collect(&self.places(source).0, &mut content);
        }
        content
    }

    pub(super) fn tick(&self) -> Timestamp {
        self.daemon().scheduler.tick().unwrap().unwrap()
    }

    /// Looks at the alerts, and delivers what is to be told.
    pub(super) fn look(&mut self) {
        self.daemon().alerts.look().unwrap();
        for row in self.catalog().waiting_notices().unwrap() {
            self.catalog().notice_delivered(row.seq, self.clock.now()).unwrap();
            self.letters.push((row.recipient, serde_json::from_value(row.notice).unwrap()));
        }
    }

    pub(super) fn enqueue(&self, spec: JobSpec) {
        let job = NewJob::new(spec, requester(), self.clock.now());
        self.catalog().enqueue(&job, &actor()).unwrap();
    }

    pub(super) fn claim(&self, lane: Lane) -> Option<Job> {
        self.catalog().claim_next(lane, self.clock.now()).unwrap()
    }

    pub(super) fn run(&self, job: &Job) -> JobEnd {
        self.daemon().jobs.run(job, None, &Progress::new(CancellationToken::new()))
    }

    pub(super) fn finish(&self, job: &Job, end: &JobEnd) {
        self.catalog().finish_job(job.id, end, Vec::new(), self.clock.now()).unwrap();
    }

    /// What a backup holds, written out elsewhere. Of this no job is on record: it is the test that asks.
    pub(super) fn restored(&self, backup: BackupId) -> Content {
        let JobSpec::Restore(spec) = samples::restore_spec(true) else { unreachable!("it is one") };
        let job = Job {
            id: JobId::generate(),
            spec: JobSpec::Restore(RestoreSpec { backup, ..spec }),
            state: JobState::Running,
            priority: 0,
            requested_by: requester(),
            requested_at: self.clock.now(),
            started_at: Some(self.clock.now()),
            finished_at: None,
            phases: Vec::new(),
            outcome: None,
        };
        let target = TempDir::new_in(self.dir.path()).unwrap();
        let directory = File::open(target.path()).unwrap().into();
        let progress = Progress::new(CancellationToken::new());
        let end = self.daemon().jobs.run(&job, Some(directory), &progress);
        assert_eq!(end.outcome.state, JobState::Succeeded, "{:?}", end.outcome);
        let mut content = Content::new();
        collect(target.path(), &mut content);
        content
    }

    pub(super) fn firing(&self) -> BTreeSet<String> {
        self.catalog().firing_alerts().unwrap().into_iter().map(|alert| alert.key).collect()
    }

    pub(super) fn removal_waits(&self) -> Option<String> {
        self.catalog().removal_waits().unwrap().map(|waits| waits.why)
    }

    /// Every backup but those of which only the archive is left, for others.
    pub(super) fn listed(&self) -> BTreeMap<BackupId, BackupState> {
        let backups = self.catalog().list_backups(&BackupFilter { all: true, ..BackupFilter::default() }).unwrap();
        let is_listed = |state: BackupState| state != BackupState::Retained;
        backups.iter().filter(|backup| is_listed(backup.state)).map(|backup| (backup.id, backup.state)).collect()
    }

    /// The archives in the store.
    pub(super) fn archives(&self) -> BTreeSet<String> {
        let names = fs::read_dir(&self.config.backup.dir).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter_map(|name| name.into_string().ok()).filter(|name| name.parse::<ArchiveName>().is_ok()).collect()
    }

    /// The due times of which jobs came since then, by the audit trail, in order of schedule and time.
    pub(super) fn ran(&self, since: Timestamp) -> Vec<(String, Timestamp)> {
        let filter = AuditFilter { since: Some(since), ..AuditFilter::default() };
        let records = self.catalog().audit_records(&filter).unwrap();
        let parameters = records.iter().map(|record| &record.entry).filter(|entry| entry.action == "job.enqueue");
        let mut ran: Vec<_> = parameters
            .filter_map(|entry| {
                let due = entry.parameters.get("due")?.parse().unwrap();
                Some((entry.parameters["schedule"].clone(), due))
            })
            .collect();
        ran.sort();
        ran
    }

    /// Of each schedule how often it was skipped, and the last time.
    pub(super) fn skipped(&self) -> Vec<(String, u64, Option<Timestamp>)> {
        let states = self.catalog().schedule_states().unwrap();
        states.into_iter().map(|state| (state.name, state.skipped, state.last_skipped)).collect()
    }

    /// What a recipient was told of alerts, and of the ends of jobs; a letter that is about several alerts as one of each.
    pub(super) fn told(&self, recipient: &str) -> (Vec<Told>, Vec<(String, EventKind)>) {
        let (mut alerts, mut ends) = (Vec::new(), Vec::new());
        for (_, notice) in self.letters.iter().filter(|(to, _)| to == recipient) {
            if notice.occasion == Occasion::Happened {
                let job = notice.facts.iter().find(|fact| fact.label == "Job").unwrap();
                ends.push((job.value.clone(), notice.event));
            } else {
                let facts = notice.facts.iter();
                alerts.extend(facts.map(|fact| (fact.label.clone(), notice.occasion.as_str(), notice.at)));
            }
        }
        alerts.sort();
        ends.sort();
        (alerts, ends)
    }

    /// The backup jobs that did not end well, by the catalog.
    pub(super) fn failed_backup_jobs(&self) -> BTreeSet<JobId> {
        let jobs = self.catalog().list_jobs(&JobFilter::default()).unwrap();
        let has_failed = |job: &&Job| {
            job.spec.kind() == JobKind::Backup && matches!(job.state, JobState::Failed | JobState::Interrupted)
        };
        jobs.iter().filter(has_failed).map(|job| job.id).collect()
    }
}

/// The files at or below a place, by their own names; none where nothing is.
fn collect(place: &Path, content: &mut Content) {
    if place.is_dir() {
        fs::read_dir(place).unwrap().for_each(|entry| collect(&entry.unwrap().path(), content));
    } else if let Ok(bytes) = fs::read(place) {
        content.insert(place.file_name().unwrap().to_str().unwrap().to_owned(), bytes);
    }
}
