//! PostgreSQL databases as sources, with real servers.

mod backup;
#[cfg(feature = "failpoints")]
mod crashes;
mod restore;
mod site;
mod trouble;
