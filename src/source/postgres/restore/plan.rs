//! What a restore of a database would do: which tables come and go, what stands in the way, how much room it takes.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::super::super::error::{SourceError, StageError};
use super::super::super::swap::SwapMethod;
use super::super::super::{KeptData, SourcePlan, shown};
use super::super::Postgres;
use super::super::error::PostgresError;
use super::super::server::Server;
use super::super::table_name::TableName;
use super::facts::Facts;
use super::requirements::Findings;
use super::sessions::{beyond_us, in_the_way};
use super::swap::DatabaseSwap;
use super::tables::{Table, tables_of};
use crate::archive::ArchiveReader;
use crate::model::SourceKind;
use crate::progress::Progress;

pub(super) fn plan(source: &Postgres, archive: &ArchiveReader, progress: &Progress) -> Result<SourcePlan, StageError> {
    let held = source.held(archive, progress)?;
    let connection = source.restore_connection();
    let server = Server::connect(&connection, progress)?;
    let live = source.database();
    let facts = Facts::ask(&server, live, &held.globals)?;
    let Findings { mut refusals, mut warnings } = Findings::of(&facts, live, &held.globals);
    refusals.extend(in_the_way_of(&server, live)?);
    require_none(source, &refusals)?;
    if held.globals.server_version.major() > server.version.major() {
        warnings.push(format!(
            "the backup is of PostgreSQL {}, the server is {}: it may not understand all of it",
            held.globals.server_version, server.version
        ));
    }
    let summary = archive.restore_point().sources.iter().find(|held| held.name == source.name);
    let warned = summary.into_iter().flat_map(|held| &held.warnings);
    warnings.extend(warned.map(|warning| format!("warned when it was taken: {warning}")));
    let then: BTreeSet<TableName> = held.tables().into_keys().collect();
    let now = live_tables(&server, &facts, live, &mut warnings);
    let dump = held.dump.size;
    let live_bytes = facts.live.as_ref().and_then(|live| live.bytes);
    let staged_in = staged_in(&connection, &facts);
    if staged_in.is_none() {
        warnings.push("how much room the server has cannot be told from here: look at its disk (df)".to_owned());
    }
    Ok(SourcePlan {
        staged_in,
        // Indexes are not in a dump: what is live says best how large the new one gets.
        changed_bytes: live_bytes.unwrap_or(0).max(dump),
        bytes: dump,
        notes: warnings,
        ..of_tables(source, &then, &now)
    })
}

/// As [`plan`], when what an earlier restore kept is to be live again. If nobody can have changed it, only names are
/// exchanged.
pub(super) fn plan_of_kept(
    source: &Postgres,
    archive: &ArchiveReader,
    kept: &KeptData,
    progress: &Progress,
) -> Result<SourcePlan, StageError> {
    let is_as_sealed = kept.database.as_ref().map_or(Ok(false), DatabaseSwap::is_kept_as_sealed)?;
    if !is_as_sealed {
        let mut plan = plan(source, archive, progress)?;
        plan.notes.push("what was replaced was connected to since, so the safety backup is loaded instead".to_owned());
        return Ok(plan);
    }
    let held = source.held(archive, progress)?;
    let connection = source.restore_connection();
    let server = Server::connect(&connection, progress)?;
    let live = source.database();
    let facts = Facts::ask(&server, live, &held.globals)?;
    let Findings { mut refusals, mut warnings } = Findings::of_kept(&facts, live);
    refusals.extend(in_the_way_of(&server, live)?);
    require_none(source, &refusals)?;
    warnings.push("what was replaced gets its name back: nothing is loaded, and no room is needed".to_owned());
    let now = live_tables(&server, &facts, live, &mut warnings);
    let then = held.tables().into_keys().collect();
    Ok(SourcePlan { notes: warnings, ..of_tables(source, &then, &now) })
}

/// What becomes of the tables; the rest is left out.
fn of_tables(source: &Postgres, then: &BTreeSet<TableName>, now: &BTreeSet<TableName>) -> SourcePlan {
    let only = |some: &BTreeSet<TableName>, other: &BTreeSet<TableName>| some.difference(other).count() as u64;
    SourcePlan {
        name: source.name.clone(),
        kind: SourceKind::Postgres,
        method: SwapMethod::RenameDatabase,
        destination: source.restore_connection().url.to_string().into(),
        staged_in: None,
        added: only(then, now),
        changed: then.intersection(now).count() as u64,
        removed: only(now, then),
        added_bytes: 0,
        changed_bytes: 0,
        removed_bytes: 0,
        bytes: 0,
        notes: Vec::new(),
    }
}

/// The sessions that would keep the database `live` from being replaced.
pub(super) fn in_the_way_of(server: &Server, live: &str) -> Result<Option<String>, PostgresError> {
    let found = beyond_us(server, live)?;
    Ok((!found.is_empty()).then(|| in_the_way(live, &found)))
}

/// Refuses, naming every obstacle.
pub(super) fn require_none(source: &Postgres, refusals: &[String]) -> Result<(), StageError> {
    if refusals.is_empty() {
        return Ok(());
    }
    let path = source.restore_connection().url.to_string().into();
    Err(SourceError::Refused { path, reason: refusals.join("\n") }.into())
}

/// The tables of the live database. One that cannot be looked at is what a restore may be needed for.
fn live_tables(server: &Server, facts: &Facts, live: &str, warnings: &mut Vec<String>) -> BTreeSet<TableName> {
    if facts.live.as_ref().is_none_or(|live| !live.allows) {
        return BTreeSet::new();
    }
    // What belongs to an extension is in a dump only where the extension says so.
    let is_dumped = |(name, table): (TableName, Table)| (!table.of_extension).then_some(name);
    match tables_of(server, live) {
        Ok(tables) => tables.into_iter().filter_map(is_dumped).collect(),
        Err(error) => {
            let error = shown::shown(error.to_string().as_bytes());
            warnings.push(format!("the tables of the live database cannot be listed: {error}"));
            BTreeSet::new()
        }
    }
}

/// Where the server puts the new database, if that is a folder of this machine.
fn staged_in(connection: &super::super::Connection, facts: &Facts) -> Option<PathBuf> {
    connection.url.is_local().then_some(())?;
    facts.directory.as_ref().map(PathBuf::from).filter(|directory| crate::fsio::free_space(directory).is_ok())
}
