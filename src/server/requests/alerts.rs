//! What is spoken up about.

use carelog_rpc::Reply;
use carelog_rpc::codec::pages;

use super::backups::{require_reason, too_long};
use crate::catalog::{Acknowledgement, CatalogError};
use crate::server::access::Caller;
use crate::server::failure::Failure;
use crate::server::handler::{Answer, Server};
use crate::server::wire;

/// More are not shown; what was is in the audit trail.
const MOST: u32 = 1000;

impl Server {
    pub(in crate::server) fn alerts(&self, all: bool) -> Result<Answer, Failure> {
        let catalog = &self.parts().catalog;
        let alerts = if all {
            catalog.list_alerts(MOST)?.iter().map(wire::alert).collect()
        } else {
            wire::worst_first(&catalog.firing_alerts()?)
        };
        let pages = pages(alerts).map_err(too_long)?;
        Ok(Answer::Replies(pages.into_iter().map(Reply::Alerts).collect()))
    }

    pub(in crate::server) fn test_alerts(&self, _caller: &Caller) -> Result<Answer, Failure> {
        Err(Failure::new(carelog_rpc::ErrorCode::Usage, "not in this version", ""))
    }

    pub(in crate::server) fn acknowledge_alert(
        &self,
        caller: &Caller,
        wanted: &str,
        reason: &str,
    ) -> Result<Answer, Failure> {
        require_reason(reason)?;
        let (catalog, now) = (&self.parts().catalog, self.now());
        let alert = catalog.find_alert(wanted)?;
        let who = &caller.requester;
        let who = who.on_behalf_of.as_ref().unwrap_or(&who.user).clone();
        let known = Acknowledgement { who, at: now, why: reason.trim().to_owned() };
        match catalog.acknowledge_alert(alert.id, &known, &caller.actor()) {
            Ok(alert) => Answer::one(Reply::Alert(Box::new(wire::alert(&alert)))),
            Err(CatalogError::NoSuchAlert(_)) => {
                let over = format!("the alert '{}' is over", alert.key);
                let hint = "`carelogctl alerts` shows those that fire";
                Err(Failure::new(carelog_rpc::ErrorCode::Conflict, over, hint))
            }
            Err(error) => Err(error.into()),
        }
    }
}
