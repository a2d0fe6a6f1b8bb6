//! Schedules on the wire.

use carelog_rpc as rpc;

use super::job_state;
use crate::scheduler::{DueTime, ScheduleLook};

pub(in crate::server) fn schedule(look: &ScheduleLook) -> rpc::Schedule {
    let ScheduleLook { schedule, state, work, next_due, last_job_state } = look;
    rpc::Schedule {
        name: schedule.name.clone(),
        cron: schedule.cron.to_string(),
        timezone: schedule.zone_name().to_owned(),
        work: work.clone(),
        catch_up_seconds: schedule.catch_up.as_secs(),
        jitter_seconds: schedule.jitter.as_secs(),
        next_due_at: next_due.map(Into::into),
        paused: state.paused.as_ref().map(|pause| rpc::Pause {
            who: pause.who.clone(),
            at: pause.at.into(),
            why: pause.why.clone(),
        }),
        last_due_at: state.last_due.map(Into::into),
        last_job_id: state.last_job.map(|id| id.to_string()),
        last_job_state: last_job_state.map(job_state),
        skipped: state.skipped,
        last_skipped_at: state.last_skipped.map(Into::into),
        last_skipped_why: state.last_skipped_why.clone(),
    }
}

pub(in crate::server) fn due_time(due: &DueTime) -> rpc::DueTime {
    rpc::DueTime {
        schedule: due.schedule.clone(),
        at: due.at.into(),
        begins_at: due.begins_at.into(),
        local: due.local.clone(),
        work: due.work.clone(),
    }
}
