//! Looks at the state, and writes down what changed and who is to be told.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::condition::Condition;
use super::ends;
use super::notice::{Fact, Notice, Occasion};
use super::observe::observe;
use super::recipients::addressed;
use super::rules::{conditions, rank};
use super::settings::AlertSettings;
use super::state::{RunningJob, RunningJobs, Schedules, State};
use super::transitions::transitions;
use super::words::at;
use crate::catalog::{AlertRecord, CatalogError, JobFilter, NewNotice};
use crate::job::{Jobs, Parts};
use crate::model::{AlertId, EventKind, JobId, JobState};
use crate::progress::Snapshot;

/// What comes and goes is over only when it was gone for so long.
const SETTLES_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// A look that is later than this was put off by a suspend, in which no job can get on.
const LONGEST_STEP: Duration = Duration::from_secs(120);

/// More alerts than these are not named one by one in a notice.
const NAMED: usize = 20;

/// Watches over everything. One look at a time; [`AlertWatch::observe`] may be called beside it.
#[derive(Debug)]
pub struct AlertWatch {
    jobs: Arc<Jobs>,
    running: Arc<dyn RunningJobs>,
    schedules: Arc<dyn Schedules>,
    settings: RwLock<Arc<AlertSettings>>,
    memory: Mutex<Memory>,
}

/// What is only in memory: its loss puts something off, and loses nothing.
#[derive(Debug, Default)]
struct Memory {
    last_look: Option<Timestamp>,
    /// Since when the condition of an alert is gone.
    gone_since: HashMap<AlertId, Timestamp>,
    /// How far each running job was, and for how long it has been there.
    progress: HashMap<JobId, (Snapshot, Duration)>,
}

/// What a look came to.
#[derive(Debug)]
pub struct Looked {
    /// What was found.
    pub state: State,
    /// Whether somebody is to be told of something.
    pub has_notices: bool,
}

