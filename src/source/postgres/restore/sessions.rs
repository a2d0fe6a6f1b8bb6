//! The sessions that keep a database from getting another name.
//!
//! Whoever is no superuser cannot end a superuser's. That is to be known before anybody is locked out, and told with what
//! ends them.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::super::super::shown::shown;
use super::super::error::PostgresError;
use super::super::server::Server;
use super::super::sql::Literal;
use crate::failpoint;

/// A session that was ended is seen for a moment longer: our own of before too.
const LINGERS: Duration = Duration::from_secs(2);
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// A session of somebody in a database.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Session {
    pid: i32,
    user: String,
    application: String,
    /// Whether we may end it.
    pub(super) is_endable: bool,
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, user, application, .. } = self;
        let [user, application] = [user, application].map(|text| shown(text.as_bytes()));
        write!(f, "pid {pid}, user {user}, application '{application}': SELECT pg_terminate_backend({pid});")
    }
}

/// Those connected to the databases that `which` (SQL on `s.datid`, `s.datname`) is true of, but for the server's own.
pub(super) fn sessions(server: &Server, which: &str) -> Result<Vec<Session>, PostgresError> {
    // What the server does for itself has no user.
    let sql = format!(
        "SELECT coalesce(json_agg(json_build_object('pid', s.pid, 'user', u.rolname, 'application', \
         coalesce(s.application_name, ''), 'is_endable', me.rolsuper OR NOT u.rolsuper AND (pg_has_role(u.oid, 'USAGE') OR \
         pg_has_role('pg_signal_backend', 'USAGE'))) ORDER BY s.pid), '[]') FROM pg_stat_activity s JOIN pg_roles u ON u.oid = \
         s.usesysid JOIN pg_roles me ON me.rolname = current_user WHERE s.pid <> pg_backend_pid() AND {which}"
    );
    server.ask(&server.connection.maintenance_db, "looking for connections", &sql)
}

/// Those in the database `name` that we may not end, when they have not ended by themselves soon.
pub(super) fn beyond_us(server: &Server, name: &str) -> Result<Vec<Session>, PostgresError> {
    let give_up_at = Instant::now() + failpoint::patience(LINGERS);
    loop {
        let mut found = sessions(server, &format!("s.datname = {}", Literal(name)))?;
        found.retain(|session| !session.is_endable);
        if found.is_empty() || Instant::now() >= give_up_at {
            return Ok(found);
        }
        server.progress.check_cancelled()?;
        std::thread::sleep(ASK_AGAIN);
    }
}

/// Why the database cannot be replaced while they are there.
pub(super) fn in_the_way(name: &str, sessions: &[Session]) -> String {
    let named: Vec<String> = sessions.iter().map(ToString::to_string).collect();
    let by = match sessions.iter().all(|session| session.is_endable) {
        true => "sessions that did not end in time are",
        false => "sessions that the restoring role may not end are",
    };
    format!(
        "{by} connected to {name}; end them, a superuser's as a superuser, or name a superuser in restore_url:\n  {}",
        named.join("\n  ")
    )
}
