//! What goes wrong around the daemon: full and read-only disks, a store that is not there, a lost catalog, a second
//! daemon, signals, clients that misbehave or die.

mod catalog;
mod clients;
mod disk;
#[cfg(feature = "failpoints")]
mod interrupted;
mod store;
