//! Tells who keeps a dump waiting: pg_dump locks every table before it prints anything, and waits in silence for whoever has
//! locked one.

use std::io;
use std::time::Duration;

use super::process::Process;
use super::server::Server;
use crate::clock::Clock;

/// So long a silence is looked into.
const SILENCE: Duration = Duration::from_secs(2);

/// Those that our sessions here wait for.
const HOLDERS: &str = "SELECT coalesce(json_agg(DISTINCT format('pid %s (user %s)', h.pid, h.usename)), '[]') FROM pg_stat_activity w, \
     unnest(pg_blocking_pids(w.pid)) AS holder (pid) JOIN pg_stat_activity h ON h.pid = holder.pid \
     WHERE w.datname = current_database() AND w.usename = session_user AND w.application_name = 'carelog' \
     AND w.wait_event_type = 'Lock'";

/// Waits for the first output of `pg_dump`. Meanwhile the job's phase says for whom, if it waits for somebody.
pub(super) fn wait_for_output(server: &Server, database: &str, pg_dump: &Process, clock: &Clock) -> io::Result<()> {
    let mut before = None;
    while !pg_dump.has_output_within(SILENCE)? {
        if before.is_some() {
            continue;
        }
        // Only a courtesy: what is wrong with the server the dump will say.
        let holders: Vec<String> = server.ask(database, "asking who holds a lock", HOLDERS).unwrap_or_default();
        if !holders.is_empty() {
            let phase = format!("waits for a lock on a table of {database} that is held by {}", holders.join(", "));
            tracing::warn!("the dump {phase}");
            before = Some(server.progress.snapshot());
            server.progress.begin_phase(&phase, clock.now());
        }
    }
    if let Some(before) = before {
        server.progress.begin_phase(&before.phase, clock.now());
        server.progress.expect(before.total_bytes, before.total_files);
        server.progress.add_bytes(before.done_bytes);
        server.progress.add_files(before.done_files);
    }
    Ok(())
}
