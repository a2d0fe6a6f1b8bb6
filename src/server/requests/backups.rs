//! Looking at backups, holding and releasing them, and downloading their archives.

use std::sync::PoisonError;

use carelog_rpc::codec::pages;
use carelog_rpc::{DownloadFormat, ErrorCode, ListBackups, Reply};

use crate::audit::Entry;
use crate::catalog::{BackupFilter, BackupRecord, Hold};
use crate::model::{BackupId, BackupState, SourceName};
use crate::server::access::Caller;
use crate::server::download::Prepared;
use crate::server::failure::Failure;
use crate::server::handler::{Answer, Server};
use crate::server::{time, wire};

impl Server {
    pub(in crate::server) fn list(&self, request: &ListBackups) -> Result<Answer, Failure> {
        let (now, zone) = (self.now(), self.policy().timezone);
        let moment = |text: &Option<String>| text.as_deref().map(|t| time::parse(t, now, &zone)).transpose();
        let filter = BackupFilter {
            limit: request.limit,
            source: request.source.as_deref().map(source_name).transpose()?,
            class: request.class.map(wire::from_class),
            since: moment(&request.since)?,
            until: request.until.as_deref().map(|text| time::parse_end(text, now, &zone)).transpose()?,
            all: request.all,
        };
        let catalog = &self.parts().catalog;
        let backups = catalog.list_backups_alone(&filter)?;
        let ids: Vec<BackupId> = backups.iter().map(|backup| backup.id).collect();
        let mut references = catalog.references_of(&ids)?;
        let shown = |backup: &BackupRecord| wire::backup(backup, &references.remove(&backup.id).unwrap_or_default());
        let pages = pages(backups.iter().map(shown).collect()).map_err(too_long)?;
        Ok(Answer::Replies(pages.into_iter().map(Reply::Backups).collect()))
    }

    pub(in crate::server) fn show(&self, backup: &str) -> Result<Answer, Failure> {
        let catalog = &self.parts().catalog;
        let record = catalog.find_backup(backup)?;
        Answer::one(Reply::Backup(Box::new(wire::backup(&record, &catalog.references(record.id)?))))
    }

    pub(in crate::server) fn hold(
        &self,
        caller: &Caller,
        backup: &str,
        reason: &str,
        until: Option<&str>,
    ) -> Result<Answer, Failure> {
        require_reason(reason)?;
        let now = self.now();
        let until = until.map(|text| time::parse(text, now, &self.policy().timezone)).transpose()?;
        if until.is_some_and(|until| until <= now) {
            return Err(Failure::new(ErrorCode::Usage, "the hold would end in the past", "give a later time"));
        }
        let hold = Hold { who: caller.requester.user.clone(), why: reason.to_owned(), since: now, until };
        let _alone = self.holding.lock().unwrap_or_else(PoisonError::into_inner);
        let record = self.parts().catalog.find_backup(backup)?;
        let holds = [record.holds.clone(), vec![hold]].concat();
        self.set_holds(caller, &record, &holds, "backup.hold", reason)
    }

    pub(in crate::server) fn release(&self, caller: &Caller, backup: &str, reason: &str) -> Result<Answer, Failure> {
        require_reason(reason)?;
        let _alone = self.holding.lock().unwrap_or_else(PoisonError::into_inner);
        let record = self.parts().catalog.find_backup(backup)?;
        if record.holds.is_empty() {
            return Err(Failure::new(ErrorCode::Conflict, format!("{} is not held", record.filename), ""));
        }
        self.set_holds(caller, &record, &[], "backup.release", reason)
    }

    /// The store first: a hold has to outlive the catalog.
    fn set_holds(
        &self,
        caller: &Caller,
        record: &BackupRecord,
        holds: &[Hold],
        action: &str,
        reason: &str,
    ) -> Result<Answer, Failure> {
        let parts = self.parts();
        // A backup that is just being removed cannot be held any more, and one that is being held is not removed.
        let _lease = parts.leases.lease([record.id])?;
        parts.store.set_holds(&archive_name(record)?, holds)?;
        let entry = Entry::new(parts.clock.now(), caller.actor(), action, record.id).because(reason);
        parts.catalog.set_holds(record.id, holds, &entry)?;
        self.show(&record.id.to_string())
    }

    pub(in crate::server) fn download(
        &self,
        caller: &Caller,
        backup: &str,
        format: Option<DownloadFormat>,
    ) -> Result<Answer, Failure> {
        let parts = self.parts();
        let record = parts.catalog.find_backup(backup)?;
        require_standalone(&record)?;
        let lease = parts.leases.lease([record.id])?;
        let file = parts.store.open(&archive_name(&record)?)?;
        let size_bytes = file.metadata()?.len();
        let entry = Entry::new(parts.clock.now(), caller.actor(), "backup.download", record.id);
        parts.catalog.record(&entry)?;
        Ok(Answer::Download(Prepared { file, filename: record.filename, size_bytes, format, _lease: lease }))
    }
}

/// Whoever downloads a backup takes the file for all of it.
fn require_standalone(record: &BackupRecord) -> Result<(), Failure> {
    if record.needs.is_empty() && record.state != BackupState::Retained {
        return Ok(());
    }
    let message = match record.needs.len() {
        0 => format!("{} was deleted; its archive only stays for other backups", record.filename),
        others => format!("{} is incremental: it is not complete without {others} other archives", record.filename),
    };
    let hint = "take one that stands alone (`carelogctl backup --full`) and download that, or write this one out with \
                `carelogctl restore BACKUP --to DIR`";
    Err(Failure::new(ErrorCode::RefusedForSafety, message, hint))
}

pub(super) fn source_name(text: &str) -> Result<SourceName, Failure> {
    SourceName::new(text).map_err(|bad| Failure::new(ErrorCode::Usage, bad.to_string(), ""))
}

pub(super) fn require_reason(reason: &str) -> Result<(), Failure> {
    if reason.trim().is_empty() {
        return Err(Failure::new(ErrorCode::Usage, "a reason is needed", "say why with -m TEXT"));
    }
    Ok(())
}

pub(super) fn too_long(error: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorCode::Failed, format!("the answer cannot be sent: {error}"), "")
}

fn archive_name(record: &BackupRecord) -> Result<crate::store::ArchiveName, Failure> {
    record.filename.parse().map_err(|bad| Failure::new(ErrorCode::Failed, format!("{bad}"), ""))
}
