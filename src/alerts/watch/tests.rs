//! The watch under a clock that the test moves, on a real catalog and a real store.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::alerts::state::NoSchedules;
use crate::alerts::testing::settings;
use crate::archive::Codec;
use crate::audit::{Actor, Entry};
use crate::catalog::samples::{actor, backup, backup_spec, entry, new_job, restore_point, time, verify_spec};
use crate::catalog::{Acknowledgement, AuditFilter, BackupRecord, Catalog, JobEnd, JobOutcome, JobSpec, Lane};
use crate::clock::Clock;
use crate::config::{Hooks, MinFree};
use crate::job::{Restores, Settings};
use crate::model::{Class, ErrorCode, Sha256, SourceName};
use crate::source::{JsonFile, SeenFolder};
use crate::store::{Leases, LocalStore};

/// No job gets anywhere.
#[derive(Debug)]
struct StandStill;

impl RunningJobs for StandStill {
    fn progress(&self, _id: JobId) -> Option<Snapshot> {
        Some(Snapshot { phase: "read".to_owned(), ..Snapshot::default() })
    }
}

/// A daemon without its queue: a JSON file, a store, a catalog, and a clock.
struct Stage {
    watch: AlertWatch,
    catalog: Catalog,
    clock: Clock,
    jobs: Arc<Jobs>,
    dir: TempDir,
}

impl Stage {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("data.json"), b"{}").unwrap();
        let clock = Clock::manual(time(0));
        let (catalog, _) = Catalog::open(&dir.path().join("catalog.db"), clock.now()).unwrap();
        let store = LocalStore::open(&dir.path().join("backups"), None, clock.now()).unwrap();
        let source =
            JsonFile::new(SourceName::new("data").unwrap(), dir.path().join("data.json"), Vec::new(), clock.clone());
        let parts = Parts {
            catalog: catalog.clone(),
            store: Arc::new(store),
            leases: Leases::default(),
            clock: clock.clone(),
            sources: vec![Arc::new(source.unwrap())],
            seen: SeenFolder::new(dir.path(), clock.clone()),
            restores: Restores::new(dir.path(), clock.clone()),
            settings: Settings {
                codec: Codec::None,
                threads: 1,
                min_free: MinFree::Bytes(0),
                full_every: None,
                host: "clinic".to_owned(),
                keep_replaced: Duration::ZERO,
                hooks: Hooks::default(),
            },
        };
        let jobs = Arc::new(Jobs::new(parts));
        Self { watch: watch(&jobs), catalog, clock, jobs, dir }
    }

    /// As a new daemon begins: only what was written down is known.
    fn restart(&mut self) {
        self.watch = watch(&self.jobs);
    }

    fn look_after(&self, minutes: i64) {
        self.clock.advance(SignedDuration::from_mins(minutes));
        self.watch.look().unwrap();
    }

    /// What was told since it was last asked, delivered by that: to whom, and the title.
    fn told(&self) -> Vec<String> {
        let rows = self.catalog.waiting_notices().unwrap();
        let title = |row: &crate::catalog::OutboxRow| {
            let notice: Notice = serde_json::from_value(row.notice.clone()).unwrap();
            format!("{} {}: {}", row.channel, row.recipient, notice.title)
        };
        rows.iter().for_each(|row| self.catalog.notice_delivered(row.seq, self.clock.now()).unwrap());
        rows.iter().map(title).collect()
    }

    fn firing(&self) -> Vec<String> {
        self.catalog.firing_alerts().unwrap().into_iter().map(|alert| alert.key).collect()
    }

    /// Runs a job to this end, without any work.
    fn run(&self, spec: JobSpec, outcome: JobOutcome) -> JobId {
        let lane = spec.lane();
        let id = self.catalog.enqueue(&new_job(spec), &actor()).unwrap().id;
        self.catalog.claim_next(lane, self.clock.now()).unwrap().unwrap();
        self.catalog.finish_job(id, &JobEnd::from(outcome), Vec::new(), self.clock.now()).unwrap();
        id
    }

    /// A backup of this moment is in the store and in the catalog.
    fn publish(&self) {
        let store = &self.jobs.parts().store;
        let partial = store.create(Class::Backup, self.clock.now(), Codec::None).unwrap();
        partial.file().unwrap().write_all(b"an archive").unwrap();
        let name = store.publish(partial, Sha256::of(b"an archive")).unwrap();
        let mut point = restore_point(1);
        point.metadata.created_at = self.clock.now();
        let record = BackupRecord::of_archive(&point, &name.to_string(), 10, None);
        self.catalog.insert_backup(&record, &entry("backup.add")).unwrap();
    }

    fn fail(&self) -> JobId {
        self.run(backup_spec(), failed())
    }

    fn store_dir(&self) -> PathBuf {
        self.dir.path().join("backups")
    }

    fn actions(&self) -> Vec<String> {
        let records = self.catalog.audit_records(&AuditFilter::default()).unwrap();
        records.into_iter().map(|record| record.entry.action).filter(|action| action.starts_with("alert.")).collect()
    }
}

