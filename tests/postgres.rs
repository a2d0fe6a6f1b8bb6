//! PostgreSQL databases as sources, with real servers.

#[cfg(feature = "failpoints")]
mod away;
mod backup;
mod by_hand;
#[cfg(feature = "failpoints")]
mod crashes;
mod encodings;
mod forged;
mod full_disk;
mod in_the_way;
#[cfg(feature = "failpoints")]
mod killed_otherwise;
mod network;
mod partitions;
mod refused;
mod restore;
mod rights;
mod site;
mod swap;
mod trouble;
