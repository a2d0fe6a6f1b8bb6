//! Where each schedule stands: up to when it was decided about, what came of it, and who paused it.
//!
//! What a schedule is, the configuration says. The decision about a due time and the job that comes of it are one
//! transaction, so that a crash neither loses a run nor doubles it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params, params};
use serde::{Deserialize, Serialize};

use super::column::{int, json_or_null, ms, size, time, time_or_null, word_or_null};
use super::job::{add, state_of};
use super::{Catalog, CatalogError, Job, NewJob, audit};
use crate::audit::{Actor, Entry};
use crate::model::JobId;

/// Where a schedule stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleState {
    /// Its name.
    pub name: String,
    /// Its expression and its zone; empty while it is not configured.
    pub rule: String,
    /// Every time that it was due up to here has been decided on.
    pub considered_until: Timestamp,
    /// Who paused it; `None` while it runs.
    pub paused: Option<SchedulePause>,
    /// The last time that it was due and a job came of it.
    pub last_due: Option<Timestamp>,
    /// Its last job, also when somebody asked for it.
    pub last_job: Option<JobId>,
    /// Times that it was due and no job came of it.
    pub skipped: u64,
    /// The last of these.
    pub last_skipped: Option<Timestamp>,
    /// Why.
    pub last_skipped_why: Option<String>,
}

/// A schedule stands still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulePause {
    /// Who paused it.
    pub who: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub why: String,
}

/// What is decided about the due times of a schedule up to one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleDecision {
    /// The schedule.
    pub name: String,
    /// Up to here.
    pub considered_until: Timestamp,
    /// Times of which no job comes.
    pub missed: Option<Missed>,
    /// The time of which one comes, unless the job before it has not ended.
    pub run: Option<DueRun>,
}

/// Times at which a schedule was due and no job came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// How many.
    pub times: u64,
    /// The last of them.
    pub last: Timestamp,
    /// Why.
    pub why: String,
}

/// A time at which a schedule is due, and its job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueRun {
    /// When it was due.
    pub at: Timestamp,
    /// What then is to be done.
    pub job: NewJob,
}

/// What came of a job that a schedule, or somebody in its place, wanted to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is in the queue.
    Enqueued(Box<Job>),
    /// It is not: the one before it has not ended.
    Unfinished(JobId),
}