fn watch(jobs: &Arc<Jobs>) -> AlertWatch {
    let mut settings = settings();
    // What is free on this machine is not what the test is about.
    settings.alerts.low_disk = MinFree::Bytes(0);
    AlertWatch::new(Arc::clone(jobs), Arc::new(StandStill), Arc::new(NoSchedules), settings)
}

fn failed() -> JobOutcome {
    JobOutcome::ended_by(crate::catalog::JobError {
        code: ErrorCode::Failed,
        message: "/srv/secret.json: gone".to_owned(),
        hint: "look at /srv/secret.json".to_owned(),
    })
}

const HOUR: i64 = 60;
const MISSING: &str = "email admin@example.com: source 'data' has no usable backup";
const STILL_MISSING: &str = "email admin@example.com: still: source 'data' has no usable backup";
const NOBODY: [&str; 0] = [];

#[test]
fn an_alert_fires_once_and_is_reminded_of_each_day_until_it_is_acknowledged_or_over() {
    let stage = Stage::new();
    stage.look_after(0);
    stage.look_after(36 * HOUR);
    assert_eq!(stage.told(), NOBODY, "there was time for a backup until now");
    stage.look_after(1);
    assert_eq!((stage.firing(), stage.told()), (vec!["missing_backup/data".to_owned()], vec![MISSING.to_owned()]));

    stage.look_after(1);
    stage.look_after(24 * HOUR - 2);
    assert_eq!(stage.told(), NOBODY);
    for _day in 0..3 {
        stage.look_after(1);
        assert_eq!(stage.told(), [STILL_MISSING]);
        stage.look_after(24 * HOUR - 1);
        assert_eq!(stage.told(), NOBODY);
    }

    let id = stage.catalog.firing_alerts().unwrap()[0].id;
    let known = Acknowledgement { who: "alice".to_owned(), at: stage.clock.now(), why: "moving house".to_owned() };
    stage.catalog.acknowledge_alert(id, &known, &actor()).unwrap();
    for _day in 0..3 {
        stage.look_after(24 * HOUR);
    }
    assert_eq!((stage.told(), stage.firing().len()), (vec![], 1));

    stage.publish();
    stage.look_after(1);
    assert_eq!(stage.told(), ["email admin@example.com: over: source 'data' has no usable backup"]);
    assert_eq!(stage.firing(), NOBODY);
    assert_eq!(stage.actions(), ["alert.fire", "alert.ack", "alert.resolve"]);
    stage.look_after(37 * HOUR);
    assert!(stage.told()[0].contains("the newest backup of source 'data' is 37 h old"), "it may fire again");
}

#[test]
fn a_new_daemon_goes_on_where_the_last_one_was() {
    let mut stage = Stage::new();
    stage.look_after(0);
    stage.look_after(37 * HOUR);
    assert_eq!(stage.told(), [MISSING]);
    stage.restart();
    stage.look_after(0);
    stage.look_after(23 * HOUR);
    assert_eq!(stage.told(), NOBODY, "it fires already");
    stage.restart();
    stage.look_after(HOUR);
    assert_eq!(stage.told(), [STILL_MISSING]);
    assert_eq!(stage.actions(), ["alert.fire"]);
}

