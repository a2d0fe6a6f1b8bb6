//! Asks a server, by psql: what has to run as another user cannot be asked from within this process.
//!
//! Scripts go in by stdin and never as an argument. An answer is one JSON document, made by the server.

use std::io::{self, Read as _, Write as _};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::PostgresError;
use super::process::{Ended, GivenUp, Invocation, Process};
use super::sql::Identifier;
use super::tools::{Tools, Version};
use crate::config::DatabaseUrl;
use crate::progress::Progress;

/// How long a question that reads no tables may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// How a server is reached. Holds no secret, so that it can stand in a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The server, the user there, and the database that is backed up.
    pub url: DatabaseUrl,
    /// Another database, connected to while that one is replaced.
    pub maintenance_db: String,
    /// The user of this system as whom PostgreSQL's programs run.
    pub run_as: String,
}

/// A server, asked on behalf of one job.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) connection: Connection,
    pub(super) progress: Progress,
    pub(super) tools: Tools,
    pub(super) version: Version,
    /// The `application_name` of its sessions, where they have to be known again.
    session: Option<String>,
}

impl Server {
    /// Asks the server for its version by its maintenance database, and chooses the programs for it.
    pub(super) fn connect(connection: &Connection, progress: &Progress) -> Result<Self, PostgresError> {
        Self::connect_by(&connection.maintenance_db, connection, progress)
    }

    /// As [`connect`](Self::connect), by the database that is backed up: who only reads it needs no other.
    pub(super) fn connect_to_read(connection: &Connection, progress: &Progress) -> Result<Self, PostgresError> {
        Self::connect_by(connection.url.database(), connection, progress)
    }

    fn connect_by(database: &str, connection: &Connection, progress: &Progress) -> Result<Self, PostgresError> {
        let connection = connection.clone();
        let asking = Self {
            connection,
            progress: progress.clone(),
            tools: Tools::newest()?,
            version: Version(0),
            session: None,
        };
        let sql = "SELECT current_setting('server_version_num')::int";
        let version = asking.ask(database, "asking for the version", sql)?;
        let tools = Tools::for_server(version, &asking.connection.url.to_string())?;
        Ok(Self { tools, version, ..asking })
    }

    /// With sessions that are called `session`.
    pub(super) fn in_session(self, session: &str) -> Self {
        Self { session: Some(session.to_owned()), ..self }
    }

    /// The answer to `sql` in `database`: one row of one column, which is JSON or a number.
    pub(super) fn ask<T: DeserializeOwned>(&self, database: &str, doing: &str, sql: &str) -> Result<T, PostgresError> {
        let printed = self.script(database, doing, sql, Some(ANSWER_WITHIN))?;
        serde_json::from_slice(&printed)
            .map_err(|error| PostgresError::Answer { doing: doing.to_owned(), message: error.to_string() })
    }

