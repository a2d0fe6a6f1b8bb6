//! Enqueues what is due, and decides about what was missed.
//!
//! Every due time is decided on exactly once: a job comes of it, or it is counted as skipped, with the reason. What was
//! decided is a row of the catalog, written in one transaction with the job; nothing that counts is in memory. So it
//! needs no timer of its own: whoever calls [`Scheduler::tick`] late, or after the wall clock jumped, gets the same
//! decisions. It never runs a job and never waits for one. Called by the daemon's rounds and by the server.

mod due;
mod look;
#[cfg(test)]
mod tests;
mod work;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

pub use look::{DueTime, ScheduleLook};

use self::due::Judgement;
use crate::audit::Actor;
use crate::catalog::{
    Begun, Catalog, CatalogError, DueRun, Missed, NewJob, ScheduleDecision, SchedulePause, ScheduleState,
};
use crate::clock::Clock;
use crate::config::Schedule;
use crate::failpoint;
use crate::model::{JobId, Requester};
use crate::queue::{EnqueueError, Queue};

/// Where jobs are put.
pub trait Enqueue: Send + Sync {
    /// Calls `add`, which puts a job into the catalog or does not, and sees to it that it is run.
    ///
    /// # Errors
    /// [`EnqueueError::ShuttingDown`], without a call; or that of `add`.
    fn add(&self, add: &mut dyn FnMut() -> Result<Option<Begun>, CatalogError>) -> Result<Option<Begun>, EnqueueError>;
}

impl Enqueue for Queue {
    fn add(&self, add: &mut dyn FnMut() -> Result<Option<Begun>, CatalogError>) -> Result<Option<Begun>, EnqueueError> {
        self.add_within(add)
    }
}

/// Decides about the schedules of the configuration.
pub struct Scheduler {
    catalog: Catalog,
    queue: Arc<dyn Enqueue>,
    clock: Clock,
    /// Locked while something is decided, so that a reload never comes in between.
    schedules: Mutex<Vec<Schedule>>,
}

