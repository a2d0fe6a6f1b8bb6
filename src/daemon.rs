//! Wires the parts, recovers, and drains.

use crate::config::Config;
use crate::signals::Shutdown;

/// Runs the daemon until `shutdown` asks it to end.
///
/// # Errors
/// Whatever keeps it from starting, or ends it early.
pub fn run(config: Config, shutdown: Shutdown) -> anyhow::Result<()> {
    drop((config, shutdown));
    anyhow::bail!("the daemon is not built yet")
}
