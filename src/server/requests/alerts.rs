//! What is spoken up about.

use std::time::Duration;

use carelog_rpc::codec::pages;
use carelog_rpc::{ErrorCode, Reply};
use uuid::Uuid;

use super::backups::{require_reason, too_long};
use crate::alerts::{AlertSettings, Letter, Notice, Occasion};
use crate::audit::Entry;
use crate::catalog::{Acknowledgement, CatalogError};
use crate::model::{AuditOutcome, EventKind, Severity};
use crate::server::access::Caller;
use crate::server::failure::Failure;
use crate::server::handler::{Answer, Server};
use crate::server::wire;

/// How long a test may take: whoever asked waits no longer for an answer ([`carelog_rpc::STALL`]).
const TEST_WITHIN: Duration = Duration::from_secs(25);

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

    /// Tells everybody at once and past the outbox, so that whoever asks sees what comes of it.
    pub(in crate::server) fn test_alerts(&self, caller: &Caller) -> Result<Answer, Failure> {
        let ways = self.policy().ways;
        if ways.is_empty() {
            let hint = "add [email] or [[webhook]] to the configuration, then carelogctl reload";
            return Err(Failure::new(ErrorCode::NotFound, "nobody is told of anything: no way is configured", hint));
        }
        let (parts, settings) = (self.parts(), self.alerts.settings());
        let user = &caller.requester.user;
        let letter = Letter { recipient: String::new(), notice: self.test_notice(user, &settings)?, earlier: None };
        let own_address = settings.email.iter().filter_map(|email| email.users.get(user).cloned());
        let tried = ways.test(&letter, &own_address.collect::<Vec<_>>(), TEST_WITHIN);
        let failed = tried.iter().filter(|tried| tried.answer.is_err()).count();
        let entry = Entry::new(parts.clock.now(), caller.actor(), "alerts.test", "")
            .with("delivered", tried.len() - failed)
            .with("failed", failed);
        parts.catalog.record(&if failed == 0 { entry } else { entry.ended(AuditOutcome::Failed) })?;
        Answer::one(Reply::ChannelTests(tried.into_iter().map(wire::channel_test).collect()))
    }

    fn test_notice(&self, user: &str, settings: &AlertSettings) -> Result<Notice, Failure> {
        let parts = self.parts();
        let head = parts.catalog.audit_head()?;
        Ok(Notice {
            id: Uuid::now_v7(),
            key: String::new(),
            event: EventKind::Test,
            occasion: Occasion::Test,
            severity: Severity::Notice,
            at: parts.clock.now(),
            host: parts.settings.host.clone(),
            title: "A test: notices arrive".to_owned(),
            message: format!(
                "{user} tries whether notices of CareLog backup arrive. This one did; nothing has happened."
            ),
            facts: Vec::new(),
            steps: Vec::new(),
            contact: settings.alerts.contact.clone(),
            audit_head: format!("{}:{}", head.seq, head.hash),
        })
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