/// Why a schedule did not do what somebody asked of it.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// There is none of this name.
    #[error("no schedule is named '{name}'; {}", known_names(known))]
    Unknown {
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// It is paused already, or is not.
    #[error("the schedule '{name}' is {state}")]
    NoChange {
        /// The schedule.
        name: String,
        /// `paused already` or `not paused`.
        state: &'static str,
    },
    /// Its last job has not ended.
    #[error("the last job of the schedule '{name}', {job}, has not ended")]
    Unfinished {
        /// The schedule.
        name: String,
        /// The job.
        job: JobId,
    },
    /// Its job was not enqueued.
    #[error(transparent)]
    Enqueue(#[from] EnqueueError),
}

impl From<CatalogError> for ScheduleError {
    fn from(error: CatalogError) -> Self {
        Self::Enqueue(error.into())
    }
}

fn known_names(known: &[String]) -> String {
    if known.is_empty() { "there are none".to_owned() } else { format!("there are: {}", known.join(", ")) }
}

impl Scheduler {
    /// A scheduler for `schedules`. One that is new, or that was edited since the daemon last ran, begins now.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn new(
        catalog: Catalog,
        queue: Arc<dyn Enqueue>,
        clock: Clock,
        schedules: Vec<Schedule>,
    ) -> Result<Self, CatalogError> {
        let scheduler = Self { catalog, queue, clock, schedules: Mutex::default() };
        scheduler.set_schedules(schedules)?;
        Ok(scheduler)
    }

    /// Puts other schedules in force. Those that are new or edited begin now, and are never due for the past.
    ///
    /// # Errors
    /// [`CatalogError`]; then nothing has changed.
    pub fn set_schedules(&self, schedules: Vec<Schedule>) -> Result<(), CatalogError> {
        let mut in_force = self.lock();
        let rules: Vec<_> = schedules.iter().map(|schedule| (schedule.name.as_str(), schedule.rule())).collect();
        self.catalog.set_schedules(&rules, self.clock.now())?;
        *in_force = schedules;
        Ok(())
    }

    /// Decides about everything that is due by now, and enqueues what comes of it. Returns when it wants to be called
    /// again; to be called each minute besides, because a wall clock may jump. `None` when nothing is ever due.
    ///
    /// # Errors
    /// The first [`CatalogError`]; the other schedules are decided on all the same, and this one by the next call.
    pub fn tick(&self) -> Result<Option<Timestamp>, CatalogError> {
        let schedules = self.lock();
        let now = self.clock.now();
        let seed = self.seed()?;
        let states = self.catalog.schedule_states()?;
        let (mut wake, mut failed) = (None, None);
        for schedule in schedules.iter() {
            let Some(state) = state_of(&states, schedule) else { continue };
            let Judgement { decision, wake: next } = due::judge(schedule, state, now, &seed);
            if let Some(decision) = decision
                && let Err(error) = self.carry_out(schedule, decision, now)
            {
                failed.get_or_insert(error);
            }
            wake = [wake, next].into_iter().flatten().min();
        }
        failed.map_or(Ok(wake), Err)
    }

    fn carry_out(&self, schedule: &Schedule, decided: due::Decision, now: Timestamp) -> Result<(), CatalogError> {
        let name = &schedule.name;
        let due::Decision { considered_until, missed, run } = decided;
        let requester = Requester::daemon("schedule");
        let run = run.map(|at| {
            let spec = work::spec(schedule, &format!("schedule {name}"));
            DueRun { at, job: NewJob::new(spec, requester.clone(), now) }
        });
        let decision = ScheduleDecision { name: name.clone(), considered_until, missed, run };
        let actor = Actor::of(&requester, None);
        failpoint::pass("scheduler.due").map_err(CatalogError::Injected)?;
        let begun = match self.queue.add(&mut || self.catalog.decide_schedule(&decision, &actor)) {
            Ok(begun) => begun,
            // The next daemon makes up for it.
            Err(EnqueueError::ShuttingDown) => return Ok(()),
            Err(EnqueueError::Catalog(error)) => return Err(error),
            Err(EnqueueError::Directory) => None,
        };
        failpoint::pass("scheduler.enqueued").map_err(CatalogError::Injected)?;
        if let Some(Missed { times, last, why }) = &decision.missed {
            tracing::warn!("the schedule {name} was due {times} times and did not run, the last time at {last}: {why}");
        }
        match (begun, &decision.run) {
            (Some(Begun::Enqueued(job)), Some(run)) => {
                tracing::info!(JOB_ID = %job.id, "the schedule {name}, due at {}, begins a job", run.at);
            }
            (Some(Begun::Unfinished(job)), Some(run)) => {
                tracing::warn!(JOB_ID = %job, "the schedule {name}, due at {}, is skipped: its job before has not ended", run.at);
            }
            _ => {}
        }
        Ok(())
    }

    /// Does now what the schedule does when it is due, because `requester` asks for it; the job's id. Also while it is
    /// paused.
    ///
    /// # Errors
    /// [`ScheduleError`].
    pub fn run_now(&self, name: &str, requester: &Requester, actor: &Actor) -> Result<JobId, ScheduleError> {
        let schedules = self.lock();
        let schedule = find(&schedules, name)?;
        let spec = work::spec(schedule, &format!("schedule {name}, asked for by {}", requester.user));
        let job = NewJob::new(spec, requester.clone(), self.clock.now());
        match self.queue.add(&mut || self.catalog.run_schedule(name, &job, actor).map(Some))? {
            Some(Begun::Unfinished(job)) => Err(ScheduleError::Unfinished { name: name.to_owned(), job }),
            _ => Ok(job.id),
        }
    }

    /// Lets a schedule stand still.
    ///
    /// # Errors
    /// [`ScheduleError`].
    pub fn pause(&self, name: &str, why: &str, actor: &Actor) -> Result<ScheduleLook, ScheduleError> {
        let schedules = self.lock();
        let schedule = find(&schedules, name)?;
        if self.look_at(schedule)?.state.paused.is_some() {
            return Err(ScheduleError::NoChange { name: name.to_owned(), state: "paused already" });
        }
        let pause = SchedulePause { who: actor.user.clone(), at: self.clock.now(), why: why.to_owned() };
        self.catalog.pause_schedule(name, &pause, actor)?;
        Ok(self.look_at(schedule)?)
    }

    /// Lets a schedule go on from now. What it was due for meanwhile is neither made up for nor counted.
    ///
    /// # Errors
    /// [`ScheduleError`].
    pub fn resume(&self, name: &str, why: &str, actor: &Actor) -> Result<ScheduleLook, ScheduleError> {
        let schedules = self.lock();
        let schedule = find(&schedules, name)?;
        if self.look_at(schedule)?.state.paused.is_none() {
            return Err(ScheduleError::NoChange { name: name.to_owned(), state: "not paused" });
        }
        self.catalog.resume_schedule(name, self.clock.now(), why, actor)?;
        Ok(self.look_at(schedule)?)
    }

    /// What makes this machine's jitter its own.
    fn seed(&self) -> Result<String, CatalogError> {
        Ok(self.catalog.store_id()?.map(|id| id.to_string()).unwrap_or_default())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Schedule>> {
        self.schedules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler").field("schedules", &self.schedules).finish_non_exhaustive()
    }
}

fn find<'s>(schedules: &'s [Schedule], name: &str) -> Result<&'s Schedule, ScheduleError> {
    schedules.iter().find(|schedule| schedule.name == name).ok_or_else(|| ScheduleError::Unknown {
        name: name.to_owned(),
        known: schedules.iter().map(|schedule| schedule.name.clone()).collect(),
    })
}

fn state_of<'s>(states: &'s [ScheduleState], schedule: &Schedule) -> Option<&'s ScheduleState> {
    states.iter().find(|state| state.name == schedule.name)
}
