//! The rules, as a pure function: what is decided about one schedule at one moment, and when to look again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::catalog::{Missed, ScheduleState};
use crate::config::Schedule;
use crate::model::Sha256;

/// A job that begins this much after its time is not late: somebody looks each minute.
const ON_TIME: SignedDuration = SignedDuration::from_mins(2);

/// The wall clock may go back this far before due times that it had reached already count again. Less than that, and each
/// is waited past, so that none is due twice; more, and the clock had been wrong for long, and to wait would silence the
/// schedule for as long.
const FURTHEST_BACK: SignedDuration = SignedDuration::from_hours(24);

/// More missed times than this are not counted one by one: a clock that jumps by decades must not keep anybody waiting.
const MOST_COUNTED: usize = 1000;

/// What is to be done about a schedule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Judgement {
    /// What is decided now, if anything.
    pub(super) decision: Option<Decision>,
    /// When there may be something to decide again.
    pub(super) wake: Option<Timestamp>,
}

/// What becomes of the due times up to one of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) considered_until: Timestamp,
    pub(super) missed: Option<Missed>,
    /// The due time of which a job comes.
    pub(super) run: Option<Timestamp>,
}

/// Decides about the times after `state.considered_until` and until `now`. Of these only the newest may still run: at its
/// time, after its jitter, or later while it is younger than `catch_up`. All before it are missed.
pub(super) fn judge(schedule: &Schedule, state: &ScheduleState, now: Timestamp, seed: &str) -> Judgement {
    if state.paused.is_some() {
        return Judgement { decision: None, wake: None };
    }
    if is_far_ahead(state, now) {
        let anew = Decision { considered_until: now, missed: None, run: None };
        return Judgement { decision: Some(anew), wake: next_beginning(schedule, now, seed) };
    }
    let considered = state.considered_until;
    let newest = schedule.cron.latest_until(now, &schedule.timezone).filter(|due| *due > considered);
    let Some(newest) = newest else {
        return Judgement { decision: None, wake: next_beginning(schedule, now.max(considered), seed) };
    };
    let begins = begins(schedule, newest, seed);
    if begins > now {
        let made_up_for = format!("carelogd was off or asleep; the run due at {newest} makes up for it");
        let older = missed_before(schedule, newest, considered, &made_up_for);
        let decision = older.map(|missed| Decision { considered_until: missed.last, missed: Some(missed), run: None });
        return Judgement { decision, wake: Some(begins) };
    }
    let is_due = now.duration_since(begins) <= ON_TIME || now.duration_since(newest) < signed(schedule.catch_up);
    let decision = if is_due {
        let made_up_for = format!("carelogd was off or asleep; the run due at {newest} makes up for it");
        let missed = missed_before(schedule, newest, considered, &made_up_for);
        Decision { considered_until: newest, missed, run: Some(newest) }
    } else {
        let catch_up = humantime::format_duration(schedule.catch_up);
        let why = format!("carelogd was off or asleep, for longer than its catch_up of {catch_up}");
        let older = missed_before(schedule, newest, considered, &why).map_or(0, |missed| missed.times);
        Decision { considered_until: newest, missed: Some(Missed { times: older + 1, last: newest, why }), run: None }
    };
    Judgement { decision: Some(decision), wake: next_beginning(schedule, newest.max(now), seed) }
}

/// Whether what was decided last lies so far ahead that the clock must have been wrong.
pub(super) fn is_far_ahead(state: &ScheduleState, now: Timestamp) -> bool {
    state.considered_until.duration_since(now) > FURTHEST_BACK
}

/// The due times that are still to come, the soonest first; with the one whose jitter is being waited for.
pub(super) fn to_come<'s>(
    schedule: &'s Schedule,
    state: &ScheduleState,
    now: Timestamp,
    seed: &str,
) -> impl Iterator<Item = Timestamp> + use<'s> {
    let considered = if is_far_ahead(state, now) { now } else { state.considered_until };
    let newest = schedule.cron.latest_until(now, &schedule.timezone);
    let awaited = newest.filter(|due| *due > considered && begins(schedule, *due, seed) > now);
    let upcoming = schedule.cron.upcoming(now.max(considered), &schedule.timezone);
    awaited.into_iter().chain(upcoming)
}

/// When the job of a due time is enqueued: some time below the jitter later, and before the next due time. The same on
/// every look, and another on another machine.
pub(super) fn begins(schedule: &Schedule, due: Timestamp, seed: &str) -> Timestamp {
    if schedule.jitter.is_zero() {
        return due;
    }
    let next = schedule.cron.next_after(due, &schedule.timezone);
    let until_next = next.map_or(SignedDuration::MAX, |next| next.duration_since(due));
    let seconds = u64::try_from(signed(schedule.jitter).min(until_next).as_secs()).unwrap_or(0);
    if seconds == 0 {
        return due;
    }
    let digest = Sha256::of(format!("{seed} {} {due}", schedule.name).as_bytes());
    let draw = digest.0.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let later = SignedDuration::from_secs(i64::try_from(draw % seconds).unwrap_or(0));
    due.checked_add(later).unwrap_or(due)
}

/// When the next job after `at` is enqueued.
fn next_beginning(schedule: &Schedule, at: Timestamp, seed: &str) -> Option<Timestamp> {
    schedule.cron.next_after(at, &schedule.timezone).map(|due| begins(schedule, due, seed))
}

/// The due times before `newest` that nobody has decided on.
fn missed_before(schedule: &Schedule, newest: Timestamp, considered: Timestamp, why: &str) -> Option<Missed> {
    let mut older = schedule.cron.past(newest, &schedule.timezone).skip(1).take_while(|due| *due > considered);
    let last = older.next()?;
    let times = 1 + older.take(MOST_COUNTED - 1).count() as u64;
    Some(Missed { times, last, why: why.to_owned() })
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
