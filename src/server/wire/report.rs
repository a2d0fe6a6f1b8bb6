//! The page for the incident log on the wire.

use carelog_rpc as rpc;
use rpc::{Octets, RestoreMethod};
use serde_json::Value;

use super::{job, source_kind};
use crate::archive::escape::unescape;
use crate::catalog::{Catalog, Job, JobOutcome};
use crate::job::{Amount, BackupFacts, Kept, RestoreFacts, SourceFacts};
use crate::progress::Snapshot;

/// `kept` is what of that which the job replaced still lies beside the live data.
pub(in crate::server) fn job_report(
    record: &Job,
    running: Option<&Snapshot>,
    kept: Option<&Kept>,
    is_unsettled: bool,
    catalog: &Catalog,
) -> rpc::JobReport {
    let outcome = record.outcome.as_ref();
    rpc::JobReport {
        job: job(record, running, catalog),
        description: record.spec.description().to_owned(),
        restore: outcome.and_then(|outcome| restore(outcome, kept, is_unsettled)),
    }
}

fn restore(outcome: &JobOutcome, kept: Option<&Kept>, is_unsettled: bool) -> Option<rpc::RestoreReport> {
    let facts: RestoreFacts = serde_json::from_value(outcome.notes.get(RestoreFacts::NOTE)?.clone()).ok()?;
    Some(rpc::RestoreReport {
        backups: facts.backups.iter().map(backup).collect(),
        undoes: facts.undoes.map(|id| id.to_string()),
        paths: facts.paths.iter().map(|path| octets(path)).collect(),
        safety_backups: facts.safety_backups.iter().map(backup).collect(),
        changed_before_stop: list(outcome, "changed_before_stop")
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        sources: facts.sources.into_iter().map(|facts| source(facts, kept)).collect(),
        probes: list(outcome, "probes").filter_map(probe).collect(),
        // What no safety backup holds any more is kept for longer than was meant.
        kept_until: kept.map_or(facts.kept_until, |kept| kept.until).map(Into::into),
        is_kept: kept.is_some(),
        can_be_undone: kept.is_some_and(|kept| kept.can_be_undone),
        is_unsettled,
    })
}

fn list<'o>(outcome: &'o JobOutcome, name: &str) -> impl Iterator<Item = &'o Value> + use<'o> {
    outcome.notes.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn backup(facts: &BackupFacts) -> rpc::ReportedBackup {
    rpc::ReportedBackup {
        id: facts.id.to_string(),
        filename: facts.filename.clone(),
        created_at: facts.created_at.into(),
        checksum: facts.sha256.map(|sha256| rpc::Checksum::sha256(sha256.to_string())),
    }
}

/// Before it replaced anything, or when that is discarded, nothing is laid aside.
fn source(facts: SourceFacts, kept: Option<&Kept>) -> rpc::ReportedSource {
    let replaced = facts.replaced.as_ref();
    let laid_aside = replaced.filter(|_| kept.is_some_and(|kept| kept.sources.contains(&facts.name)));
    rpc::ReportedSource {
        name: facts.name.to_string(),
        kind: source_kind(facts.kind),
        location: replaced.map(|replaced| octets(&replaced.live)),
        method: replaced.map(|replaced| match (replaced.is_database, replaced.by_entry) {
            (true, _) => RestoreMethod::RenameDatabase,
            (false, true) => RestoreMethod::ExchangeEntries,
            (false, false) => RestoreMethod::Exchange,
        }),
        kept_at: laid_aside.map(|replaced| octets(&replaced.aside)),
        before: facts.before.map(amount),
        after: facts.after.map(amount),
    }
}

fn amount(amount: Amount) -> rpc::Amount {
    rpc::Amount { files: amount.files, size_bytes: amount.size_bytes, counts: amount.counts }
}

fn probe(note: &Value) -> Option<rpc::ReportedProbe> {
    let text = |name: &str| note.get(name).and_then(Value::as_str).map(str::to_owned);
    let milliseconds = note.get("milliseconds").and_then(Value::as_u64);
    Some(rpc::ReportedProbe {
        name: text("name")?,
        passed: note.get("passed")?.as_bool()?,
        milliseconds,
        output: text("output").or_else(|| text("why")).unwrap_or_default(),
    })
}

fn octets(escaped: &str) -> Octets {
    Octets(unescape(escaped).unwrap_or_else(|| escaped.as_bytes().to_vec()))
}
