//! Makes a new database and loads a dump into it. Whatever goes wrong, the live database is never touched.

use std::io::{self, BufRead as _, Write as _};
use std::sync::Arc;

use super::super::super::error::StageError;
use super::super::super::shown::shown;
use super::super::dump::DumpScanner;
use super::super::error::PostgresError;
use super::super::process::Process;
use super::super::server::Server;
use super::super::tools::Version;
use super::facts::Facts;
use super::held::{Held, damaged};
use crate::archive::{ArchiveReader, ContentReader, ReadError};

/// What makes loading fast and loses nothing: see [`DURABLE`]. What a
/// site has set against long statements must not end a long load.
const LOADING: &str = "-c synchronous_commit=off -c statement_timeout=0 -c lock_timeout=0 \
     -c idle_in_transaction_session_timeout=0 -c standard_conforming_strings=on -c default_transaction_read_only=off";

/// The first major version that can make a database by its log. It leaves files with holes and their pages in memory: on a
/// disk that gets full these can be written by nobody, and keep every session from its next page. So files are copied.
const STRATEGY: u32 = 15;
/// The first major version that knows `transaction_timeout`. A pg_dump of it and later ones sets it, whatever the server.
const TRANSACTION_TIMEOUT: u32 = 17;
/// How it sets it, at the beginning of a line.
const SETS_TRANSACTION_TIMEOUT: &[u8] = b"\nSET transaction_timeout = 0;";

/// The first major version that knows `idle_session_timeout`.
const IDLE_SESSION_TIMEOUT: u32 = 14;

/// With what options (`PGOPTIONS`) a session begins that loads a dump into a server of this version.
pub(in super::super) fn loading_options(version: Version) -> String {
    let mut options = LOADING.to_owned();
    for (since, option) in
        [(IDLE_SESSION_TIMEOUT, " -c idle_session_timeout=0"), (TRANSACTION_TIMEOUT, " -c transaction_timeout=0")]
    {
        if version.is_at_least(since) {
            options.push_str(option);
        }
    }
    options
}

/// Ends a load: what was committed before without waiting for the disk is on it when this one is. A server that crashes
/// before takes the session with it, and so cannot lose the end of a dump unnoticed. Only a transaction that logs something
/// waits for the disk, so this one logs a message. It stands on lines of its own, whatever the dump ended with.
const DURABLE: &[u8] = b"\n;\nSET synchronous_commit = on;\nSELECT \
     pg_catalog.pg_logical_emit_message(true, 'carelog', '');\n";

/// Makes the empty database `name` like the one that was backed up.
pub(super) fn create_database(server: &Server, facts: &Facts, held: &Held, name: &str) -> Result<(), PostgresError> {
    let tablespace = &held.globals.database.tablespace;
    // To name the default one takes a right that it does not take to get it.
    let exists = facts.tablespaces.iter().any(|existing| existing.name == *tablespace);
    let is_named = tablespace != "pg_default" && exists;
    let tablespace = is_named.then_some(tablespace.as_str());
    let mut sql = held.globals.create(name, tablespace);
    if server.version.is_at_least(STRATEGY) && sql.pop() == Some(';') {
        sql.push_str(" STRATEGY file_copy;\n");
    }
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
    invocation.environment.push(("PGOPTIONS", loading_options(server.version)));
    let mut psql = Process::start(&invocation, &server.progress)?;
    let feeding = Feeding { server, doing: &doing, held, scanner: DumpScanner::new() };
    let fed = feeding.feed(archive, &mut psql);
    if let Err(Fed::Failed(error)) = fed {
        return Err(error);
    }
    let (ended, _) = psql.finish()?;
    // If it ended early it says why.
    server.require_success(name, &doing, &ended).map_err(|error| match error {
        PostgresError::Failed { doing, message } => PostgresError::NotLoaded { doing, message },
        other => other,
    })?;
    if fed.is_err() {
        let message = "psql ended before it had read all of it".to_owned();
        return Err(PostgresError::Failed { doing, message }.into());
    }
    let warnings = said(&ended.errors).into_iter().take(WARNINGS);
    Ok(LoadedDump {
        warnings: warnings.map(|message| format!("{}: {}", held.member, shown(message.as_bytes()))).collect(),
    })
}

/// What psql printed, each message with its hint and once, however often it came.
fn said(printed: &str) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    for line in printed.lines().map(str::trim).filter(|line| !line.is_empty()) {
        // `psql:<stdin>:12: WARNING:  …`: the number is that of a line which nobody sees.
        let text = line.strip_prefix("psql:").and_then(|rest| rest.split_once(": ")).map(|(_, text)| text);
        match (text, messages.last_mut()) {
            (None, Some(last)) if !MESSAGES.iter().any(|level| line.starts_with(level)) => {
                last.push(' ');
                last.push_str(line);
            }
            _ => messages.push(text.unwrap_or(line).to_owned()),
        }
    }
    let mut counted: Vec<(String, usize)> = Vec::new();
    for message in messages {
        match counted.iter_mut().find(|(known, _)| *known == message) {
            Some((_, count)) => *count += 1,
            None => counted.push((message, 1)),
        }
    }
    let in_words = |(message, count)| if count == 1 { message } else { format!("{message} ({count} times)") };
    counted.into_iter().map(in_words).collect()
}

