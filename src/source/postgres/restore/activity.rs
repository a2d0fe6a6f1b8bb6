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
pub(super) fn of(server: &Server, oid: u32) -> Result<Option<String>, PostgresError> {
    let sql = format!(
        "SELECT to_json((SELECT CASE WHEN current_setting('track_counts')::bool THEN concat_ws(' ', datid, tup_inserted, \
         tup_updated, tup_deleted, extract(epoch FROM stats_reset), (SELECT system_identifier FROM pg_control_system()), \
         extract(epoch FROM pg_postmaster_start_time())) END FROM pg_stat_database WHERE datid = {oid}))"
    );
    server.ask(&server.connection.maintenance_db, "asking how much was written", &sql)
}

/// As [`of`], of the database called `name`.
pub(in super::super) fn of_named(server: &Server, name: &str) -> Result<Option<String>, PostgresError> {
    let look = super::look::Look::at(server, &[name], &[])?;
    look.named(name).map_or(Ok(None), |found| of(server, found.oid))
}