impl AlertWatch {
    /// A watch that has looked at nothing yet.
    #[must_use]
    pub fn new(
        jobs: Arc<Jobs>,
        running: Arc<dyn RunningJobs>,
        schedules: Arc<dyn Schedules>,
        settings: AlertSettings,
    ) -> Self {
        let settings = RwLock::new(Arc::new(settings));
        Self { jobs, running, schedules, settings, memory: Mutex::default() }
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> Arc<AlertSettings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other settings in force.
    pub fn replace_settings(&self, settings: AlertSettings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// The state at this moment. Changes nothing. Blocks for as long as catalog, store and sources take.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn observe(&self) -> Result<State, CatalogError> {
        let parts = self.jobs.parts();
        let firing = parts.catalog.firing_alerts()?;
        let running = self.lock().running(&self.running_now(&parts)?);
        observe(&parts, &self.settings(), &*self.schedules, running, &firing)
    }

    /// Tells of the jobs that ended, and writes down what began to fire, what still does and what is over. Blocks.
    ///
    /// # Errors
    /// [`CatalogError`]; what was not written down is found again at the next look.
    pub fn look(&self) -> Result<Looked, CatalogError> {
        let (parts, settings) = (self.jobs.parts(), self.settings());
        let told = self.tell_of_ends(&parts, &settings)?;
        let firing = parts.catalog.firing_alerts()?;
        let now = parts.clock.now();
        let running = self.lock().step(&self.running_now(&parts)?, now);
        let state = observe(&parts, &settings, &*self.schedules, running, &firing)?;
        let alerted = self.alert(&parts, &settings, &state, &firing)?;
        if state.store.trouble.is_none() {
            parts.catalog.note_store_bytes(state.store.bytes, now)?;
        }
        parts.catalog.forget_old_notices(now)?;
        Ok(Looked { state, has_notices: told || alerted })
    }

    /// Puts the notices of jobs that ended into the outbox; each job once, whatever happens to the daemon.
    fn tell_of_ends(&self, parts: &Parts, settings: &AlertSettings) -> Result<bool, CatalogError> {
        let mut has_notices = false;
        loop {
            let jobs = parts.catalog.untold_jobs()?;
            if jobs.is_empty() {
                return Ok(has_notices);
            }
            for job in &jobs {
                let notice = ends::notice(parts, settings, job)?;
                let notices = match &notice {
                    Some(notice) => addressed(settings, notice, Some(&job.requested_by))?,
                    None => Vec::new(),
                };
                parts.catalog.tell(job.id, &notices, parts.clock.now())?;
                has_notices |= !notices.is_empty();
            }
        }
    }

    fn alert(
        &self,
        parts: &Parts,
        settings: &AlertSettings,
        state: &State,
        firing: &[AlertRecord],
    ) -> Result<bool, CatalogError> {
        let found: Vec<Condition> = conditions(state);
        let over = self.lock().over(&found, firing, state);
        let is_over = |alert: &AlertRecord| over.contains(&alert.id);
        let now = state.now;
        let step = transitions(&found, firing, now, settings.alerts.remind_every, is_over);
        for (occasion, alert) in &step.told {
            match occasion {
                Occasion::Resolved => tracing::info!(alert = alert.key, "over: {}", alert.message),
                _ => tracing::warn!(alert = alert.key, "{}", alert.message),
            }
        }
        if step.changes.is_empty() {
            return Ok(false);
        }
        let mut notices: Vec<NewNotice> = Vec::new();
        for notice in self.notices(parts, settings, &step.told, now)? {
            notices.extend(addressed(settings, &notice, None)?);
        }
        parts.catalog.apply_alerts(&step.changes, &notices, now)?;
        Ok(!notices.is_empty())
    }

    /// One notice for all alerts of a kind that go the same way at once: a disk that is lost is one notice, not one for
    /// each backup on it.
    fn notices(
        &self,
        parts: &Parts,
        settings: &AlertSettings,
        told: &[(Occasion, AlertRecord)],
        now: Timestamp,
    ) -> Result<Vec<Notice>, CatalogError> {
        let mut groups: BTreeMap<(u8, EventKind), Vec<&(Occasion, AlertRecord)>> = BTreeMap::new();
        for one in told {
            groups.entry((one.0 as u8, one.1.event)).or_default().push(one);
        }
        let head = parts.catalog.audit_head()?;
        let notice = |group: Vec<&(Occasion, AlertRecord)>| {
            let (occasion, worst) = group.iter().max_by_key(|(_, alert)| rank(alert.severity)).copied()?;
            let steps = group.iter().map(|(_, alert)| alert.next_step.clone()).filter(|step| !step.is_empty());
            let mut steps: Vec<String> =
                if *occasion == Occasion::Resolved { Vec::new() } else { steps.take(NAMED).collect() };
            steps.dedup();
            Some(Notice {
                id: Uuid::now_v7(),
                key: if group.len() == 1 { worst.key.clone() } else { String::new() },
                event: worst.event,
                occasion: *occasion,
                severity: worst.severity,
                at: now,
                host: parts.settings.host.clone(),
                title: title(*occasion, worst, group.len()),
                message: group
                    .iter()
                    .take(NAMED)
                    .map(|(_, alert)| sentence(&alert.message))
                    .collect::<Vec<_>>()
                    .join(" "),
                facts: facts(&group),
                steps,
                contact: settings.alerts.contact.clone(),
                audit_head: format!("{}:{}", head.seq, head.hash),
            })
        };
        Ok(groups.into_values().filter_map(notice).collect())
    }

    fn running_now(&self, parts: &Parts) -> Result<Vec<RunningNow>, CatalogError> {
        let unfinished = parts.catalog.list_jobs(&JobFilter { unfinished: true, limit: None })?;
        let running = unfinished.into_iter().filter(|job| job.state == JobState::Running);
        Ok(running.filter_map(|job| Some((job.id, job.spec.kind(), self.running.progress(job.id)?))).collect())
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running job and how far it is.
type RunningNow = (JobId, crate::model::JobKind, Snapshot);

impl Memory {
    /// The running jobs with what is remembered of them.
    fn running(&self, running: &[RunningNow]) -> Vec<RunningJob> {
        let with_memory = |(id, kind, snapshot): &RunningNow| {
            let remembered = self.progress.get(id).filter(|(last, _)| last == snapshot);
            let unchanged_for = remembered.map_or(Duration::ZERO, |(_, unchanged_for)| *unchanged_for);
            RunningJob { id: *id, kind: *kind, phase: snapshot.phase.clone(), unchanged_for }
        };
        running.iter().map(with_memory).collect()
    }

    /// Remembers how far the running jobs are by `now`.
    fn step(&mut self, running: &[RunningNow], now: Timestamp) -> Vec<RunningJob> {
        let since = self.last_look.map(|last| Duration::try_from(now.duration_since(last)).unwrap_or_default());
        let step = since.unwrap_or_default().min(LONGEST_STEP);
        self.last_look = Some(now);
        let remembered = std::mem::take(&mut self.progress);
        for (id, _, snapshot) in running {
            let unchanged_for = match remembered.get(id) {
                Some((last, unchanged_for)) if last == snapshot => *unchanged_for + step,
                _ => Duration::ZERO,
            };
            self.progress.insert(*id, (snapshot.clone(), unchanged_for));
        }
        self.running(running)
    }

    /// The alerts whose condition is gone, and for long enough.
    fn over(&mut self, found: &[Condition], firing: &[AlertRecord], state: &State) -> Vec<AlertId> {
        let lasts = |alert: &AlertRecord| found.iter().any(|found| found.key == alert.key && found.event.is_some());
        let gone: Vec<&AlertRecord> =
            firing.iter().filter(|alert| !lasts(alert) && can_be_seen(alert, state)).collect();
        self.gone_since.retain(|id, _| gone.iter().any(|alert| alert.id == *id));
        let is_over = |alert: &&AlertRecord| {
            let since = *self.gone_since.entry(alert.id).or_insert(state.now);
            // A clock that was set back makes nobody wait for longer.
            let gone_for = state.now.duration_since(since).abs();
            gone_for >= settles_after(alert.event)
        };
        gone.into_iter().filter(is_over).map(|alert| alert.id).collect()
    }
}

/// Of a store that is not there nobody can say what it holds.
fn can_be_seen(alert: &AlertRecord, state: &State) -> bool {
    let is_of_store = matches!(
        alert.event,
        EventKind::Corruption | EventKind::LowDisk | EventKind::SuspiciousBackup | EventKind::MissingBackup
    );
    state.store.trouble.is_none() || !is_of_store
}

const fn settles_after(event: EventKind) -> SignedDuration {
    match event {
        EventKind::StoreMissing | EventKind::LowDisk | EventKind::DeliveryFailure => SETTLES_AFTER,
        _ => SignedDuration::ZERO,
    }
}

fn title(occasion: Occasion, worst: &AlertRecord, number: usize) -> String {
    let what = match number {
        1 => worst.message.clone(),
        number => format!("{number} × {}: {}", worst.event.as_str().replace('_', " "), worst.message),
    };
    match occasion {
        Occasion::Resolved => format!("over: {what}"),
        Occasion::Reminder => format!("still: {what}"),
        Occasion::Fired | Occasion::Happened | Occasion::Test => what,
    }
}

fn facts(group: &[&(Occasion, AlertRecord)]) -> Vec<Fact> {
    let fact = |label: &str, value: String| Fact { label: label.to_owned(), value };
    let one = |(_, alert): &(Occasion, AlertRecord)| {
        let over = alert.resolved_at.map(|over| format!(", over since {}", at(over))).unwrap_or_default();
        fact(&alert.key, format!("since {}{over}", at(alert.fired_at)))
    };
    let mut facts: Vec<Fact> = group.iter().take(NAMED).map(|told| one(told)).collect();
    if group.len() > NAMED {
        facts.push(fact("and", format!("{} more: carelogctl alerts", group.len() - NAMED)));
    }
    facts
}

fn sentence(text: &str) -> String {
    format!("{}.", text.trim_end_matches('.'))
}

#[cfg(test)]
mod tests;