/// How a message of the server begins; its details and hints follow on lines of their own.
const MESSAGES: [&str; 5] = ["WARNING:", "NOTICE:", "ERROR:", "INFO:", "LOG:"];

/// So many messages of what psql printed are kept.
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
        let mut is_head = !self.server.version.is_at_least(TRANSACTION_TIMEOUT);
        loop {
            let bytes = content.fill_buf().map_err(|error| Fed::Failed(self.unreadable(error)))?;
            if bytes.is_empty() {
                break;
            }
            piece.clear();
            piece.extend_from_slice(bytes);
            let length = piece.len();
            content.consume(length);
            if std::mem::take(&mut is_head) {
                leave_out_unknown_setting(&mut piece);
            }
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

/// A server that does not know the setting would end the load at it. It stands among the first lines, before any data.
fn leave_out_unknown_setting(head: &mut [u8]) {
    const FIRST_LINES: usize = 4096;
    let looked_at = head.len().min(FIRST_LINES);
    if let Some(at) = memchr::memmem::find(&head[..looked_at], SETS_TRANSACTION_TIMEOUT) {
        head[at + 1..at + SETS_TRANSACTION_TIMEOUT.len()].fill(b' ');
    }
}

fn write(server: &Server, doing: &str, psql: &mut Process, bytes: &[u8]) -> Result<(), Fed> {
    psql.write_all(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Fed::Ended,
        _ => Fed::Failed(server.given_up(doing, "psql", None, error).into()),
    })
}

/// Gives back what a load took of a disk that it has filled, as far as that goes. To drop the database takes a checkpoint, and
/// a server that cannot write one for want of room ends all its sessions, those with the live database too. To drop a table
/// needs no room.
pub(super) fn make_room(server: &Server, name: &str) {
    let doing = format!("making room by dropping what was loaded into {name}");
    let dropped = server.ask::<Vec<String>>(name, &doing, LARGEST).and_then(|tables| {
        let statements: String = tables.iter().map(|table| format!("DROP TABLE {table} CASCADE;\n")).collect();
        server.script(name, &doing, &statements, None)
    });
    if let Err(error) = dropped {
        tracing::warn!(%error, "the disk of the database server may stay full until what was staged is dropped");
    }
}

/// The largest tables, quoted.
const LARGEST: &str = "SELECT coalesce(json_agg(name), '[]') FROM (SELECT format('%I.%I', n.nspname, c.relname) AS name FROM \
     pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND c.oid >= 16384 AND NOT EXISTS (SELECT \
     FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') \
     ORDER BY pg_total_relation_size(c.oid) DESC LIMIT 10) AS largest";

/// What belongs to the database and not into it: settings, rights, its comment. And statistics, without which the first
/// queries would be slow.
pub(super) fn finish(server: &Server, held: &Held, name: &str) -> Result<(), PostgresError> {
    let globals = &held.globals;
    let statements = [globals.settings(name), globals.grants(name), globals.finish(name)].concat().join("\n");
    let maintenance = &server.connection.maintenance_db;
    let statements = format!("SET synchronous_commit = on;\n{statements}\n");
    server.script(maintenance, &format!("setting what belongs to {name}"), &statements, None)?;
    server.script(name, &format!("analyzing {name}"), "ANALYZE;\n", None).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_told_once_with_its_hint_and_how_often_it_came() {
        let printed = "psql:<stdin>:12: WARNING:  wal_level is insufficient\nHINT:  Set wal_level to logical.\n\
                       psql:<stdin>:19: WARNING:  wal_level is insufficient\nHINT:  Set wal_level to logical.\n\
                       WARNING:  another\n";
        assert_eq!(
            said(printed),
            ["WARNING:  wal_level is insufficient HINT:  Set wal_level to logical. (2 times)", "WARNING:  another"]
        );
        assert!(said("\n").is_empty());
    }

    #[test]
    fn a_setting_that_the_server_does_not_know_is_left_out_of_the_head_alone() {
        let mut head = b"SET lock_timeout = 0;\nSET transaction_timeout = 0;\nSET client_encoding = 'UTF8';\n".to_vec();
        let length = head.len();
        leave_out_unknown_setting(&mut head);
        let text = String::from_utf8(head).unwrap();
        assert_eq!(text.len(), length);
        assert_eq!(
            text.split_whitespace().collect::<Vec<_>>().join(" "),
            "SET lock_timeout = 0; SET client_encoding = 'UTF8';"
        );
        let mut deep = [vec![b' '; 5000], SETS_TRANSACTION_TIMEOUT.to_vec()].concat();
        let before = deep.clone();
        leave_out_unknown_setting(&mut deep);
        assert_eq!(deep, before);
    }
}
