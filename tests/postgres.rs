//! PostgreSQL databases as sources, with real servers.

mod backup;
mod restore;
mod site;
mod trouble;
