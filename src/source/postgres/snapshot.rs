//! Writes the globals and the dump of a database into an archive.

use std::collections::BTreeMap;
use std::io::{self, Read as _};

use super::dump::DumpScanner;
use super::error::PostgresError;
use super::globals::Globals;
use super::lock_wait;
use super::process::Process;
use super::server::Server;
use super::sql::Literal;
use super::table_name::{hex, key_of};
use super::{Postgres, SnapshotError, Source as _};
use crate::archive::{ArchiveWriter, MemberContent, Meta, Mtime, SourceSummary, WriteError};
use crate::clock::Clock;
use crate::model::SourceKind;
use crate::progress::Progress;

/// How long a table that somebody has locked is waited for.
const LOCK_WAIT: &str = "--lock-wait-timeout=10min";

/// The name under which large objects are counted; a table's holds a dot.
pub(super) const LARGE_OBJECTS: &str = "large objects";

/// Writes `source` to `writer`.
pub(super) fn snapshot(
    source: &Postgres,
    writer: &mut ArchiveWriter,
    progress: &Progress,
) -> Result<SourceSummary, SnapshotError> {
    let server = Server::connect_to_read(&source.options.connection, progress)?;
    let mut globals = Globals::ask(source, &server)?;
    if let Some(live) = &source.instead_of {
        globals.database.name = live.database().to_owned();
    }
    let text = globals.text(source, &server)?;
    let mut dump = Dump::start(source, &server, &globals.database.encoding)?;
    let metadata = source.metadata();

    writer.begin_source();
    let globals_bytes = text.len() as u64;
    writer.add_file(metadata.globals_member().as_bytes(), source.meta(), globals_bytes, &mut Text(text.as_bytes()))?;
    let dump_bytes = match writer.add_stream(metadata.member().as_bytes(), source.meta(), &mut dump) {
        Ok(bytes) => bytes,
        Err(error) => return Err(dump.explain(error)),
    };

    let Done { counts, warnings } = dump.done;
    Ok(SourceSummary {
        name: source.name.clone(),
        kind: SourceKind::Postgres,
        size_bytes: globals_bytes + dump_bytes,
        files: 2,
        counts,
        warnings,
    })
}

impl Postgres {
    fn meta(&self) -> Meta {
        let now = self.clock.now();
        let nanoseconds = now.as_nanosecond().rem_euclid(1_000_000_000);
        let seconds = (now.as_nanosecond() - nanoseconds) / 1_000_000_000;
        let mtime = Mtime {
            seconds: i64::try_from(seconds).unwrap_or_default(),
            nanoseconds: u32::try_from(nanoseconds).unwrap_or_default(),
        };
        Meta { mode: 0o600, mtime, ..Meta::default() }
    }
}

/// pg_dump, running, and whoever reads along.
struct Dump<'a> {
    server: &'a Server,
    database: &'a str,
    encoding: &'a str,
    clock: &'a Clock,
    doing: String,
    has_begun: bool,
    /// `None` once it was waited for.
    process: Option<Process>,
    scanner: Option<DumpScanner>,
    done: Done,
    /// What [`MemberContent`] could only report as an [`io::Error`].
    failed: Option<PostgresError>,
}

/// What a whole dump came to.
#[derive(Debug, Default)]
struct Done {
    counts: BTreeMap<String, u64>,
    warnings: Vec<String>,
}

impl<'a> Dump<'a> {
    /// Of a database of this `encoding`. The dump has the same, whatever the site has set for its clients: nothing has to be
    /// converted then, and nothing can be that cannot be converted.
    fn start(source: &'a Postgres, server: &'a Server, encoding: &'a str) -> Result<Self, PostgresError> {
        let database = source.database();
        let encoded = format!("--encoding={encoding}");
        let options = ["--format=plain", "--no-password", LOCK_WAIT, &encoded];
        let mut process = Process::start(&server.invocation("pg_dump", database, &options, None), &server.progress)?;
        process.close_input();
        Ok(Self {
            server,
            database,
            encoding,
            clock: &source.clock,
            doing: format!("dumping the database '{database}'"),
            has_begun: false,
            process: Some(process),
            scanner: Some(DumpScanner::new()),
            done: Done::default(),
            failed: None,
        })
    }

