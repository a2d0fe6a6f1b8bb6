//! PostgreSQL databases as sources, with real servers.

#[cfg(feature = "failpoints")]
mod away;
mod backup;
#[cfg(feature = "failpoints")]
mod crashes;
mod forged;
mod full_disk;
#[cfg(feature = "failpoints")]
mod killed_otherwise;
mod network;
mod partitions;
mod refused;
mod restore;
mod site;
mod swap;
mod trouble;
