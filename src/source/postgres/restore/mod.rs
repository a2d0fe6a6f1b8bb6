//! A restore of a database: loaded beside the live one, and put in its place by exchanging their names.
//!
//! Everything that changes the live database is in [`swap`]. A database is renamed or dropped only when it has both the
//! name and the OID that were written down.

mod look;
mod names;
mod session;
mod swap;

pub use swap::{DatabaseSwap, ReplacedDatabase};
