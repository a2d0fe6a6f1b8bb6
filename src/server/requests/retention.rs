//! Which backups are kept, and taking back what was removed.

use std::collections::HashMap;

use carelog_rpc::codec::pages;
use carelog_rpc::{ErrorCode, Reply};

use super::backups::{require_reason, too_long};
use crate::catalog::{ExpireSpec, JobSpec};
use crate::job::{PrunePlan, take_back};
use crate::server::access::Caller;
use crate::server::failure::Failure;
use crate::server::handler::{Answer, Server};
use crate::server::wire;

impl Server {
    pub(in crate::server) fn plan_prune(&self) -> Result<Answer, Failure> {
        let plan = PrunePlan::make(&self.parts())?;
        let records: HashMap<_, _> = plan.records.iter().map(|record| (record.id, record)).collect();
        let decisions = plan.retention.decisions.iter();
        let backups = decisions.filter_map(|decision| Some(wire::planned_backup(decision, records.get(&decision.id)?)));
        let pages = pages(backups.collect()).map_err(too_long)?;
        let first = Reply::PrunePlan(Box::new(wire::prune_plan(&plan)));
        let replies = [first].into_iter().chain(pages.into_iter().map(Reply::PlannedBackups));
        Ok(Answer::Replies(replies.collect()))
    }

    /// With a `digest`, just the plan that was shown; the job itself makes sure of it again.
    pub(in crate::server) fn prune(
        &self,
        caller: &Caller,
        digest: Option<String>,
        reason: String,
    ) -> Result<Answer, Failure> {
        let backups = match digest {
            None => None,
            Some(shown) => {
                let plan = PrunePlan::make(&self.parts())?;
                if plan.digest != shown {
                    let message = "the plan is not the one that was shown any more";
                    return Err(Failure::new(ErrorCode::Conflict, message, "look at it again: `carelogctl prune`"));
                }
                Some(plan.retention.expiring().map(|decision| decision.id).collect())
            }
        };
        self.enqueue_spec(caller, JobSpec::Expire(ExpireSpec { backups, reason }))
    }

    pub(in crate::server) fn restore_deleted(
        &self,
        caller: &Caller,
        backup: &str,
        reason: &str,
    ) -> Result<Answer, Failure> {
        require_reason(reason)?;
        let parts = self.parts();
        let id = parts.catalog.find_backup(backup)?.id;
        take_back(&parts, id, caller.actor(), reason)?;
        self.show(&id.to_string())
    }
}
