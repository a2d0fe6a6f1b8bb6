//! Holds a database that was loaded against what the backup counted.

use std::collections::BTreeMap;

use super::super::super::error::StageError;
use super::super::server::Server;
use super::super::sql::Literal;
use super::super::table_name::TableName;
use super::held::Held;
use super::tables::{Table, tables_of};
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
    let found = tables_of(server, database)?;
    let mut warnings = Vec::new();
    let mut countable = Vec::new();
    for (name, expected) in held.tables() {
        match found.get(&name) {
            Some(table) if table.is_filtered => warnings
                .push(format!("{name}: row-level security does not let the role of restore_url count its rows")),
            Some(table) => countable.push((name, *table, expected)),
            None if name.was_replaced() => warnings.push(format!(
                "{name}: the backup was made by a version that did not keep this name as it is, so its rows ({expected}) could \
                 not be compared"
            )),
            None => return Err(mismatch(&name, format!("it was not made; {expected} rows are in the backup"))),
        }
    }
    for tables in countable.chunks(AT_ONCE) {
        progress.check_cancelled()?;
        let counted =
            count(server, database, &held.globals.database.encoding, tables.iter().map(|(_, table, _)| table))?;
        for ((name, table, expected), counted) in tables.iter().zip(counted) {
            // An extension fills its own tables itself, before what the backup has of them is added.
            let is_right = if table.of_extension { counted >= *expected } else { counted == *expected };
            if !is_right {
                return Err(mismatch(name, format!("{counted} rows were loaded, {expected} are in the backup")));
            }
        }
    }
    Ok(warnings)
}

fn mismatch(table: &TableName, reason: String) -> StageError {
    StageError::Mismatch { member: format!("table {table}"), reason }
}

/// The rows of each. The server spells the names itself and psql hands them back as they are, in its own `encoding`: there
/// may be some that no other can hold.
fn count<'t>(
    server: &Server,
    database: &str,
    encoding: &str,
    tables: impl Iterator<Item = &'t Table>,
) -> Result<Vec<u64>, StageError> {
    let oids: Vec<String> = tables.map(|table| table.oid.to_string()).collect();
    // What inherits from a table is a table of its own.
    let sql = format!(
        "SET client_encoding = {};\nSELECT format('SELECT count(*) FROM ONLY %I.%I', n.nspname, c.relname) FROM \
         unnest(ARRAY[{}]::oid[]) WITH ORDINALITY AS wanted (oid, place) JOIN pg_class c ON c.oid = wanted.oid JOIN \
         pg_namespace n ON n.oid = c.relnamespace ORDER BY place \\gexec\n",
        Literal(encoding),
        oids.join(", ")
    );
    let doing = format!("counting the rows of {database}");
    let printed = server.script(database, &doing, &sql, None)?;
    let counts: Vec<u64> = String::from_utf8_lossy(&printed).lines().filter_map(|line| line.parse().ok()).collect();
    if counts.len() == oids.len() {
        return Ok(counts);
    }
    let reason = format!("{} tables were asked about, {} answers came", oids.len(), counts.len());
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
