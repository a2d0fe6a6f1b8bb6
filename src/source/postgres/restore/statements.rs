//! The statements by which databases change places, are opened and closed to connections, and are dropped. Each is given
//! what was just found on the server, never a name alone.

use std::time::Duration;

use super::super::error::PostgresError;
use super::super::server::Server;
use super::super::sql::{Identifier, Literal};
use super::look::{Found, Look};

/// How long one statement may take.
const STATEMENT_WITHIN: Duration = Duration::from_secs(60);

/// A database that is to be called otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rename<'a> {
    pub(super) oid: u32,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
}

/// Nobody can connect any more, who is connected stays so.
pub(super) fn refuse_connections(server: &Server, look: &Look, renames: &[Rename<'_>]) -> Result<(), PostgresError> {
    let allows = |rename: &&Rename<'_>| look.at_name(rename.oid, rename.from).is_some_and(|found| found.allows);
    let statement =
        |rename: &Rename<'_>| format!("ALTER DATABASE {} ALLOW_CONNECTIONS false;\n", Identifier(rename.from));
    let sql: String = renames.iter().filter(allows).map(statement).collect();
    if sql.is_empty() { Ok(()) } else { change(server, &format!("refusing connections to {}", both(renames)), &sql) }
}

pub(super) fn allow_connections(server: &Server, found: &Found) -> Result<(), PostgresError> {
    let sql = format!("ALTER DATABASE {} ALLOW_CONNECTIONS true;\n", Identifier(&found.name));
    change(server, &format!("allowing connections to {}", found.name), &sql)
}

/// Ends every connection, and waits until it is gone. All are told before the first is waited for.
pub(super) fn end_connections(server: &Server, renames: &[Rename<'_>]) -> Result<(), PostgresError> {
    let oids: Vec<String> = renames.iter().map(|rename| rename.oid.to_string()).collect();
    // The server itself ends its own maintenance, which has no user, when a database is renamed.
    let of = format!(
        "FROM pg_stat_activity WHERE datid IN ({}) AND pid <> pg_backend_pid() AND usesysid IS NOT NULL",
        oids.join(", ")
    );
    let sql = format!("SELECT pg_terminate_backend(pid) {of};\nSELECT pg_terminate_backend(pid, 10000) {of};\n");
    change(server, &format!("ending the connections to {}", both(renames)), &sql)
}

/// All or none of it, and only if each is the database that was written down.
pub(super) fn rename(server: &Server, renames: &[Rename<'_>]) -> Result<(), PostgresError> {
    let statement = |rename: &Rename<'_>| {
        format!("ALTER DATABASE {} RENAME TO {};\n", Identifier(rename.from), Identifier(rename.to))
    };
    let is_right = |rename: &Rename<'_>| {
        let name = Literal(rename.to);
        format!("(SELECT oid FROM pg_database WHERE datname = {name}) = {}", rename.oid)
    };
    let statements: String = renames.iter().map(statement).collect();
    let conditions: Vec<String> = renames.iter().map(is_right).collect();
    // A division by zero is what fails without any language being installed.
    let sql = format!(
        "SET lock_timeout = '10s';\nBEGIN;\n{statements}SELECT 1 / (CASE WHEN {} THEN 1 ELSE 0 \
         END);\nCOMMIT;\n",
        conditions.join(" AND ")
    );
    change(server, &format!("renaming {}", both(renames)), &sql)
}

/// What becomes of who is connected to a database that is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connected {
    /// They are ended.
    Ended,
    /// They stay, and it is not dropped.
    Left,
}

/// Drops a database that was just found by its name and OID.
pub(super) fn drop_database(server: &Server, found: &Found, connected: Connected) -> Result<(), PostgresError> {
    let name = Identifier(&found.name);
    let no_template =
        if found.is_template { format!("ALTER DATABASE {name} IS_TEMPLATE false;\n") } else { String::new() };
    let force = if connected == Connected::Ended { " WITH (FORCE)" } else { "" };
    let sql = format!("{no_template}DROP DATABASE IF EXISTS {name}{force};\n");
    change(server, &format!("dropping {}", found.name), &sql).or_else(|error| {
        // Somebody else may have been at it, a psql that outlived its daemon too. Gone is gone.
        match Look::at(server, &[], &[found.oid]) {
            Ok(look) if !look.has(found.oid) => Ok(()),
            _ => Err(error),
        }
    })
}

fn change(server: &Server, doing: &str, sql: &str) -> Result<(), PostgresError> {
    server.change(&server.connection.maintenance_db, doing, sql, Some(STATEMENT_WITHIN)).map(drop)
}

fn both(renames: &[Rename<'_>]) -> String {
    renames.iter().map(|rename| rename.from).collect::<Vec<_>>().join(" and ")
}
