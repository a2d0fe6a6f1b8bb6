//! Sessions that change what databases there are and how they are called.
//!
//! A psql outlives a daemon that is killed, and may finish its script after the next one has started. So every such session
//! carries the name of its swap, gets its script only when it is connected, and is ended by whoever comes to settle that
//! swap before they look at anything.

use std::time::{Duration, Instant};

use super::super::error::PostgresError;
use super::super::server::{Connection, Server};
use super::super::sql::Literal;
use crate::failpoint;
use crate::progress::Progress;

/// A server that is restarted is waited for so long.
const WAIT_FOR_SERVER: Duration = Duration::from_secs(60);
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// Connects, waiting for a server that is starting, and ends what an earlier daemon left running under `session`.
pub(super) fn reach(connection: &Connection, session: &str, progress: &Progress) -> Result<Server, PostgresError> {
    patiently(progress, || {
        let server = connect(connection, session, progress)?;
        end_others(&server, session)?;
        Ok(server)
    })
}

/// As [`reach`], to look only: whatever else works under `session` goes on.
pub(super) fn reach_to_look(
    connection: &Connection,
    session: &str,
    progress: &Progress,
) -> Result<Server, PostgresError> {
    patiently(progress, || connect(connection, session, progress))
}

fn connect(connection: &Connection, session: &str, progress: &Progress) -> Result<Server, PostgresError> {
    Ok(Server::connect(connection, progress)?.in_session(session))
}

fn patiently(progress: &Progress, reach: impl Fn() -> Result<Server, PostgresError>) -> Result<Server, PostgresError> {
    let give_up_at = Instant::now() + failpoint::patience(WAIT_FOR_SERVER);
    let mut is_told = false;
    loop {
        match reach() {
            Err(error @ PostgresError::Unreachable { .. }) if Instant::now() < give_up_at => {
                progress.check_cancelled()?;
                if !is_told {
                    tracing::warn!(%error, "waiting for the database server");
                    is_told = true;
                }
                std::thread::sleep(ASK_AGAIN);
            }
            reached => return reached,
        }
    }
}

fn end_others(server: &Server, session: &str) -> Result<(), PostgresError> {
    let sql = format!(
        "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE application_name = {} AND pid <> \
         pg_backend_pid() AND usesysid = (SELECT oid FROM pg_roles WHERE rolname = session_user)",
        Literal(session)
    );
    let _ended: u64 = server.ask(&server.connection.maintenance_db, "ending what an earlier carelogd began", &sql)?;
    Ok(())
}
