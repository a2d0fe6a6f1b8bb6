//! Domain types as the wire has them: the only place where one becomes the other.

mod job;
mod plan;
mod report;

use carelog_rpc as rpc;

pub(super) use job::{job, job_in_the_way};
pub(super) use plan::{backup_plan, plan_into_database, plan_into_directory, restore_plan};
pub(super) use report::job_report;

use crate::archive::SourceSummary;
use crate::audit::Record;
use crate::catalog::{BackupRecord, Hold, References};
use crate::model::{BackupId, BackupState, Class, JobKind, JobState, Mode, Requester, Scope, SourceKind, VerifyResult};

/// Maps one enum to another of the same variants.
macro_rules! same_words {
    ($(#[$meta:meta])* $name:ident: $from:ty => $to:ty { $($variant:ident),+ $(,)? }) => {
        $(#[$meta])*
        pub(super) const fn $name(word: $from) -> $to {
            match word { $(<$from>::$variant => <$to>::$variant),+ }
        }
    };
}

same_words!(class: Class => rpc::Class { Backup, Safety });
same_words!(from_class: rpc::Class => Class { Backup, Safety });
same_words!(scope: Scope => rpc::Scope { All, Database, Files });
same_words!(from_scope: rpc::Scope => Scope { All, Database, Files });
same_words!(mode: Mode => rpc::Mode { Full, Incremental });
same_words!(from_mode: rpc::Mode => Mode { Full, Incremental });
same_words!(source_kind: SourceKind => rpc::SourceKind { Json, Files, Postgres });
same_words!(backup_state: BackupState => rpc::BackupState { Available, Retained, Expired, Trashed, Missing, Corrupt });
same_words!(verify_result: VerifyResult => rpc::VerifyResult { Passed, Failed });
same_words!(job_kind: JobKind => rpc::JobKind { Backup, Restore, Verify, Prune });
same_words!(job_state: JobState => rpc::JobState {
    Queued, Running, Succeeded, Warned, Failed, Cancelled, Interrupted
});

/// What it needs, and by whom it is needed, stands in `references` alone.
pub(super) fn backup(record: &BackupRecord, references: &References) -> rpc::Backup {
    let named = |ids: &[BackupId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let omitted = |count: u64, ids: &[BackupId]| count.saturating_sub(ids.len() as u64);
    let checksum = record.sha256.map(|sha256| rpc::Checksum::sha256(sha256.to_string()));
    let copy = rpc::BackupCopy {
        store: "local".to_owned(),
        filename: record.filename.clone(),
        size_bytes: record.size_bytes,
        checksum: checksum.clone(),
        encrypted: false,
        state: backup_state(record.state),
        verified_at: record.verified_at.map(Into::into),
    };
    rpc::Backup {
        id: record.id.to_string(),
        filename: record.filename.clone(),
        class: class(record.class),
        scope: scope(record.scope),
        mode: mode(record.mode),
        parent_id: record.parent_id.map(|id| id.to_string()),
        needs: named(&references.needs),
        needs_omitted: omitted(references.needs_count, &references.needs),
        needed_by: named(&references.needed_by),
        needed_by_omitted: omitted(references.needed_by_count, &references.needed_by),
        created_at: record.created_at.into(),
        finished_at: Some(record.finished_at.into()),
        size_bytes: record.size_bytes,
        raw_bytes: record.raw_bytes,
        new_bytes: record.new_bytes,
        files: record.files,
        checksum,
        description: record.description.clone(),
        sources: record.sources.iter().map(source).collect(),
        requested_by: requester(&record.requested_by),
        verified_at: record.verified_at.map(Into::into),
        verify_result: record.verify_result.map(verify_result),
        holds: record.holds.iter().map(hold).collect(),
        state: backup_state(record.state),
        job_id: record.job_id.map(|id| id.to_string()),
        copies: vec![copy],
    }
}

fn source(summary: &SourceSummary) -> rpc::BackupSource {
    let (warnings, warnings_omitted) = rpc::codec::listed(&summary.warnings);
    rpc::BackupSource {
        name: summary.name.to_string(),
        kind: source_kind(summary.kind),
        size_bytes: summary.size_bytes,
        files: summary.files,
        warnings,
        warnings_omitted,
        counts: summary.counts.clone(),
    }
}

fn hold(hold: &Hold) -> rpc::Hold {
    rpc::Hold {
        reason: hold.why.clone(),
        placed_by: hold.who.clone(),
        placed_at: hold.since.into(),
        until: hold.until.map(Into::into),
    }
}

pub(super) fn requester(who: &Requester) -> rpc::Requester {
    rpc::Requester {
        user: who.user.clone(),
        uid: who.uid,
        via: who.via.clone(),
        on_behalf_of: who.on_behalf_of.clone(),
    }
}

pub(super) fn audit_record(record: &Record) -> rpc::AuditRecord {
    let entry = &record.entry;
    let parameters = entry.parameters.iter().map(|(name, value)| format!("{name}={value}"));
    let details: Vec<String> =
        Some(entry.reason.clone()).filter(|reason| !reason.is_empty()).into_iter().chain(parameters).collect();
    rpc::AuditRecord {
        sequence: record.seq,
        at: entry.time.into(),
        user: entry.actor.user.clone(),
        uid: entry.actor.uid,
        via: entry.actor.via.clone(),
        on_behalf_of: entry.actor.on_behalf_of.clone(),
        action: entry.action.clone(),
        object: (!entry.target.is_empty()).then(|| entry.target.clone()),
        outcome: entry.outcome.to_string(),
        detail: (!details.is_empty()).then(|| details.join(" ")),
        hash: record.hash.to_string(),
    }
}
