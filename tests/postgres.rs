//! PostgreSQL databases as sources, with real servers.

mod backup;
mod trouble;
