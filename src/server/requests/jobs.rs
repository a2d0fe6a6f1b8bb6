//! Looking at jobs and cancelling them.

use carelog_rpc::codec::pages;
use carelog_rpc::{ErrorCode, ListJobs, Reply};
use jiff::SignedDuration;

use super::backups::too_long;
use crate::catalog::JobFilter;
use crate::job::{Trouble, Unsettled};
use crate::queue::Cancel;
use crate::server::access::{Caller, Role};
use crate::server::failure::Failure;
use crate::server::handler::{Answer, Server};
use crate::server::wire;

/// Jobs that ended longer ago are listed only on request.
const RECENT: SignedDuration = SignedDuration::from_hours(24);

/// The most that is listed of those.
const MOST: u32 = 10_000;

impl Server {
    /// Those that run, those that wait, those that ended, newest first.
    pub(in crate::server) fn list_jobs(&self, request: &ListJobs) -> Result<Answer, Failure> {
        let parts = self.parts();
        let mut jobs = parts.catalog.list_jobs(&JobFilter { unfinished: false, limit: Some(MOST) })?;
        let since = self.now().checked_sub(RECENT).unwrap_or_default();
        jobs.retain(|job| request.all || job.finished_at.is_none_or(|ended| ended >= since));
        // Stable, so that within each of the three groups the newest stays first.
        jobs.sort_by_key(|job| (job.started_at.is_none(), job.finished_at.is_some()));
        jobs.sort_by_key(|job| job.finished_at.is_some());
        jobs.truncate(request.limit.map_or(usize::MAX, |limit| limit as usize));
        let shown = |job| wire::job(job, self.queue.progress(job.id).as_ref(), &parts.catalog);
        let pages = pages(jobs.iter().map(shown).collect()).map_err(too_long)?;
        Ok(Answer::Replies(pages.into_iter().map(Reply::Jobs).collect()))
    }

    pub(in crate::server) fn job_report(&self, id: &str) -> Result<Answer, Failure> {
        let parts = self.parts();
        let id = self.find_job(id)?;
        let job = parts.catalog.job(id)?;
        let kept = parts.restores.kept(&parts)?.into_iter().find(|kept| kept.job == id);
        let is_of_its_data = |trouble: &Trouble| trouble.job == id && trouble.unsettled == Unsettled::Data;
        let is_unsettled = parts.restores.troubles().iter().any(is_of_its_data);
        let running = self.queue.progress(id);
        let report = wire::job_report(&job, running.as_ref(), kept.as_ref(), is_unsettled, &parts.catalog);
        Answer::one(Reply::JobReport(Box::new(report)))
    }

    pub(in crate::server) fn cancel(&self, caller: &Caller, id: &str) -> Result<Answer, Failure> {
        let job = self.parts().catalog.find_job(id)?;
        let own = job.requested_by.uid == caller.requester.uid;
        if !own && caller.role(&self.policy().access) < Role::Admin {
            return Err(self.refuse(caller, "cancel a job of somebody else", Role::Admin)?);
        }
        match self.queue.cancel(job.id, &caller.actor())? {
            Cancel::AtOnce | Cancel::Asked => Answer::one(Reply::Job(self.job(job.id)?)),
            Cancel::TooLate(state) => {
                let message = format!("job {} cannot be cancelled: it is {state}", job.id);
                Err(Failure::new(ErrorCode::Conflict, message, ""))
            }
        }
    }
}
