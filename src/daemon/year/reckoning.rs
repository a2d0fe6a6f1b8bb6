//! What has to come of what happened, counted anew.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::SOURCES;
use super::rules::{RULES, is_kept};
use crate::alerts::Occasion;
use crate::catalog::{Job, JobEnd, JobSpec};
use crate::model::{BackupId, BackupState, EventKind, JobId, JobState};

const TRASH: SignedDuration = SignedDuration::from_hours(48);
const MISSING_AFTER: SignedDuration = SignedDuration::from_hours(36);
const REMIND_EVERY: SignedDuration = SignedDuration::from_hours(24);
const ON_TIME: SignedDuration = SignedDuration::from_mins(2);

/// The names and bytes of files.
pub(super) type Content = BTreeMap<String, Vec<u8>>;

/// What somebody was told of an alert: which, what became of it, and when.
pub(super) type Told = (String, &'static str, Timestamp);

/// A backup that was taken.
pub(super) struct Made {
    pub(super) id: BackupId,
    pub(super) filename: String,
    pub(super) at: Timestamp,
    pub(super) sources: BTreeSet<&'static str>,
    pub(super) content: Content,
    needs: Vec<BackupId>,
    is_verified: bool,
    trashed: Option<Timestamp>,
    is_gone: bool,
}

/// An alert that fires.
struct Firing {
    /// When somebody was last told.
    told: Timestamp,
}

/// How a schedule stands.
#[derive(Default)]
struct Standing {
    /// The due times of which a job came, each with when it did.
    ran: Vec<(Timestamp, Timestamp)>,
    skipped: u64,
    last_skipped: Option<Timestamp>,
}

/// The reckoning.
pub(super) struct Reckoning {
    began: Timestamp,
    decided_until: Timestamp,
    backups: Vec<Made>,
    expired: usize,
    /// The sources whose last backup failed.
    failed: BTreeSet<&'static str>,
    has_verify_failed: bool,
    schedules: BTreeMap<&'static str, Standing>,
    firing: BTreeMap<String, Firing>,
    told: Vec<Told>,
    ends: BTreeMap<JobId, EventKind>,
    failed_backup_jobs: BTreeSet<JobId>,
}

impl Reckoning {
    pub(super) fn new(began: Timestamp) -> Self {
        Self {
            began,
            decided_until: began,
            backups: Vec::new(),
            expired: 0,
            failed: BTreeSet::new(),
            has_verify_failed: false,
            schedules: RULES.iter().map(|rule| (rule.name, Standing::default())).collect(),
            firing: BTreeMap::new(),
            told: Vec::new(),
            ends: BTreeMap::new(),
            failed_backup_jobs: BTreeSet::new(),
        }
    }

    /// Of what was due since somebody last looked only the newest runs, if it is young enough. Returns the next due time.
    pub(super) fn schedules_until(&mut self, now: Timestamp) -> Timestamp {
        for rule in &RULES {
            let standing = self.schedules.get_mut(rule.name).unwrap();
            let mut due = rule.due(self.decided_until, now);
            let Some(newest) = due.pop() else { continue };
            let age = now.duration_since(newest);
            if age <= ON_TIME || age < rule.catch_up {
                standing.ran.push((newest, now));
            } else {
                due.push(newest);
            }
            standing.skipped += due.len() as u64;
            standing.last_skipped = due.last().copied().or(standing.last_skipped);
        }
        self.decided_until = now;
        RULES.iter().map(|rule| rule.next(now)).min().unwrap()
    }

    /// What a job did to the backups; whether it did what was asked.
    pub(super) fn did(&mut self, job: &Job, end: &JobEnd, content: &Content, now: Timestamp) -> bool {
        let did = match &job.spec {
            JobSpec::Backup(_) => self.back_up(job, end, content, now),
            JobSpec::Expire(_) => {
                self.prune(now);
                true
            }
            JobSpec::Prune(spec) => self.delete(spec.backups[0], now),
            JobSpec::Verify(_) => {
                self.backups.iter_mut().filter(|made| made.is_live()).for_each(|made| made.is_verified = true);
                true
            }
            other => panic!("nobody asks for {other:?}"),
        };
        let is_good = matches!(end.outcome.state, JobState::Succeeded | JobState::Warned);
        assert_eq!(is_good, did, "{:?} at {now}: {:?}", job.spec, end.outcome);
        did
    }

    /// What the end of a job says of its sources, and who hears of it.
    pub(super) fn ended(&mut self, job: &Job, did: bool) {
        match &job.spec {
            JobSpec::Backup(_) => {
                for source in covered(job) {
                    if did {
                        self.failed.remove(source)
                    } else {
                        self.failed.insert(source)
                    };
                }
                let event = if did { EventKind::BackupSuccess } else { EventKind::BackupFailure };
                self.ends.insert(job.id, event);
                if !did {
                    self.failed_backup_jobs.insert(job.id);
                }
            }
            JobSpec::Verify(_) => {
                self.has_verify_failed = !did;
                if !did {
                    self.ends.insert(job.id, EventKind::VerifyFailure);
                }
            }
            _ => {}
        }
    }

    /// The daemon was killed while the job ran, or right after it.
    pub(super) fn interrupted(&mut self, job: &Job) {
        self.ended(job, false);
    }

    fn back_up(&mut self, job: &Job, end: &JobEnd, content: &Content, now: Timestamp) -> bool {
        let sources = covered(job);
        let of = |source: &str, file: &str| file.ends_with(if source == "data" { ".json" } else { ".dcm" });
        let held = |source: &&str| content.keys().any(|file| of(source, file));
        if !sources.iter().all(held) {
            return false;
        }
        let record = end.backup.as_ref().unwrap_or_else(|| panic!("no backup at {now}: {:?}", end.outcome));
        let content = content.iter().filter(|(file, _)| sources.iter().any(|source| of(source, file)));
        self.backups.push(Made {
            id: record.id,
            filename: record.filename.clone(),
            at: now,
            content: content.map(|(file, bytes)| (file.clone(), bytes.clone())).collect(),
            sources,
            needs: record.needs.clone(),
            is_verified: false,
            trashed: None,
            is_gone: false,
        });
        true
    }

    fn prune(&mut self, now: Timestamp) {
        let live: Vec<&Made> = self.live().collect();
        let is_protected = |made: &Made| {
            made.sources.iter().any(|source| {
                let holding = || live.iter().filter(|other| other.sources.contains(source));
                let newest = holding().map(|other| other.at).max();
                let newest_verified = holding().filter(|other| other.is_verified).map(|other| other.at).max();
                newest == Some(made.at) || newest_verified == Some(made.at) || self.failed.contains(source)
            })
        };
        let expire: BTreeSet<BackupId> =
            live.iter().filter(|made| !is_kept(made, &live) && !is_protected(made)).map(|made| made.id).collect();
        self.expired += expire.len();
        for made in self.backups.iter_mut().filter(|made| expire.contains(&made.id)) {
            made.trashed = Some(now);
        }
        let goes = |made: &Made| {
            let is_over = made.trashed.is_some_and(|since| now.duration_since(since) >= TRASH);
            is_over && made.sources.is_disjoint(&self.failed) && !self.is_last_of_a_source(made)
        };
        let gone: BTreeSet<BackupId> =
            self.backups.iter().filter(|made| !made.is_gone && goes(made)).map(|made| made.id).collect();
        for made in self.backups.iter_mut().filter(|made| gone.contains(&made.id)) {
            made.is_gone = true;
        }
    }

    fn delete(&mut self, id: BackupId, now: Timestamp) -> bool {
        let made = self.backups.iter().find(|made| made.id == id).unwrap();
        if self.is_last_of_a_source(made) {
            return false;
        }
        let made = self.backups.iter_mut().find(|made| made.id == id).unwrap();
        made.trashed = Some(now);
        true
    }

    fn is_last_of_a_source(&self, made: &Made) -> bool {
        let is_elsewhere =
            |source: &&str| self.live().any(|other| other.id != made.id && other.sources.contains(*source));
        !made.sources.iter().all(is_elsewhere)
    }

    /// What fires now, and what is told of it.
    pub(super) fn look(&mut self, now: Timestamp) {
        let found = self.wrong_at(now);
        for key in &found {
            let is_told_by_job = key.starts_with("backup_failed/") || key == "verify_failed";
            match self.firing.get_mut(key) {
                None => {
                    self.firing.insert(key.clone(), Firing { told: now });
                    if !is_told_by_job {
                        self.told.push((key.clone(), Occasion::Fired.as_str(), now));
                    }
                }
                Some(firing) if now.duration_since(firing.told) >= REMIND_EVERY => {
                    firing.told = now;
                    self.told.push((key.clone(), Occasion::Reminder.as_str(), now));
                }
                Some(_) => {}
            }
        }
        let over: Vec<String> = self.firing.keys().filter(|key| !found.contains(*key)).cloned().collect();
        for key in over {
            self.firing.remove(&key);
            self.told.push((key, Occasion::Resolved.as_str(), now));
        }
    }

    fn wrong_at(&self, now: Timestamp) -> BTreeSet<String> {
        let mut wrong: BTreeSet<String> = self.failed.iter().map(|source| format!("backup_failed/{source}")).collect();
        for source in SOURCES {
            let newest = self.live().filter(|made| made.sources.contains(source)).map(|made| made.at).max();
            if now.duration_since(newest.unwrap_or(self.began)) > MISSING_AFTER {
                wrong.insert(format!("missing_backup/{source}"));
            }
        }
        if self.has_verify_failed {
            wrong.insert("verify_failed".to_owned());
        }
        for (name, standing) in &self.schedules {
            if standing.last_skipped > standing.ran.last().map(|(due, _)| *due) {
                wrong.insert(format!("schedule_skipped/{name}"));
            }
        }
        wrong
    }

    /// What can be restored, the oldest first.
    pub(super) fn live(&self) -> impl Iterator<Item = &Made> {
        self.backups.iter().filter(|made| made.is_live())
    }

    /// Every backup that can be restored or taken back.
    pub(super) fn listed(&self) -> BTreeMap<BackupId, BackupState> {
        let state = |made: &Made| if made.trashed.is_some() { BackupState::Trashed } else { BackupState::Available };
        self.backups.iter().filter(|made| !made.is_gone).map(|made| (made.id, state(made))).collect()
    }

    /// The archives that have to be in the store: those of what is listed, and those of which these need something.
    pub(super) fn archives(&self) -> BTreeSet<String> {
        let listed = || self.backups.iter().filter(|made| !made.is_gone);
        let needed: BTreeSet<BackupId> =
            listed().flat_map(|made| made.needs.iter().copied().chain([made.id])).collect();
        self.backups.iter().filter(|made| needed.contains(&made.id)).map(|made| made.filename.clone()).collect()
    }

    pub(super) const fn expired(&self) -> usize {
        self.expired
    }

    pub(super) fn firing(&self) -> BTreeSet<String> {
        self.firing.keys().cloned().collect()
    }

    /// The due times of which jobs came since then, in order of schedule and time.
    pub(super) fn ran(&self, since: Timestamp) -> Vec<(String, Timestamp)> {
        let of = |(name, standing): (&&str, &Standing)| {
            let ran = standing.ran.iter().filter(|(_, at)| *at >= since);
            ran.map(|(due, _)| ((*name).to_owned(), *due)).collect::<Vec<_>>()
        };
        self.schedules.iter().flat_map(of).collect()
    }

    /// Of each schedule how often, and the last time.
    pub(super) fn skipped(&self) -> Vec<(String, u64, Option<Timestamp>)> {
        let of = |(name, standing): (&&str, &Standing)| ((*name).to_owned(), standing.skipped, standing.last_skipped);
        self.schedules.iter().map(of).collect()
    }

    pub(super) fn told_of_alerts(&self) -> Vec<Told> {
        let mut told = self.told.clone();
        told.sort();
        told
    }

    pub(super) fn told_of_ends(&self) -> Vec<(String, EventKind)> {
        let mut ends: Vec<_> = self.ends.iter().map(|(id, event)| (id.to_string(), *event)).collect();
        ends.sort();
        ends
    }

    pub(super) const fn failed_backup_jobs(&self) -> &BTreeSet<JobId> {
        &self.failed_backup_jobs
    }
}

impl Made {
    const fn is_live(&self) -> bool {
        self.trashed.is_none() && !self.is_gone
    }
}

/// The sources that a backup job is to hold.
fn covered(job: &Job) -> BTreeSet<&'static str> {
    let JobSpec::Backup(spec) = &job.spec else { panic!("{:?} is no backup", job.spec) };
    let is_named = |name: &&str| spec.sources.is_empty() || spec.sources.iter().any(|named| named.as_str() == *name);
    SOURCES.into_iter().filter(is_named).collect()
}
