//! Plans on the wire.

use std::path::Path;

use carelog_rpc as rpc;
use rpc::{Change, Octets, RestoreMethod};

use super::{backup, mode, scope, source_kind};
use crate::archive::SourceSummary;
use crate::catalog::{BackupRecord, BackupSpec, JobError, References, RestoreSpec};
use crate::job::{BackupPlan, IntoDirectoryPlan, Parts, RestorePlan, WrittenSource};
use crate::model::SourceKind;
use crate::source::{SourcePlan, SwapMethod};

pub(in crate::server) fn backup_plan(plan: BackupPlan, spec: &BackupSpec, store_dir: &Path) -> rpc::BackupPlan {
    let sources = plan.sources.into_iter().map(|source| rpc::PlannedSource {
        name: source.name.to_string(),
        kind: source_kind(source.kind),
        location: Octets(source.location.into_bytes()),
        files: source.estimate.map(|estimate| estimate.files),
        size_bytes: source.estimate.map(|estimate| estimate.bytes),
        notes: source.notes,
    });
    rpc::BackupPlan {
        scope: scope(spec.scope),
        mode: mode(plan.mode),
        parent_id: plan.parent.map(|id| id.to_string()),
        sources: sources.collect(),
        store_dir: Octets::from_path(store_dir),
        needed_bytes: plan.needed_bytes,
        free_bytes: plan.free_bytes,
        notes: plan.notes,
    }
}

/// `estimate_seconds` is what it takes by earlier restores.
pub(in crate::server) fn restore_plan(
    plan: RestorePlan,
    parts: &Parts,
    estimate_seconds: Option<u64>,
) -> Result<rpc::RestorePlan, JobError> {
    let instructions = instructions(&plan);
    parts.store.check()?;
    let references = parts.catalog.references(plan.record.id)?;
    Ok(rpc::RestorePlan {
        backup: backup(&plan.record, &references),
        undoes: plan.undoes.map(|id| id.to_string()),
        sources: plan.sources.into_iter().map(restore_source).collect(),
        safety_backup: true,
        unsaved: plan.unsaved,
        damage: plan.damage,
        needed_bytes: plan.room.needed_bytes,
        free_bytes: plan.room.free_bytes,
        estimate_seconds,
        instructions,
    })
}

/// What people have to do, or should know that it is done.
fn instructions(plan: &RestorePlan) -> Vec<String> {
    let mut lines = Vec::new();
    if !plan.room.suffices() {
        lines.push("Free space beside the live data: as it is, the restore is refused.".to_owned());
    }
    if plan.stops_application {
        let probed = match &plan.probes[..] {
            [] => String::new(),
            probes => format!(" and probed ({}); if a probe fails, the restore is taken back", probes.join(", ")),
        };
        lines.push(format!("The application is stopped before anything is replaced, and started afterwards{probed}."));
    } else {
        lines.push(
            "Stop the application that writes to these sources before you confirm; start it again afterwards. \
             (stop_application and start_application in [hooks] of the configuration do it for you.)"
                .to_owned(),
        );
    }
    lines
}

fn restore_source(source: SourcePlan) -> rpc::RestoreSource {
    rpc::RestoreSource {
        name: source.name.to_string(),
        kind: source_kind(source.kind),
        method: match source.method {
            SwapMethod::ExchangeRoot | SwapMethod::RenameRoot => RestoreMethod::Exchange,
            SwapMethod::ExchangeEntries | SwapMethod::RenameEntries => RestoreMethod::ExchangeEntries,
            SwapMethod::RenameDatabase => RestoreMethod::RenameDatabase,
        },
        destination: Octets::from_path(&source.destination),
        added: Change { files: source.added, bytes: source.added_bytes },
        changed: Change { files: source.changed, bytes: source.changed_bytes },
        removed: Change { files: source.removed, bytes: source.removed_bytes },
        notes: source.notes,
    }
}

/// A restore into a directory replaces nothing, so there is nothing to look at but the backup.
pub(in crate::server) fn plan_into_directory(
    record: &BackupRecord,
    references: &References,
    plan: IntoDirectoryPlan,
) -> rpc::RestorePlan {
    let written = |source: WrittenSource| {
        let added = Change { files: source.files, bytes: source.bytes };
        written(source.name.as_str(), source.kind, source.name.as_str(), added)
    };
    plan_elsewhere(record, references, plan.sources.into_iter().map(written).collect())
}

/// As [`plan_into_directory`], into the new database `name`.
pub(in crate::server) fn plan_into_database(
    record: &BackupRecord,
    references: &References,
    spec: &RestoreSpec,
    name: &str,
) -> rpc::RestorePlan {
    let is_wanted = |held: &&SourceSummary| {
        held.kind == SourceKind::Postgres && (spec.sources.is_empty() || spec.sources.contains(&held.name))
    };
    let into_database = |held: &SourceSummary| {
        written(held.name.as_str(), held.kind, name, Change { files: held.files, bytes: held.size_bytes })
    };
    plan_elsewhere(record, references, record.sources.iter().filter(is_wanted).map(into_database).collect())
}

fn written(name: &str, kind: SourceKind, destination: &str, added: Change) -> rpc::RestoreSource {
    rpc::RestoreSource {
        name: name.to_owned(),
        kind: source_kind(kind),
        method: RestoreMethod::Write,
        destination: Octets(destination.as_bytes().to_vec()),
        added,
        changed: Change::default(),
        removed: Change::default(),
        notes: Vec::new(),
    }
}

fn plan_elsewhere(
    record: &BackupRecord,
    references: &References,
    sources: Vec<rpc::RestoreSource>,
) -> rpc::RestorePlan {
    rpc::RestorePlan {
        backup: backup(record, references),
        undoes: None,
        needed_bytes: sources.iter().fold(0_u64, |sum, source| sum.saturating_add(source.added.bytes)),
        sources,
        safety_backup: false,
        unsaved: Vec::new(),
        damage: Vec::new(),
        free_bytes: None,
        estimate_seconds: None,
        instructions: Vec::new(),
    }
}
