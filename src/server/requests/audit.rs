//! The audit trail, and reading the configuration again.

use carelog_rpc::codec::pages;
use carelog_rpc::{AuditVerification, ErrorCode, ListAudit, Reply};

use super::backups::too_long;
use crate::audit::Entry;
use crate::catalog::{AuditError, AuditFilter};
use crate::model::AuditOutcome;
use crate::server::access::Caller;
use crate::server::failure::Failure;
use crate::server::handler::{Answer, Server};
use crate::server::{time, wire};

impl Server {
    pub(in crate::server) fn audit_list(&self, request: &ListAudit) -> Result<Answer, Failure> {
        let (now, zone) = (self.now(), self.policy().timezone);
        let since = request.since.as_deref().map(|text| time::parse(text, now, &zone)).transpose()?;
        let filter = AuditFilter { since, user: request.user.clone(), limit: request.limit };
        let records = self.parts().catalog.audit_records(&filter)?;
        let pages = pages(records.iter().map(wire::audit_record).collect()).map_err(too_long)?;
        Ok(Answer::Replies(pages.into_iter().map(Reply::AuditRecords).collect()))
    }

    pub(in crate::server) fn audit_verify(&self, caller: &Caller) -> Result<Answer, Failure> {
        let parts = self.parts();
        let found = match parts.catalog.verify_audit() {
            Ok(head) => AuditVerification {
                intact: true,
                records: head.seq,
                last_hash: Some(head.hash.to_string()),
                first_broken: None,
                problem: None,
            },
            Err(AuditError::Broken(broken)) => AuditVerification {
                intact: false,
                records: broken.seq,
                last_hash: None,
                first_broken: Some(broken.seq),
                problem: Some(broken.to_string()),
            },
            Err(error) => return Err(error.into()),
        };
        let outcome = if found.intact { AuditOutcome::Done } else { AuditOutcome::Failed };
        parts.catalog.record(&Entry::new(parts.clock.now(), caller.actor(), "audit.verify", "").ended(outcome))?;
        Answer::one(Reply::AuditVerified(found))
    }

    pub(in crate::server) fn reload(&self, caller: &Caller) -> Result<Answer, Failure> {
        let parts = self.parts();
        let entry = Entry::new(parts.clock.now(), caller.actor(), "config.reload", "");
        match self.reload.reload() {
            Ok(reloaded) => {
                parts.catalog.record(&entry.with("changed", reloaded.changed.join(" ")))?;
                Answer::one(Reply::Reloaded(reloaded))
            }
            Err(why) => {
                parts.catalog.record(&entry.because(&why).ended(AuditOutcome::Failed))?;
                let hint = "nothing was changed; correct the file and reload again";
                Err(Failure::new(ErrorCode::Failed, format!("the configuration was not read: {why}"), hint))
            }
        }
    }
}
