//! What is done by itself: looking at it, asking for it now, letting it stand still.

use carelog_rpc::codec::pages;
use carelog_rpc::{ErrorCode, Reply};

use super::backups::{require_reason, too_long};
use crate::scheduler::ScheduleError;
use crate::server::access::Caller;
use crate::server::failure::Failure;
use crate::server::handler::{Answer, Server};
use crate::server::wire;

/// More times than these are never told at once.
const MOST: u32 = 1000;

impl Server {
    pub(in crate::server) fn schedules(&self) -> Result<Answer, Failure> {
        let schedules = self.scheduler.schedules()?;
        let pages = pages(schedules.iter().map(wire::schedule).collect()).map_err(too_long)?;
        Ok(Answer::Replies(pages.into_iter().map(Reply::Schedules).collect()))
    }

    pub(in crate::server) fn next_due(&self, name: Option<&str>, count: u32) -> Result<Answer, Failure> {
        let count = usize::try_from(count.min(MOST)).unwrap_or_default();
        let due = self.scheduler.next_due(name, count)?;
        let pages = pages(due.iter().map(wire::due_time).collect()).map_err(too_long)?;
        Ok(Answer::Replies(pages.into_iter().map(Reply::DueTimes).collect()))
    }

    pub(in crate::server) fn run_schedule(&self, caller: &Caller, name: &str) -> Result<Answer, Failure> {
        let job = self.scheduler.run_now(name, &caller.requester, &caller.actor())?;
        Answer::one(Reply::Enqueued { job_id: job.to_string() })
    }

    pub(in crate::server) fn pause_schedule(&self, caller: &Caller, name: &str, why: &str) -> Result<Answer, Failure> {
        require_reason(why)?;
        let look = self.scheduler.pause(name, why, &caller.actor())?;
        Answer::one(Reply::Schedule(Box::new(wire::schedule(&look))))
    }

    pub(in crate::server) fn resume_schedule(&self, caller: &Caller, name: &str, why: &str) -> Result<Answer, Failure> {
        require_reason(why)?;
        let look = self.scheduler.resume(name, why, &caller.actor())?;
        Answer::one(Reply::Schedule(Box::new(wire::schedule(&look))))
    }
}

impl From<ScheduleError> for Failure {
    fn from(error: ScheduleError) -> Self {
        let message = error.to_string();
        match error {
            ScheduleError::Unknown { .. } => {
                Self::new(ErrorCode::NotFound, message, "`carelogctl schedule list` shows every schedule")
            }
            ScheduleError::NoChange { .. } => {
                Self::new(ErrorCode::Conflict, message, "`carelogctl schedule list` shows who paused what, and why")
            }
            ScheduleError::Unfinished { job, .. } => {
                Self::new(ErrorCode::Conflict, message, &format!("watch it: `carelogctl job watch {job}`"))
            }
            ScheduleError::Enqueue(error) => error.into(),
        }
    }
}
