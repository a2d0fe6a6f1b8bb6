//! Makes a new database and loads a dump into it. Whatever goes wrong, the live database is never touched.

use std::io::{self, BufRead as _, Write as _};
use std::sync::Arc;

use super::super::super::error::StageError;
use super::super::super::shown::shown;
use super::super::dump::DumpScanner;
use super::super::error::PostgresError;
use super::super::process::Process;
use super::super::server::Server;
use super::super::sql::Identifier;
use super::facts::Facts;
use super::held::{Held, damaged};
use crate::archive::{ArchiveReader, ContentReader, ReadError};

/// What makes loading fast and loses nothing: see [`DURABLE`]. What a
/// site has set against long statements must not end a long load.
const LOADING: &str = "-c synchronous_commit=off -c statement_timeout=0 -c lock_timeout=0 \
     -c idle_in_transaction_session_timeout=0 -c standard_conforming_strings=on -c default_transaction_read_only=off";

/// Ends a load: what was committed before without waiting for the disk is on it when this one is. A server that crashes
/// before takes the session with it, and so cannot lose the end of a dump unnoticed. Only a transaction that logs something
/// waits for the disk, so this one logs a message. It stands on lines of its own, whatever the dump ended with.
const DURABLE: &[u8] = b"\n;\nSET synchronous_commit = on;\nSELECT \
     pg_catalog.pg_logical_emit_message(true, 'carelog', '');\n";

/// Makes the roles that are missing; returns them.
pub(super) fn create_roles(server: &Server, facts: &Facts, held: &Held) -> Result<Vec<String>, PostgresError> {
    let exists = |name: &str| facts.roles.iter().any(|role| role.name == name);
    let missing: Vec<_> =
        held.globals.roles.iter().filter(|role| role.definition.is_some() && !exists(&role.name)).collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let create = missing.iter().flat_map(|role| role.create());
    let memberships = missing.iter().flat_map(|role| role.memberships());
    // Who is no superuser can give only to roles that it is a member of.
    let ours = missing.iter().filter(|_| !facts.is_superuser);
    let ours = ours.map(|role| format!("GRANT {} TO CURRENT_USER;", Identifier(&role.name)));
    let statements: Vec<String> = create.chain(memberships).chain(ours).collect();
    // A log of statements would show passwords, which only a superuser can keep out of it.
    let quiet =
        if facts.is_superuser { "SET log_statement = 'none';\nSET log_min_error_statement = 'panic';\n" } else { "" };
    let sql = format!("{quiet}BEGIN;\n{}\nCOMMIT;\n", statements.join("\n"));
    server.change(&server.connection.maintenance_db, "making the roles that are missing", &sql, None)?;
    Ok(missing.into_iter().map(|role| role.name.clone()).collect())
}

/// Takes away again what [`create_roles`] made. What cannot be taken away is used by somebody since.
pub(super) fn drop_roles(server: &Server, roles: &[String]) {
    for role in roles.iter().rev() {
        let sql = format!("DROP ROLE {};\n", Identifier(role));
        if let Err(error) = server.change(&server.connection.maintenance_db, "dropping a role", &sql, None) {
            tracing::warn!(%error, "the role '{role}', which a restore made, stays");
        }
    }
}

/// Makes the empty database `name` like the one that was backed up.
pub(super) fn create_database(server: &Server, facts: &Facts, held: &Held, name: &str) -> Result<(), PostgresError> {
    let tablespace = &held.globals.database.tablespace;
    // To name the default one takes a right that it does not take to get it.
    let is_named = tablespace != "pg_default" && facts.tablespaces.contains(tablespace);
    let tablespace = is_named.then_some(tablespace.as_str());
    let sql = format!("{}\n", held.globals.create(name, tablespace));
    server.change(&server.connection.maintenance_db, &format!("making the database {name}"), &sql, None).map(drop)
}