#[test]
fn reminders_go_on_when_the_clock_was_set_back_by_years() {
    let stage = Stage::new();
    stage.look_after(0);
    stage.look_after(40 * 365 * 24 * HOUR);
    assert_eq!(stage.told(), [MISSING]);
    // Known since before that, so it still fires.
    stage.look_after(-30 * 365 * 24 * HOUR);
    assert_eq!(stage.told(), [STILL_MISSING]);
    stage.look_after(24 * HOUR);
    assert_eq!(stage.told(), [STILL_MISSING]);
}

#[test]
fn a_disk_that_comes_and_goes_is_one_alert_until_it_was_there_for_a_while() {
    let mut stage = Stage::new();
    let (here, away) = (stage.store_dir(), stage.dir.path().join("away"));
    stage.watch.replace_settings({
        let mut settings = AlertSettings::clone(&stage.watch.settings());
        settings.alerts.email_on.insert(EventKind::StoreMissing);
        settings
    });
    stage.look_after(0);
    fs::rename(&here, &away).unwrap();
    stage.look_after(1);
    assert_eq!((stage.firing(), stage.told().len()), (vec!["store".to_owned()], 1));
    for _ in 0..5 {
        fs::rename(&away, &here).unwrap();
        stage.look_after(1);
        stage.look_after(3);
        fs::rename(&here, &away).unwrap();
        stage.look_after(1);
    }
    assert_eq!((stage.firing(), stage.told()), (vec!["store".to_owned()], vec![]));
    fs::rename(&away, &here).unwrap();
    stage.look_after(1);
    stage.look_after(5);
    assert_eq!(stage.firing(), NOBODY);
    let told = stage.told();
    assert!(told.len() == 1 && told[0].starts_with("email admin@example.com: over: the backup store"), "{told:?}");
    assert_eq!(stage.actions(), ["alert.fire", "alert.resolve"]);
    stage.restart();
    stage.look_after(1);
    assert_eq!(stage.told(), NOBODY);
}

#[test]
fn a_failed_backup_is_told_of_by_its_job_then_reminded_of_and_over_with_the_next_that_succeeds() {
    let stage = Stage::new();
    stage.look_after(0);
    stage.fail();
    stage.look_after(1);
    let failure = ["email admin@example.com", "email alice@example.com", "webhook monitor"];
    assert_eq!(stage.told(), failure.map(|to| format!("{to}: the backup failed")));
    assert_eq!(stage.firing(), ["backup_failed/data"]);
    stage.fail();
    stage.look_after(1);
    assert_eq!(stage.told().len(), 3, "the job, and no second alert");
    stage.look_after(24 * HOUR);
    let told = stage.told();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("email admin@example.com: still: the last backup job that covered source 'data' failed")
    );
    stage.run(backup_spec(), JobOutcome::done(Vec::new()));
    stage.look_after(1);
    assert_eq!(stage.firing(), NOBODY);
    assert!(stage.told()[0].contains("over: the last backup job that covered source 'data'"));
    assert_eq!(stage.actions(), ["alert.fire", "alert.resolve"]);
}

#[test]
fn what_a_person_stopped_is_told_to_nobody() {
    let stage = Stage::new();
    let cancelled =
        crate::catalog::JobError { code: ErrorCode::Cancelled, message: "cancelled".to_owned(), hint: String::new() };
    stage.run(backup_spec(), JobOutcome::ended_by(cancelled));
    stage.look_after(1);
    assert_eq!((stage.told(), stage.firing()), (vec![], vec![]));
    assert_eq!(stage.catalog.untold_jobs().unwrap(), []);
}

#[test]
fn however_many_alerts_of_a_kind_fire_at_once_somebody_is_told_once() {
    let stage = Stage::new();
    let mut settings = AlertSettings::clone(&stage.watch.settings());
    settings.alerts.email_on = [EventKind::Corruption].into();
    stage.watch.replace_settings(settings);
    for n in 1..=30 {
        stage.catalog.insert_backup(&backup(n), &entry("backup.add")).unwrap();
    }
    stage.look_after(0);
    assert_eq!(stage.firing().len(), 30, "none of their archives is there");
    let rows = stage.catalog.waiting_notices().unwrap();
    assert_eq!(rows.len(), 1);
    let notice: Notice = serde_json::from_value(rows[0].notice.clone()).unwrap();
    assert!(notice.title.starts_with("30 × corruption: archive-"), "{}", notice.title);
    assert_eq!((notice.key.as_str(), notice.facts.len(), notice.steps.len()), ("", 21, 20));
    assert_eq!(notice.contact, "Dr. A. Admin, ext. 17");
    assert_eq!(notice.facts[20].value, "10 more: carelogctl alerts");
}

