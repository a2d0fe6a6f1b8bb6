//! A PostgreSQL database, dumped and loaded by PostgreSQL's own programs.
//!
//! A backup is `NAME.globals.sql`, which makes an empty database like it, and `NAME.sql`, what pg_dump prints. A restore loads
//! both into a new database beside the live one and exchanges their names. The live database is never changed in place.

mod dump;
mod error;
mod globals;
mod process;
mod restore;
mod server;
mod sql;
mod tools;

pub use error::PostgresError;
pub use restore::{DatabaseSwap, ReplacedDatabase};
pub use server::Connection;
pub use tools::Version;