impl Catalog {
    /// Where every schedule stands that was ever configured, by name.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn schedule_states(&self) -> Result<Vec<ScheduleState>, CatalogError> {
        self.read(|db| {
            let mut statement = db.prepare_cached("SELECT * FROM schedules ORDER BY name")?;
            Ok(statement.query_map([], state_in)?.collect::<Result<_, _>>()?)
        })
    }

    /// Takes over which schedules are configured, each with its rule. One that is new, or whose rule is another than
    /// before, begins at `now`; what is paused stays paused. One that is not configured any more is kept without its rule.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn set_schedules(&self, configured: &[(&str, String)], now: Timestamp) -> Result<(), CatalogError> {
        let known = self.schedule_states()?;
        let rule_of = |name: &str| configured.iter().find(|(known, _)| *known == name).map(|(_, rule)| rule.as_str());
        let is_known = |(name, _): &(&str, String)| known.iter().any(|state| state.name == *name);
        let same = known.iter().all(|state| rule_of(&state.name).unwrap_or_default() == state.rule);
        if same && configured.iter().all(is_known) {
            return Ok(());
        }
        self.write(|tx| {
            for state in &known {
                if rule_of(&state.name).is_none() {
                    tx.execute("UPDATE schedules SET rule = '' WHERE name = ?1", [&state.name])?;
                }
            }
            let sql = "INSERT INTO schedules (name, rule, considered_until_ms) VALUES (?1, ?2, ?3)
                ON CONFLICT (name) DO UPDATE SET rule = ?2, considered_until_ms = ?3 WHERE rule <> ?2";
            for (name, rule) in configured {
                tx.execute(sql, params![name, rule, ms(now)])?;
            }
            Ok(())
        })
    }

    /// Writes a decision down, and enqueues the job that comes of it. When the schedule's last job has not ended, the run
    /// counts as skipped instead. `None` when there was none to begin.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchSchedule`], or another.
    pub fn decide_schedule(&self, decision: &ScheduleDecision, actor: &Actor) -> Result<Option<Begun>, CatalogError> {
        self.write(|tx| {
            let state = by_name(tx, &decision.name)?;
            let mut missed = decision.missed.clone();
            let begun = match &decision.run {
                None => None,
                Some(run) => match unfinished(tx, &state)? {
                    Some(before) => {
                        let why = format!("the job before it, {before}, had not ended");
                        let times = missed.map_or(0, |missed| missed.times) + 1;
                        missed = Some(Missed { times, last: run.at, why });
                        Some(Begun::Unfinished(before))
                    }
                    None => {
                        let also = [("schedule", decision.name.clone()), ("due", run.at.to_string())];
                        Some(Begun::Enqueued(Box::new(add(tx, &run.job, actor, &also)?)))
                    }
                },
            };
            let job = enqueued(begun.as_ref());
            let sql = "UPDATE schedules SET
                    considered_until_ms = :considered_until,
                    last_due_ms = coalesce(:last_due, last_due_ms),
                    last_job_id = coalesce(:last_job, last_job_id),
                    skipped = skipped + :skipped,
                    last_skipped_ms = coalesce(:last_skipped, last_skipped_ms),
                    last_skipped_why = coalesce(:why, last_skipped_why)
                WHERE name = :name";
            tx.prepare_cached(sql)?.execute(named_params! {
                ":name": decision.name,
                ":considered_until": ms(decision.considered_until),
                ":last_due": decision.run.as_ref().filter(|_| job.is_some()).map(|run| ms(run.at)),
                ":last_job": job.map(|id| id.to_string()),
                ":skipped": int(missed.as_ref().map_or(0, |missed| missed.times)),
                ":last_skipped": missed.as_ref().map(|missed| ms(missed.last)),
                ":why": missed.as_ref().map(|missed| &missed.why),
            })?;
            Ok(begun)
        })
    }

    /// Enqueues the job of a schedule because somebody asks for it. Changes nothing about when it is due.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchSchedule`], or another.
    pub fn run_schedule(&self, name: &str, job: &NewJob, actor: &Actor) -> Result<Begun, CatalogError> {
        self.write(|tx| {
            let state = by_name(tx, name)?;
            if let Some(before) = unfinished(tx, &state)? {
                return Ok(Begun::Unfinished(before));
            }
            let job = add(tx, job, actor, &[("schedule", name.to_owned())])?;
            tx.execute("UPDATE schedules SET last_job_id = ?2 WHERE name = ?1", params![name, job.id.to_string()])?;
            Ok(Begun::Enqueued(Box::new(job)))
        })
    }

    /// Lets a schedule stand still.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchSchedule`], or another.
    pub fn pause_schedule(&self, name: &str, pause: &SchedulePause, actor: &Actor) -> Result<(), CatalogError> {
        self.write(|tx| {
            by_name(tx, name)?;
            let sql = "UPDATE schedules SET paused_json = ?2 WHERE name = ?1";
            tx.execute(sql, params![name, serde_json::to_string(pause)?])?;
            audit::append(tx, &Entry::new(pause.at, actor.clone(), "schedule.pause", name).because(&pause.why))
        })
    }

    /// Lets a schedule go on from `now`: what it was due for meanwhile is not made up for.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchSchedule`], or another.
    pub fn resume_schedule(&self, name: &str, now: Timestamp, why: &str, actor: &Actor) -> Result<(), CatalogError> {
        self.write(|tx| {
            let state = by_name(tx, name)?;
            let until = state.considered_until.max(now);
            let sql = "UPDATE schedules SET paused_json = NULL, considered_until_ms = ?2 WHERE name = ?1";
            tx.execute(sql, params![name, ms(until)])?;
            audit::append(tx, &Entry::new(now, actor.clone(), "schedule.resume", name).because(why))
        })
    }
}

/// The id of the job that was enqueued.
fn enqueued(begun: Option<&Begun>) -> Option<JobId> {
    match begun {
        Some(Begun::Enqueued(job)) => Some(job.id),
        _ => None,
    }
}

/// The last job of a schedule, unless it has ended.
fn unfinished(tx: &Connection, state: &ScheduleState) -> Result<Option<JobId>, CatalogError> {
    let Some(id) = state.last_job else { return Ok(None) };
    Ok(state_of(tx, id)?.filter(|state| !state.is_final()).map(|_| id))
}

fn by_name(db: &Connection, name: &str) -> Result<ScheduleState, CatalogError> {
    let mut statement = db.prepare_cached("SELECT * FROM schedules WHERE name = ?1")?;
    let found = statement.query_row([name], state_in).optional()?;
    found.ok_or_else(|| CatalogError::NoSuchSchedule(name.to_owned()))
}

fn state_in(row: &Row<'_>) -> rusqlite::Result<ScheduleState> {
    Ok(ScheduleState {
        name: row.get("name")?,
        rule: row.get("rule")?,
        considered_until: time(row, "considered_until_ms")?,
        paused: json_or_null(row, "paused_json")?,
        last_due: time_or_null(row, "last_due_ms")?,
        last_job: word_or_null(row, "last_job_id")?,
        skipped: size(row, "skipped")?,
        last_skipped: time_or_null(row, "last_skipped_ms")?,
        last_skipped_why: row.get("last_skipped_why")?,
    })
}

#[cfg(test)]
mod tests;
