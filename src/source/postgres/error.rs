//! Why PostgreSQL did not do what it was asked.

use std::io;

use super::tools::Version;
use crate::progress::Cancelled;

/// See the module. The messages name the server by its URL, which never holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// PostgreSQL's programs are not installed here.
    #[error("PostgreSQL's programs (pg_dump, psql) were not found; install the package postgresql-client-{wanted}")]
    NoTools {
        /// The major version to install, or `VERSION` when the server could not be asked.
        wanted: String,
    },
    /// All that are installed are older than the server, which they could not dump.
    #[error(
        "the server at {url} is PostgreSQL {server}, the newest pg_dump here is of {newest}; install the package \
         postgresql-client-{}", server.major()
    )]
    ToolsTooOld {
        /// The server.
        url: String,
        /// Its version.
        server: Version,
        /// The newest that is installed.
        newest: Version,
    },
    /// `run_as` cannot be become.
    #[error("{program} cannot run as '{user}': {why}; correct run_as of the source")]
    User {
        /// The program.
        program: String,
        /// As configured.
        user: String,
        /// Why.
        why: String,
    },
    /// A program could not be started or talked to.
    #[error("{program} could not be run: {error}")]
    NotRun {
        /// The program.
        program: String,
        /// How it failed.
        error: io::Error,
    },
    /// No connection, or it was lost.
    #[error("the database server at {url} cannot be reached: {message}; is it running (systemctl status postgresql)?")]
    Unreachable {
        /// The server.
        url: String,
        /// What the program printed.
        message: String,
    },
    /// The server does not let us in.
    #[error(
        "the database server at {url} refuses the connection: {message}; check url and run_as of the source, and the password file"
    )]
    Denied {
        /// The server.
        url: String,
        /// What the program printed.
        message: String,
    },
    /// The database does not exist.
    #[error("there is no database '{database}' on the server at {url}")]
    NoDatabase {
        /// The server.
        url: String,
        /// The database.
        database: String,
    },
    /// The database lets nobody in.
    #[error(
        "the database {database} on the server at {url} lets nobody connect: ALTER DATABASE {database} ALLOW_CONNECTIONS true; \
         lets them in again"
    )]
    NotAccepting {
        /// The server.
        url: String,
        /// The database, quoted.
        database: String,
    },
    /// The server or the program refused what was asked.
    #[error("{doing}: {message}")]
    Failed {
        /// What was tried, naming the database.
        doing: String,
        /// What the program printed, or its exit status when it printed nothing.
        message: String,
    },
    /// A dump is whole, and the server does not take it.
    #[error("{doing}: the server does not take what is in the backup: {message}")]
    NotLoaded {
        /// What was tried, naming the database.
        doing: String,
        /// What the server said.
        message: String,
    },
    /// The server has no room left.
    #[error(
        "{doing}: the disk of the database server at {url} is full: {message}; free space there (df), and try again"
    )]
    Full {
        /// What was tried, naming the database.
        doing: String,
        /// The server.
        url: String,
        /// What the program printed.
        message: String,
    },
    /// It took too long and was ended.
    #[error("{doing}: no answer from the server at {url} after {seconds} s")]
    TimedOut {
        /// What was tried.
        doing: String,
        /// The server.
        url: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The role may not do what is needed.
    #[error("in the database '{database}' the role '{role}' may not {missing}")]
    Rights {
        /// The role on the server.
        role: String,
        /// The database.
        database: String,
        /// Everything that it lacks, each with the statement that grants it.
        missing: String,
    },
    /// A dump that ended well and still is not whole.
    #[error("the dump of the database '{database}' is not whole: {why}")]
    Incomplete {
        /// The database.
        database: String,
        /// What is missing.
        why: String,
    },
    /// The answer is not in the form that was asked for.
    #[error("{doing}: the answer of the server cannot be understood: {message}")]
    Answer {
        /// What was tried.
        doing: String,
        /// What is wrong with it.
        message: String,
    },
    /// Cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
