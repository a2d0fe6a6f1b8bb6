//! The daemon through 400 days: what it kept, removed, ran and told, held against what the rules say.
//!
//! The parts are the real ones, put together as the start of the daemon does; only threads and sockets are left out, and
//! each job runs to its end before the clock goes on. The [`Reckoning`] knows nothing of the code: it counts anew, in the
//! most simple way, what has to come of what happened. After every step the two are compared.

mod clinic;
mod reckoning;
mod rules;

use jiff::{SignedDuration, Timestamp};

use self::clinic::Clinic;
use self::reckoning::Reckoning;
use crate::catalog::{BackupSpec, Job, JobSpec, Lane, PruneSpec};
use crate::model::{BackupId, Mode, Scope, SourceName};

/// The sources that are backed up.
const SOURCES: [&str; 2] = ["data", "studies"];

/// A leap year's January in Berlin. All files on the disk are newer, so that none is taken for unchanged by its times.
const START: &str = "2024-01-01T12:00:00+01:00";

const DAYS: i64 = 400;

const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Numbers that look like chance, and are the same each time (SplitMix64).
struct Chance(u64);

impl Chance {
    /// One of `0..below`.
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn minutes(&mut self, below: i64) -> SignedDuration {
        SignedDuration::from_mins(i64::try_from(self.below(u64::try_from(below).unwrap())).unwrap())
    }
}

/// How often each thing happened of which the year is to be full.
#[derive(Debug, Default)]
struct Happened {
    suspends: usize,
    restarts: usize,
    crashes: usize,
    failed_backups: usize,
    deleted: usize,
    refused: usize,
}

struct Year {
    clinic: Clinic,
    reckoning: Reckoning,
    chance: Chance,
    happened: Happened,
    /// Until when each source cannot be read.
    unreadable_until: [Option<Timestamp>; 2],
}

impl Year {
    fn new(seed: u64) -> Self {
        let start: Timestamp = START.parse().unwrap();
        let (clinic, reckoning) = (Clinic::open(start), Reckoning::new(start));
        let happened = Happened::default();
        Self { clinic, reckoning, chance: Chance(seed), happened, unreadable_until: [None; 2] }
    }

    fn now(&self) -> Timestamp {
        self.clinic.clock.now()
    }

    /// The daemon wakes when it wanted to, a little late, or when the machine does.
    fn sleep_until(&mut self, wanted: Timestamp) {
        let late = if self.chance.one_in(30) {
            self.happened.suspends += 1;
            self.chance.minutes(3 * 24 * 60)
        } else if self.chance.one_in(2) {
            SignedDuration::ZERO
        } else {
            self.chance.minutes(5 * 60)
        };
        let until = (wanted + late).max(self.now());
        self.clinic.clock.advance(until.duration_since(self.now()));
    }

    /// People work on the data; now and then some of it cannot be read for up to three days.
    fn work(&mut self) {
        self.clinic.change_data();
        for (nth, name) in SOURCES.iter().enumerate() {
            match self.unreadable_until[nth] {
                Some(until) if until <= self.now() => {
                    self.unreadable_until[nth] = None;
                    self.clinic.put_back(name);
                }
                None if self.chance.one_in(40) => {
                    self.unreadable_until[nth] = Some(self.now() + self.chance.minutes(3 * 24 * 60));
                    self.clinic.take_away(name);
                }
                _ => {}
            }
        }
    }

    /// As one of the daemon's rounds: the schedules, the jobs that come of them, and the alerts, before and after.
    fn round(&mut self) -> Timestamp {
        let wake = self.clinic.tick();
        assert_eq!(wake, self.reckoning.schedules_until(self.now()), "the next due time after {}", self.now());
        self.look();
        self.run_jobs();
        wake
    }

    fn look(&mut self) {
        self.clinic.look();
        self.reckoning.look(self.now());
        assert_eq!(self.clinic.firing(), self.reckoning.firing(), "what fires at {}", self.now());
    }

    fn run_jobs(&mut self) {
        for lane in [Lane::Write, Lane::Read] {
            while let Some(job) = self.clinic.claim(lane) {
                self.run(&job);
            }
        }
        self.look();
        self.compare();
    }

    /// Runs a job to its end, unless the daemon is killed before it, or before its end is written down.
    fn run(&mut self, job: &Job) {
        if self.chance.one_in(80) {
            self.happened.crashes += 1;
            if self.chance.one_in(2) {
                let end = self.clinic.run(job);
                self.reckoning.did(job, &end, &self.clinic.content(), self.now());
            }
            self.clinic.restart();
            self.reckoning.interrupted(job);
            return;
        }
        let end = self.clinic.run(job);
        let did = self.reckoning.did(job, &end, &self.clinic.content(), self.now());
        self.clinic.finish(job, &end);
        self.reckoning.ended(job, did);
        match (&job.spec, did) {
            (JobSpec::Backup(_), false) => self.happened.failed_backups += 1,
            (JobSpec::Prune(_), true) => self.happened.deleted += 1,
            (JobSpec::Prune(_), false) => self.happened.refused += 1,
            _ => {}
        }
    }