    /// Waits for pg_dump and judges its exit status, the end of the dump, and what it had to say.
    fn finish(&mut self) -> Result<Done, PostgresError> {
        let (Some(process), Some(scanner)) = (self.process.take(), self.scanner.take()) else {
            return Ok(Done::default());
        };
        let (ended, _rest) = process.finish()?;
        self.server.require_success(self.database, &self.doing, &ended)?;
        let scanned = scanner.finish().map_err(|error| PostgresError::Incomplete {
            database: self.database.to_owned(),
            why: error.to_string(),
        })?;
        let mut counts = self.by_key(scanned.rows)?;
        if scanned.large_objects > 0 {
            counts.insert(LARGE_OBJECTS.to_owned(), scanned.large_objects);
        }
        Ok(Done { counts, warnings: messages(&ended.errors) })
    }

    /// The rows of tables by their keys. Names in other encodings the server tells in ours.
    fn by_key(&self, rows: BTreeMap<Vec<u8>, u64>) -> Result<BTreeMap<String, u64>, PostgresError> {
        let is_ours = matches!(self.encoding, "UTF8" | "SQL_ASCII");
        let foreign: Vec<&Vec<u8>> = rows.keys().filter(|name| !is_ours && !name.is_ascii()).collect();
        let mut told: BTreeMap<String, String> = BTreeMap::new();
        if !foreign.is_empty() {
            let names: Vec<String> = foreign.into_iter().map(|name| format!("'{}'", hex(name))).collect();
            let sql = format!(
                "SELECT json_object_agg(name, convert_from(decode(name, 'hex'), {})) FROM unnest(ARRAY[{}]) AS name",
                Literal(self.encoding),
                names.join(", ")
            );
            told = self.server.ask(self.database, "asking for the names of tables", &sql)?;
        }
        Ok(rows
            .into_iter()
            .map(|(name, rows)| (told.remove(&hex(&name)).unwrap_or_else(|| key_of(&name)), rows))
            .collect())
    }

    /// Keeps what an [`io::Error`] cannot carry.
    fn fail(&mut self, error: PostgresError) -> io::Error {
        self.failed = Some(error);
        io::Error::other("pg_dump failed")
    }

    /// Why the archive has no dump.
    fn explain(mut self, error: WriteError) -> SnapshotError {
        match (error, self.failed.take()) {
            (WriteError::Content(_), Some(failed)) => failed.into(),
            (error, _) => error.into(),
        }
    }
}

impl MemberContent for Dump<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(process) = &mut self.process else { return Ok(0) };
        let begun = match std::mem::replace(&mut self.has_begun, true) {
            true => Ok(()),
            false => lock_wait::wait_for_output(self.server, self.database, process, self.clock),
        };
        let length = match begun.and_then(|()| process.read(buffer)) {
            Ok(length) => length,
            Err(error) => {
                let error = self.server.given_up(&self.doing, "pg_dump", None, error);
                return Err(self.fail(error));
            }
        };
        if let Some(scanner) = &mut self.scanner {
            scanner.feed(&buffer[..length]);
        }
        Ok(length)
    }

    fn confirm(&mut self) -> io::Result<bool> {
        match self.finish() {
            Ok(done) => self.done = done,
            Err(error) => return Err(self.fail(error)),
        }
        Ok(true)
    }
}

/// Content that is in memory already.
struct Text<'a>(&'a [u8]);

impl MemberContent for Text<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        io::Read::read(&mut self.0, buffer)
    }
}

/// What a program that ended well printed on stderr, message by message: its details and hints stand on lines of their own.
fn messages(printed: &str) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    for line in printed.lines().filter(|line| !line.trim().is_empty()) {
        let belongs_to_the_last =
            [": detail: ", ": hint: "].iter().any(|word| line.contains(word)) || !line.starts_with("pg_dump");
        match messages.last_mut() {
            Some(last) if belongs_to_the_last => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => messages.push(line.trim().to_owned()),
        }
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_keeps_its_details() {
        let printed =
            "pg_dump: warning: there is something\npg_dump: detail: on table t\nof schema s\n\npg_dump: warning: b\n";
        assert_eq!(
            messages(printed),
            ["pg_dump: warning: there is something pg_dump: detail: on table t of schema s", "pg_dump: warning: b"]
        );
        assert!(messages("\n").is_empty());
    }
}
