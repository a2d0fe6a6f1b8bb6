//! Whether anything was written to a database between two moments, without reading it.
//!
//! The server counts the rows that were inserted, updated and deleted in each database, its catalogs and large objects
//! included (`pg_stat_database`). A session hands in its counts when it ends at the latest. So when every session has been
//! ended and the counts are those of before, nothing was written. The counts can only claim a change that was none:
//! sessions hand in late, maintenance counts, a crash sets them back. Only a number that was drawn from a sequence and
//! used in no row goes unseen.

use super::super::error::PostgresError;
use super::super::server::Server;

/// How much was written to the database with this OID, as a text to be compared; `None` when the server does not count.
pub(super) fn written_to(server: &Server, oid: u32) -> Result<Option<String>, PostgresError> {
    ask(server, &server.connection.maintenance_db, &oid.to_string())
}

/// As [`written_to`], of the database that is backed up, for who can connect to no other.
pub(in super::super) fn written_to_this(server: &Server) -> Result<Option<String>, PostgresError> {
    let this = "(SELECT oid FROM pg_database WHERE datname = current_database())";
    ask(server, server.connection.url.database(), this)
}

fn ask(server: &Server, database: &str, oid: &str) -> Result<Option<String>, PostgresError> {
    let sql = format!(
        "SELECT json_build_object('counts', (SELECT CASE WHEN current_setting('track_counts')::bool THEN concat_ws(' ', \
         (SELECT system_identifier FROM pg_control_system()), datid, tup_inserted, tup_updated, tup_deleted, \
         extract(epoch FROM stats_reset), extract(epoch FROM pg_postmaster_start_time())) END \
         FROM pg_stat_database WHERE datid = {oid}))"
    );
    let Answer { counts } = server.ask(database, "asking how much was written", &sql)?;
    Ok(counts)
}

#[derive(serde::Deserialize)]
struct Answer {
    counts: Option<String>,
}