#[test]
fn what_a_lost_store_holds_is_not_said_to_be_sound() {
    let stage = Stage::new();
    stage.catalog.insert_backup(&backup(1), &entry("backup.add")).unwrap();
    stage.look_after(0);
    let damage = stage.firing();
    assert_eq!(damage.len(), 1, "{damage:?}");
    fs::rename(stage.store_dir(), stage.dir.path().join("away")).unwrap();
    for _ in 0..10 {
        stage.look_after(2);
    }
    assert_eq!(stage.firing(), [damage[0].clone(), "store".to_owned()]);
}

#[test]
fn a_job_is_told_of_once_wherever_the_daemon_is_killed() {
    let stage = Stage::new();
    let job = stage.fail();
    // What a kill leaves: the files, in the middle of everything.
    let killed_now = || {
        let dir = TempDir::new().unwrap();
        for name in ["catalog.db", "catalog.db-wal"] {
            fs::copy(stage.dir.path().join(name), dir.path().join(name)).unwrap();
        }
        let (catalog, _) = Catalog::open(&dir.path().join("catalog.db"), time(9)).unwrap();
        (catalog, dir)
    };
    let (before, _dir_before) = killed_now();
    stage.look_after(0);
    let (after, _dir_after) = killed_now();
    for catalog in [before, after] {
        let parts = Parts { catalog: catalog.clone(), ..Parts::clone(&stage.jobs.parts()) };
        let next = watch(&Arc::new(Jobs::new(parts)));
        for _ in 0..3 {
            next.look().unwrap();
        }
        let rows = catalog.waiting_notices().unwrap();
        let ids: Vec<_> = rows.iter().map(|row| row.notice["id"].clone()).collect();
        assert_eq!(rows.len(), 3, "{rows:#?}");
        assert!(ids.iter().all(|id| *id == ids[0]), "one notice, to three recipients");
        assert_eq!(catalog.untold_jobs().unwrap(), []);
        assert_eq!(catalog.job(job).unwrap().state, JobState::Failed);
    }
}

#[test]
fn a_job_that_does_not_get_on_is_alerted_of_but_not_for_a_night_that_the_machine_slept() {
    let stage = Stage::new();
    let id = stage.catalog.enqueue(&new_job(verify_spec()), &actor()).unwrap().id;
    stage.catalog.claim_next(Lane::Read, time(0)).unwrap().unwrap();
    stage.look_after(0);
    stage.look_after(8 * HOUR);
    assert_eq!(stage.firing(), NOBODY, "it slept");
    for _ in 0..27 {
        stage.look_after(1);
    }
    assert_eq!(stage.firing(), NOBODY);
    stage.look_after(1);
    assert_eq!(stage.firing(), [format!("stalled_job/{id}")]);
    stage.catalog.finish_job(id, &JobEnd::from(JobOutcome::done(Vec::new())), Vec::new(), stage.clock.now()).unwrap();
    stage.look_after(1);
    assert_eq!(stage.firing(), NOBODY);
}

#[test]
fn an_idle_look_writes_nothing() {
    let stage = Stage::new();
    stage.look_after(0);
    let changes = || fs::metadata(stage.dir.path().join("catalog.db-wal")).unwrap().len();
    let before = changes();
    for _ in 0..60 {
        stage.look_after(1);
    }
    assert_eq!(changes(), before);
}

#[test]
fn what_is_observed_for_a_status_changes_nothing() {
    let stage = Stage::new();
    stage.look_after(0);
    stage.clock.advance(SignedDuration::from_hours(48));
    let state = stage.watch.observe().unwrap();
    assert_eq!(
        conditions(&state).len(),
        2,
        "no backup, and it lies on the disk of the data: {:#?}",
        conditions(&state)
    );
    assert_eq!((stage.firing(), stage.told()), (vec![], vec![]));
    let record = Entry::new(time(0), Actor::daemon("test"), "test", "");
    stage.catalog.record(&record).unwrap();
}