    /// Runs `script` in `database`, each statement on its own, up to the first error. Returns what it printed.
    pub(super) fn script(
        &self,
        database: &str,
        doing: &str,
        script: &str,
        timeout: Option<Duration>,
    ) -> Result<Vec<u8>, PostgresError> {
        let mut psql = Process::start(&self.psql(database, timeout), &self.progress)?;
        let own = self.own_settings();
        let mut parts = [own.as_str(), script, "\n;\n"].into_iter();
        let fed = parts.try_for_each(|part| psql.write_all(part.as_bytes()));
        // One that ended early says better why than the pipe does.
        if let Err(error) = fed
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            return Err(self.given_up(doing, "psql", timeout, error));
        }
        let (ended, printed) = psql.finish().map_err(|error| self.not_in_time(doing, timeout, error))?;
        self.require_success(database, doing, &ended)?;
        Ok(printed)
    }

    /// As [`script`](Self::script), of a short script that changes something: it gets there only when the session is
    /// connected and can be seen by others, and then as a whole. What was changed is durable, whatever the server's
    /// settings are.
    pub(super) fn change(
        &self,
        database: &str,
        doing: &str,
        script: &str,
        timeout: Option<Duration>,
    ) -> Result<Vec<u8>, PostgresError> {
        let mut psql = Process::start(&self.psql(database, timeout), &self.progress)?;
        let told = psql
            .write_all(format!("{}SET synchronous_commit = on;\nSELECT 'connected';\n", self.own_settings()).as_bytes())
            .and_then(|()| {
                let mut answer = [0; b"connected\n".len()];
                psql.read_exact(&mut answer)
            });
        let fed = told.and_then(|()| psql.write_all(script.as_bytes()));
        if let Err(error) = fed
            && !matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof)
        {
            return Err(self.given_up(doing, "psql", timeout, error));
        }
        let (ended, printed) = psql.finish().map_err(|error| self.not_in_time(doing, timeout, error))?;
        self.require_success(database, doing, &ended)?;
        Ok(printed)
    }

    /// psql in `database`, reading a script from stdin; it stops at the first error and prints bare values.
    pub(super) fn psql(&self, database: &str, timeout: Option<Duration>) -> Invocation {
        let options =
            ["--no-psqlrc", "--no-password", "--no-align", "--tuples-only", "--quiet", "--set=ON_ERROR_STOP=1"];
        // What we ask and are told is UTF-8. A dump keeps the encoding of its database, and says so itself.
        let environment = [("PGCLIENTENCODING", "UTF8"), ("PGDATESTYLE", "ISO"), ("PGTZ", "UTC")];
        let mut psql = self.invocation("psql", database, &options, timeout);
        psql.environment.extend(environment.map(|(key, value)| (key, value.to_owned())));
        psql
    }

    /// The program `name` with `options`, connected to `database`.
    pub(super) fn invocation(
        &self,
        name: &str,
        database: &str,
        options: &[&str],
        timeout: Option<Duration>,
    ) -> Invocation {
        let url = self.connection.url.with_database(database);
        let mut arguments: Vec<_> = options.iter().map(Into::into).collect();
        arguments.push(format!("--dbname={url}").into());
        let mut environment = vec![("PGOPTIONS", WITHOUT_TIMEOUTS.to_owned())];
        environment.extend(self.session.clone().map(|session| ("PGAPPNAME", session)));
        let (program, run_as) = (self.tools.program(name), self.connection.run_as.clone());
        Invocation { program, arguments, environment, run_as, timeout }
    }

    /// What the site has set for its applications must neither end our sessions nor make our questions slow. And nobody who
    /// may create functions in the database may have us call them.
    fn own_settings(&self) -> String {
        let timeouts = [(0, "statement_timeout"), (0, "lock_timeout"), (0, "idle_in_transaction_session_timeout")]
            .into_iter()
            .chain([(14, "idle_session_timeout"), (17, "transaction_timeout")])
            .filter(|(since, _)| self.version.is_at_least(*since))
            .map(|(_, name)| format!("SET {name} = 0;\n"));
        let methods = PLANNER_METHODS.iter().map(|method| format!("SET enable_{method} = on;\n"));
        let path = std::iter::once("SET search_path = pg_catalog, pg_temp;\n".to_owned());
        timeouts.chain(methods).chain(path).collect()
    }

    /// What a program's end means.
    pub(super) fn require_success(&self, database: &str, doing: &str, ended: &Ended) -> Result<(), PostgresError> {
        if ended.status.success() {
            return Ok(());
        }
        let url = || self.connection.url.with_database(database).to_string();
        let message = match ended.errors.trim() {
            "" => ended.status.to_string(),
            printed => shortened(printed),
        };
        let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
        // Messages of the server are in its own language; what is not recognised is shown as it is.
        Err(if says(&NO_DATABASE) && message.contains("database \"") && message.contains("FATAL") {
            PostgresError::NoDatabase { url: url(), database: database.to_owned() }
        } else if says(&NOT_ACCEPTING) {
            PostgresError::NotAccepting { url: url(), database: Identifier(database).to_string() }
        } else if says(&DENIED) {
            PostgresError::Denied { url: url(), message }
        } else if says(&UNREACHABLE) || ended.status.code() == Some(PSQL_NO_CONNECTION) {
            PostgresError::Unreachable { url: url(), message }
        } else if says(&FULL) {
            PostgresError::Full { doing: doing.to_owned(), url: self.connection.url.to_string(), message }
        } else {
            PostgresError::Failed { doing: doing.to_owned(), message }
        })
    }

    /// What an error of a pipe to a program means.
    pub(super) fn given_up(
        &self,
        doing: &str,
        program: &str,
        timeout: Option<Duration>,
        error: io::Error,
    ) -> PostgresError {
        match GivenUp::in_error(&error) {
            Some(GivenUp::Cancelled(cancelled)) => (*cancelled).into(),
            Some(GivenUp::TimedOut) => PostgresError::TimedOut {
                doing: doing.to_owned(),
                url: self.connection.url.to_string(),
                seconds: timeout.unwrap_or_default().as_secs(),
            },
            None => PostgresError::NotRun { program: program.to_owned(), error },
        }
    }

    fn not_in_time(&self, doing: &str, timeout: Option<Duration>, error: PostgresError) -> PostgresError {
        match error {
            PostgresError::NotRun { program, error } => self.given_up(doing, &program, timeout, error),
            other => other,
        }
    }
}

/// How a session begins: one that waits or works for long may do so. Every version knows these.
const WITHOUT_TIMEOUTS: &str = "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0";

/// Ways to answer a question that a site may have turned off, for its own questions.
const PLANNER_METHODS: [&str; 8] =
    ["bitmapscan", "hashagg", "hashjoin", "indexscan", "mergejoin", "nestloop", "seqscan", "sort"];

/// A message as one line; it may quote a statement of any length.
fn shortened(message: &str) -> String {
    const LONGEST: usize = 2000;
    let lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
    let message = lines.collect::<Vec<_>>().join(" ");
    if message.len() <= LONGEST {
        return message;
    }
    format!("{} …", &message[..message.floor_char_boundary(LONGEST)])
}

/// psql's exit status when the connection is not there or went away (psql(1), "Exit Status").
const PSQL_NO_CONNECTION: i32 = 2;
const NO_DATABASE: [&str; 1] = ["does not exist"];
const NOT_ACCEPTING: [&str; 1] = ["is not currently accepting connections"];
const DENIED: [&str; 6] = [
    "authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "is not permitted to log in",
    "permission denied for database",
    "FATAL:  role \"",
];
const FULL: [&str; 1] = ["No space left on device"];
const UNREACHABLE: [&str; 8] = [
    "Connection refused",
    "No such file or directory",
    "could not translate host name",
    "timeout expired",
    "server closed the connection",
    "terminating connection",
    "the database system is",
    "connection to server was lost",
];
