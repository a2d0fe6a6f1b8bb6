//! The audit trail.

use carelog_rpc::{AuditRecord, AuditVerification};

use crate::output::table::{Look, Tone, cell, number, optional, toned};
use crate::output::text::clean;

/// The document of a list.
#[derive(Debug, serde::Serialize)]
pub(crate) struct AuditList {
    /// Oldest first.
    pub(crate) records: Vec<AuditRecord>,
}

/// A table of records.
pub(crate) fn table(records: &[AuditRecord], look: &Look) -> String {
    if records.is_empty() {
        return "no records".to_owned();
    }
    look.table(
        &["NO", "WHEN", "WHO", "VIA", "WHAT", "ON", "OUTCOME", "DETAIL"],
        records.iter().map(|record| {
            let who = match &record.on_behalf_of {
                Some(person) => format!("{} (for {person})", record.user),
                None => record.user.clone(),
            };
            vec![
                number(record.sequence.to_string()),
                cell(look.at(record.at)),
                cell(who),
                cell(&record.via),
                cell(&record.action),
                optional(record.object.as_ref()),
                toned(&record.outcome, if record.outcome == "done" { Tone::Plain } else { Tone::Doubtful }),
                cell(record.detail.as_deref().unwrap_or_default()),
            ]
        }),
    )
}

/// What checking the chain found, when it is whole.
pub(crate) fn intact(verification: &AuditVerification) -> String {
    let hash = verification.last_hash.as_deref().unwrap_or("-");
    format!("the audit trail is intact: {} records\nlast hash: {}", verification.records, clean(hash))
}
