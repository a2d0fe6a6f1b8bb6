//! The roles that a restore makes because they are missing, and how they are known again.
//!
//! Until the restore has succeeded their comment begins with the session that made them, written in the transaction that
//! makes them: whoever clears away after a failure or a crash finds them by it, and no other role is ever dropped. Then they
//! get the comment that they had.

use serde::Deserialize;

use super::super::error::PostgresError;
use super::super::globals::Role;
use super::super::server::Server;
use super::super::sql::{Identifier, Literal};
use super::facts::Facts;
use super::held::Held;

/// Makes the roles that are missing.
pub(super) fn create(server: &Server, facts: &Facts, held: &Held, session: &str) -> Result<(), PostgresError> {
    let exists = |name: &str| facts.roles.iter().any(|role| role.name == name);
    let is_missing = |role: &&Role| role.definition.is_some() && !exists(&role.name);
    let missing: Vec<_> = held.globals.roles.iter().filter(is_missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let create = missing.iter().flat_map(|role| role.create());
    let memberships = missing.iter().flat_map(|role| role.memberships());
    // Who is no superuser can give only to roles that it is a member of.
    let ours = missing.iter().filter(|_| !facts.is_superuser);
    let ours = ours.map(|role| format!("GRANT {} TO CURRENT_USER;", Identifier(&role.name)));
    let marks = missing.iter().map(|role| {
        let comment = role.definition.as_ref().and_then(|definition| definition.comment.as_deref());
        let marked = format!("{}{}", mark(session), comment.unwrap_or_default());
        format!("COMMENT ON ROLE {} IS {};", Identifier(&role.name), Literal(&marked))
    });
    let statements: Vec<String> = create.chain(memberships).chain(ours).chain(marks).collect();
    // A log of statements would show passwords, which only a superuser can keep out of it.
    let quiet =
        if facts.is_superuser { "SET log_statement = 'none';\nSET log_min_error_statement = 'panic';\n" } else { "" };
    let sql = format!("{quiet}BEGIN;\n{}\nCOMMIT;\n", statements.join("\n"));
    server.change(&server.connection.maintenance_db, "making the roles that are missing", &sql, None).map(drop)
}

/// Drops what [`create`] made for `session`. One that somebody uses since stays, and is named in the log.
pub(super) fn drop_made(server: &Server, session: &str) -> Result<(), PostgresError> {
    for role in made(server, session)? {
        let sql = format!("DROP ROLE {};\n", Identifier(&role.name));
        if let Err(error) = server.change(&server.connection.maintenance_db, "dropping a role", &sql, None) {
            tracing::warn!(%error, "the role '{}', which a restore made that did not succeed, stays", role.name);
            keep(server, &role)?;
        }
    }
    Ok(())
}

/// What [`create`] made for `session` is there to stay.
pub(super) fn keep_made(server: &Server, session: &str) -> Result<(), PostgresError> {
    made(server, session)?.iter().try_for_each(|role| keep(server, role))
}

/// As [`keep_made`], the statements, to be run in a transaction with what makes them stay.
pub(super) fn statements_to_keep(server: &Server, session: &str) -> Result<String, PostgresError> {
    Ok(made(server, session)?.iter().map(statement_to_keep).collect())
}

/// A role that was made, and the comment that it is to have; empty for none.
#[derive(Debug, Deserialize)]
struct Made {
    name: String,
    comment: String,
}

fn keep(server: &Server, role: &Made) -> Result<(), PostgresError> {
    server.change(&server.connection.maintenance_db, "keeping a role", &statement_to_keep(role), None).map(drop)
}

/// An empty comment is none.
fn statement_to_keep(role: &Made) -> String {
    format!("COMMENT ON ROLE {} IS {};\n", Identifier(&role.name), Literal(&role.comment))
}

fn made(server: &Server, session: &str) -> Result<Vec<Made>, PostgresError> {
    let mark = mark(session);
    let (mark, length) = (Literal(&mark), mark.chars().count());
    let sql = format!(
        "SELECT coalesce(json_agg(json_build_object('name', r.rolname, 'comment', substr(c.comment, {length} + 1)) ORDER BY \
         r.rolname), '[]') FROM pg_roles r, shobj_description(r.oid, 'pg_authid') AS c (comment) \
         WHERE starts_with(c.comment, {mark})"
    );
    server.ask(&server.connection.maintenance_db, "looking for the roles that were made", &sql)
}

/// How a comment begins.
fn mark(session: &str) -> String {
    format!("made by carelogd for {session}: ")
}
