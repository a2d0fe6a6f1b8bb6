//! Schedules under a clock that the tests move: forwards, backwards, and by decades.

mod clock_jumps;
mod jitter;
mod looks;
mod missed;
mod random;
mod running;

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::*;
use crate::catalog::{AuditFilter, Job, JobEnd, JobFilter, JobOutcome, Lane};
use crate::config::{ScheduledWork, VerifyWhich};
use crate::cron::CronExpression;
use crate::model::{Mode, Scope};

/// Puts jobs into the catalog, where nobody runs them.
struct Waiting;

impl Enqueue for Waiting {
    fn add(&self, add: &mut dyn FnMut() -> Result<Option<Begun>, CatalogError>) -> Result<Option<Begun>, EnqueueError> {
        Ok(add()?)
    }
}

/// A queue that takes nothing any more.
struct ShuttingDown;

impl Enqueue for ShuttingDown {
    fn add(&self, _: &mut dyn FnMut() -> Result<Option<Begun>, CatalogError>) -> Result<Option<Begun>, EnqueueError> {
        Err(EnqueueError::ShuttingDown)
    }
}

/// A scheduler, its clock and its catalog.
struct Stage {
    scheduler: Scheduler,
    catalog: Catalog,
    clock: Clock,
    _dir: TempDir,
}

impl Stage {
    /// At noon of a Saturday, in UTC.
    fn new(schedules: &[Schedule]) -> Self {
        Self::at("2026-11-21T12:00:00Z", schedules)
    }

    fn at(start: &str, schedules: &[Schedule]) -> Self {
        let (catalog, dir) = crate::catalog::samples::catalog();
        let clock = Clock::manual(moment(start));
        let scheduler = Scheduler::new(catalog.clone(), Arc::new(Waiting), clock.clone(), schedules.to_vec()).unwrap();
        Self { scheduler, catalog, clock, _dir: dir }
    }

    /// What the end of the daemon and its next start make of it.
    fn restart(&mut self, schedules: &[Schedule]) {
        let (catalog, clock) = (self.catalog.clone(), self.clock.clone());
        self.scheduler = Scheduler::new(catalog, Arc::new(Waiting), clock, schedules.to_vec()).unwrap();
    }

    /// Moves the clock without anybody looking at it.
    fn sleep_until(&self, until: &str) {
        self.clock.advance(moment(until).duration_since(self.clock.now()));
    }

    /// Looks each minute until then, as the daemon does, and ends every job at once.
    fn live_until(&self, until: &str) {
        while self.clock.now() < moment(until) {
            self.clock.advance(SignedDuration::from_mins(1));
            self.scheduler.tick().unwrap();
            self.end_jobs();
        }
    }

    fn tick(&self) -> Option<Timestamp> {
        self.scheduler.tick().unwrap()
    }

    fn end_jobs(&self) {
        for lane in [Lane::Write, Lane::Read] {
            while let Some(job) = self.catalog.claim_next(lane, self.clock.now()).unwrap() {
                let end = JobEnd::from(JobOutcome::done(Vec::new()));
                self.catalog.finish_job(job.id, &end, Vec::new(), self.clock.now()).unwrap();
            }
        }
    }

    /// Every job, the oldest first.
    fn jobs(&self) -> Vec<Job> {
        let mut jobs = self.catalog.list_jobs(&JobFilter::default()).unwrap();
        jobs.reverse();
        jobs
    }

    /// When each job was enqueued.
    fn enqueued_at(&self) -> Vec<String> {
        self.jobs().iter().map(|job| job.requested_at.to_string()).collect()
    }

    fn state(&self, name: &str) -> ScheduleState {
        self.catalog.schedule_states().unwrap().into_iter().find(|state| state.name == name).unwrap()
    }
}

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn alice() -> Requester {
    crate::catalog::samples::requester()
}

fn by_alice() -> Actor {
    crate::catalog::samples::actor()
}

/// A backup of everything in UTC, made up for within a day.
fn schedule(name: &str, cron: &str) -> Schedule {
    Schedule {
        name: name.to_owned(),
        cron: CronExpression::parse(cron).unwrap(),
        timezone: TimeZone::UTC,
        work: ScheduledWork::Backup { scope: Scope::All, sources: Vec::new(), mode: Mode::Incremental },
        catch_up: Duration::from_hours(24),
        jitter: Duration::ZERO,
    }
}

fn nightly() -> Schedule {
    schedule("nightly", "0 0 * * *")
}
