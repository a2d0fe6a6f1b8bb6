//! What the schedules are about to do, and where they stand. Nothing here changes anything.

use jiff::Timestamp;

use super::{ScheduleError, Scheduler, due, find, state_of, work};
use crate::catalog::{CatalogError, ScheduleState};
use crate::config::Schedule;
use crate::model::{JobState, SourceKind, SourceName};

/// A schedule and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleLook {
    /// What it is.
    pub schedule: Schedule,
    /// Where it stands.
    pub state: ScheduleState,
    /// What it does, in words.
    pub work: String,
    /// When it is due next; `None` while it is paused, and when it never is again.
    pub next_due: Option<Timestamp>,
    /// How its last job stands; `None` when there was none.
    pub last_job_state: Option<JobState>,
}

/// A time at which a schedule is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueTime {
    /// The schedule.
    pub schedule: String,
    /// When.
    pub at: Timestamp,
    /// When its job is enqueued: with the jitter.
    pub begins_at: Timestamp,
    /// The same as `at`, as its zone's clocks show it.
    pub local: String,
    /// What it does, in words.
    pub work: String,
}

impl Scheduler {
    /// Every schedule that is in force, in the order of the configuration.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn schedules(&self) -> Result<Vec<ScheduleLook>, CatalogError> {
        self.lock().iter().map(|schedule| self.look_at(schedule)).collect()
    }

    /// The next `count` times at which any schedule that is not paused is due, or the one called `name`; the soonest first.
    ///
    /// # Errors
    /// [`ScheduleError`].
    pub fn next_due(&self, name: Option<&str>, count: usize) -> Result<Vec<DueTime>, ScheduleError> {
        let schedules = self.lock();
        let (now, seed) = (self.clock.now(), self.seed()?);
        let states = self.catalog.schedule_states()?;
        if let Some(name) = name {
            find(&schedules, name)?;
        }
        let mut found = Vec::new();
        for schedule in schedules.iter().filter(|schedule| name.is_none_or(|name| schedule.name == name)) {
            let Some(state) = state_of(&states, schedule).filter(|state| state.paused.is_none()) else { continue };
            found.extend(due::to_come(schedule, state, now, &seed).take(count).map(|at| DueTime {
                schedule: schedule.name.clone(),
                at,
                begins_at: due::begins(schedule, at, &seed),
                local: local(schedule, at),
                work: work::in_words(&schedule.work),
            }));
        }
        found.sort_by_key(|due| due.at);
        found.truncate(count);
        Ok(found)
    }

    /// When the next backup of a source begins by itself; `None` when none is to come.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn next_backup_of(&self, name: &SourceName, kind: SourceKind) -> Result<Option<Timestamp>, CatalogError> {
        let schedules = self.lock();
        let (now, seed) = (self.clock.now(), self.seed()?);
        let states = self.catalog.schedule_states()?;
        let next = |schedule: &Schedule| {
            let state = state_of(&states, schedule).filter(|state| state.paused.is_none())?;
            due::to_come(schedule, state, now, &seed).next().map(|at| due::begins(schedule, at, &seed))
        };
        Ok(schedules.iter().filter(|schedule| schedule.work.backs_up(name, kind)).filter_map(next).min())
    }

    pub(super) fn look_at(&self, schedule: &Schedule) -> Result<ScheduleLook, CatalogError> {
        let states = self.catalog.schedule_states()?;
        let state = state_of(&states, schedule).cloned();
        let state = state.ok_or_else(|| CatalogError::NoSuchSchedule(schedule.name.clone()))?;
        let next_due = match &state.paused {
            Some(_) => None,
            None => due::to_come(schedule, &state, self.clock.now(), &self.seed()?).next(),
        };
        let last_job_state = match state.last_job.map(|id| self.catalog.job(id)) {
            Some(Ok(job)) => Some(job.state),
            Some(Err(CatalogError::NoSuchJob(_))) | None => None,
            Some(Err(error)) => return Err(error),
        };
        Ok(ScheduleLook {
            work: work::in_words(&schedule.work),
            schedule: schedule.clone(),
            state,
            next_due,
            last_job_state,
        })
    }
}

/// `2026-11-03 02:00 +01:00`.
fn local(schedule: &Schedule, at: Timestamp) -> String {
    at.to_zoned(schedule.timezone.clone()).strftime("%Y-%m-%d %H:%M %:z").to_string()
}