    /// Somebody takes a backup, of everything or of one source, or deletes one.
    fn ask_for_something(&mut self) {
        let spec = if self.chance.one_in(2) {
            let named = self.chance.below(4);
            let named = SOURCES.get(usize::try_from(named).unwrap()).map(|name| SourceName::new(name).unwrap());
            JobSpec::Backup(BackupSpec {
                scope: Scope::All,
                sources: named.into_iter().collect(),
                mode: Mode::Incremental,
                is_mode_explicit: false,
                description: "by hand".to_owned(),
                rescan: false,
            })
        } else {
            let live: Vec<_> = self.reckoning.live().map(|made| made.id).collect();
            if live.is_empty() {
                return;
            }
            // The newest is chosen often, because it matters most.
            let nth = if self.chance.one_in(3) { live.len() as u64 - 1 } else { self.chance.below(live.len() as u64) };
            deletion(live[usize::try_from(nth).unwrap()])
        };
        self.ask_for(spec);
    }

    fn ask_for(&mut self, spec: JobSpec) {
        self.clinic.clock.advance(SignedDuration::from_mins(1));
        self.clinic.enqueue(spec);
        self.run_jobs();
    }

    /// What is restorable, what lies in the trash, and every file of the store.
    fn compare(&self) {
        let now = self.now();
        assert_eq!(self.clinic.listed(), self.reckoning.listed(), "backups and trash at {now}");
        assert_eq!(self.clinic.archives(), self.reckoning.archives(), "archives in the store at {now}");
        assert_eq!(self.clinic.removal_waits(), None, "nothing is in doubt");
    }

    /// Restores the oldest, the newest and one of the others, and compares what came with what there was then.
    fn restore_some(&mut self) {
        let live = self.reckoning.live().count();
        let chosen = [0, live.saturating_sub(1), usize::try_from(self.chance.below(live.max(1) as u64)).unwrap()];
        for (_, made) in self.reckoning.live().enumerate().filter(|(nth, _)| chosen.contains(nth)) {
            assert_eq!(self.clinic.restored(made.id), made.content, "{}", made.filename);
        }
    }

    fn live_through_it(&mut self) {
        let end = self.now() + SignedDuration::from_hours(24 * DAYS);
        let mut week_over = self.now() + WEEK;
        let mut wake = self.round();
        while self.now() < end {
            self.sleep_until(wake);
            self.work();
            if self.chance.one_in(40) {
                self.happened.restarts += 1;
                self.clinic.restart();
            }
            wake = self.round();
            let live: Vec<BackupId> = self.reckoning.live().map(|made| made.id).collect();
            if let [only] = live[..] {
                self.ask_for(deletion(only));
            } else if self.chance.one_in(6) {
                self.ask_for_something();
            }
            if self.now() >= week_over {
                self.compare_what_was_told(week_over - WEEK);
                week_over = self.now() + WEEK;
                self.restore_some();
            }
        }
    }

    /// Every due time since then, every alert and every end of a job: what the catalog and the letters say of each.
    fn compare_what_was_told(&self, since: Timestamp) {
        assert_eq!(self.clinic.ran(since), self.reckoning.ran(since), "the due times of which jobs came");
        assert_eq!(self.clinic.skipped(), self.reckoning.skipped(), "the due times that were skipped");
        for recipient in clinic::RECIPIENTS {
            let (alerts, ends) = self.clinic.told(recipient);
            assert_eq!(alerts, self.reckoning.told_of_alerts(), "what {recipient} heard of alerts");
            assert_eq!(ends, self.reckoning.told_of_ends(), "what {recipient} heard of jobs");
        }
        assert_eq!(self.clinic.failed_backup_jobs(), *self.reckoning.failed_backup_jobs());
    }
}

fn deletion(id: BackupId) -> JobSpec {
    JobSpec::Prune(PruneSpec { backups: vec![id], reason: "not needed".to_owned() })
}

#[test]
fn through_400_days_of_trouble_the_daemon_keeps_removes_runs_and_tells_just_what_the_rules_say() {
    let mut year = Year::new(7);
    year.live_through_it();

    year.compare_what_was_told(START.parse().unwrap());
    year.clinic.catalog().verify_audit().unwrap();
    for made in year.reckoning.live() {
        assert_eq!(year.clinic.restored(made.id), made.content, "{}", made.filename);
    }

    // What did not happen was not tested.
    let Happened { suspends, restarts, crashes, failed_backups, deleted, refused } = year.happened;
    assert!(suspends > 10 && restarts > 10 && crashes > 5, "{:?}", year.happened);
    assert!(failed_backups > 20 && deleted > 20, "{:?}", year.happened);
    assert!(refused > 0, "{:?}", year.happened);
    let skipped = year.reckoning.skipped();
    let often = |name: &str| skipped.iter().any(|(of, times, _)| of == name && *times > 20);
    assert!(often("nightly") && often("daily-prune"), "{skipped:?}");
    let kinds = ["missing_backup/data", "missing_backup/studies", "backup_failed/data", "schedule_skipped/nightly"];
    for key in kinds {
        assert!(year.reckoning.told_of_alerts().iter().any(|(told, _, _)| told == key), "{key} was never told of");
    }
    // The last thirty days and the months before them, but for what people deleted.
    let whole = year.reckoning.live().filter(|made| made.sources.len() == SOURCES.len()).count();
    assert!((30..=45).contains(&whole), "{whole}");
    assert!(year.reckoning.expired() > 150, "{}", year.reckoning.expired());
}
