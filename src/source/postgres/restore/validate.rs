//! Holds a database that was loaded against what the backup counted.

use std::collections::{BTreeMap, BTreeSet};

use super::super::super::error::StageError;
use super::super::super::shown::shown;
use super::super::server::Server;
use super::super::sql::Identifier;
use super::held::{Held, TableName};
use crate::progress::Progress;

/// So many tables are counted by one script: what it prints has to fit a pipe while it is still being written.
const AT_ONCE: usize = 500;

/// Counts every row of `database` and compares with the backup. Returns what could not be compared.
pub(super) fn compare_rows(
    server: &Server,
    database: &str,
    held: &Held,
    progress: &Progress,
) -> Result<Vec<String>, StageError> {
    let tables: Vec<(TableName, u64)> = held.tables().into_iter().collect();
    let look: Look = server.ask(database, "looking at the tables", LOOK)?;
    let mut warnings = Vec::new();
    for tables in tables.chunks(AT_ONCE) {
        progress.check_cancelled()?;
        let countable = tables.iter().filter(|(table, _)| !look.filtered.contains(table));
        let counted = count(server, database, countable.clone().map(|(table, _)| table))?;
        for ((table, expected), found) in countable.zip(counted) {
            // An extension fills its own tables itself, before what the backup has of them is added.
            let is_right = if look.of_extensions.contains(table) { found >= *expected } else { found == *expected };
            if !is_right {
                let reason = format!("{found} rows were loaded, {expected} are in the backup");
                return Err(StageError::Mismatch { member: format!("table {}", in_words(table)), reason });
            }
        }
        warnings.extend(tables.iter().filter(|(table, _)| look.filtered.contains(table)).map(|(table, _)| {
            format!("{}: row-level security does not let the role of restore_url count its rows", in_words(table))
        }));
    }
    Ok(warnings)
}

/// Which tables are not to be counted like others.
const LOOK: &str = "SELECT json_build_object('of_extensions', (SELECT coalesce(json_agg(json_build_object('schema', n.nspname, \
     'name', c.relname)), '[]') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_depend d ON d.classid = \
     'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e' WHERE c.relkind = 'r'), 'filtered', \
     (SELECT coalesce(json_agg(json_build_object('schema', n.nspname, 'name', c.relname)), '[]') FROM pg_class c JOIN \
     pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND row_security_active(c.oid)))";

#[derive(serde::Deserialize)]
struct Look {
    of_extensions: BTreeSet<TableName>,
    filtered: BTreeSet<TableName>,
}

fn count<'t>(
    server: &Server,
    database: &str,
    tables: impl Iterator<Item = &'t TableName>,
) -> Result<Vec<u64>, StageError> {
    // What inherits from a table is a table of its own.
    let statement = |table: &TableName| {
        format!("SELECT count(*) FROM ONLY {}.{};\n", Identifier(&table.schema), Identifier(&table.name))
    };
    let doing = format!("counting the rows of {database}");
    let mut sql = server.without_timeouts().to_owned();
    let mut wanted = 0;
    for table in tables {
        sql.push_str(&statement(table));
        wanted += 1;
    }
    let printed = server.script(database, &doing, &sql, None)?;
    let counts: Vec<u64> = String::from_utf8_lossy(&printed).lines().filter_map(|line| line.parse().ok()).collect();
    if counts.len() == wanted {
        return Ok(counts);
    }
    let reason = format!("{wanted} tables were asked about, {} answers came", counts.len());
    Err(StageError::Mismatch { member: database.to_owned(), reason })
}

/// How many large objects there are, where the backup counted some.
pub(super) fn compare_large_objects(
    server: &Server,
    database: &str,
    counts: &BTreeMap<String, u64>,
) -> Result<(), StageError> {
    let Some(expected) = counts.get(super::super::snapshot::LARGE_OBJECTS) else { return Ok(()) };
    let sql = "SELECT count(*) FROM pg_largeobject_metadata";
    let found: u64 = server.ask(database, "counting the large objects", sql)?;
    if found == *expected {
        return Ok(());
    }
    let reason = format!("{found} were loaded, {expected} are in the backup");
    Err(StageError::Mismatch { member: "large objects".to_owned(), reason })
}

fn in_words(table: &TableName) -> String {
    shown(format!("{}.{}", Identifier(&table.schema), Identifier(&table.name)).as_bytes())
}
