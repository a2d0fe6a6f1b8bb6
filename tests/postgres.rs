//! PostgreSQL databases as sources, with real servers.

mod backup;
#[cfg(feature = "failpoints")]
mod crashes;
mod forged;
mod partitions;
mod refused;
mod restore;
mod site;
mod swap;
mod trouble;