/// Feeds the dump to psql. No byte reaches it before it was checked, and none that would command psql itself.
pub(super) fn load_dump(
    server: &Server,
    archive: &Arc<ArchiveReader>,
    held: &Held,
    name: &str,
) -> Result<LoadedDump, StageError> {
    let doing = format!("loading {} into {name}", held.member);
    let mut invocation = server.psql(name, None);
    // What a dump selects is of no interest, and nobody reads it while we write.
    invocation.arguments.push("--output=/dev/null".into());
    invocation.environment.push(("PGOPTIONS", LOADING.to_owned()));
    let mut psql = Process::start(&invocation, &server.progress)?;
    let feeding = Feeding { server, doing: &doing, held, scanner: DumpScanner::new() };
    let fed = feeding.feed(archive, &mut psql);
    if let Err(Fed::Failed(error)) = fed {
        return Err(error);
    }
    let (ended, _) = psql.finish()?;
    // If it ended early it says why.
    server.require_success(name, &doing, &ended)?;
    if fed.is_err() {
        let message = "psql ended before it had read all of it".to_owned();
        return Err(PostgresError::Failed { doing, message }.into());
    }
    let warnings = ended.errors.lines().filter(|line| !line.trim().is_empty()).take(WARNINGS);
    Ok(LoadedDump { warnings: warnings.map(|line| format!("{}: {}", held.member, shown(line.as_bytes()))).collect() })
}

/// So many lines of what psql printed are kept.
const WARNINGS: usize = 100;

/// A dump that was loaded to its end.
pub(super) struct LoadedDump {
    /// What the server had to say.
    pub(super) warnings: Vec<String>,
}

/// Why a dump was not fed to its end.
enum Fed {
    /// psql does not read any more.
    Ended,
    Failed(StageError),
}

struct Feeding<'a> {
    server: &'a Server,
    doing: &'a str,
    held: &'a Held,
    scanner: DumpScanner,
}

impl Feeding<'_> {
    fn feed(mut self, archive: &Arc<ArchiveReader>, psql: &mut Process) -> Result<(), Fed> {
        if self.server.tools.psql_can_be_restricted() {
            let token = uuid::Uuid::now_v7().simple();
            write(self.server, self.doing, psql, format!("\\restrict {token}\n").as_bytes())?;
        }
        let mut content = ContentReader::new(Arc::clone(archive), &self.held.dump);
        let mut piece = Vec::new();
        loop {
            let bytes = content.fill_buf().map_err(|error| Fed::Failed(self.unreadable(error)))?;
            if bytes.is_empty() {
                break;
            }
            piece.clear();
            piece.extend_from_slice(bytes);
            let length = piece.len();
            content.consume(length);
            let checked = self.scanner.feed_for_psql(&mut piece);
            checked.map_err(|foreign| Fed::Failed(damaged(&self.held.member, &foreign.to_string())))?;
            write(self.server, self.doing, psql, &piece)?;
            self.server.progress.add_bytes(length as u64);
        }
        // Behind a dump that is cut short it would be part of whatever that ends in.
        self.scanner.finish().map_err(|error| Fed::Failed(damaged(&self.held.member, &error.to_string())))?;
        write(self.server, self.doing, psql, DURABLE)
    }

    fn unreadable(&self, error: io::Error) -> StageError {
        match error.downcast::<ReadError>() {
            Ok(ReadError::Damaged(reason)) => damaged(&self.held.member, &reason),
            Ok(error) => StageError::Read(error),
            Err(error) => StageError::Read(ReadError::Io(error)),
        }
    }
}

fn write(server: &Server, doing: &str, psql: &mut Process, bytes: &[u8]) -> Result<(), Fed> {
    psql.write_all(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Fed::Ended,
        _ => Fed::Failed(server.given_up(doing, "psql", None, error).into()),
    })
}

/// What belongs to the database and not into it: settings, rights, its comment. And statistics, without which the first
/// queries would be slow.
pub(super) fn finish(server: &Server, held: &Held, name: &str) -> Result<(), PostgresError> {
    let globals = &held.globals;
    let statements = [globals.settings(name), globals.grants(name), globals.finish(name)].concat().join("\n");
    let maintenance = &server.connection.maintenance_db;
    let statements = format!("SET synchronous_commit = on;\n{statements}\n");
    server.script(maintenance, &format!("setting what belongs to {name}"), &statements, None)?;
    server.script(name, &format!("analyzing {name}"), "SET statement_timeout = 0;\nANALYZE;\n", None).map(drop)
}
