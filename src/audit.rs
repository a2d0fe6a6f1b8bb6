//! The audit trail's chain: the canonical form of a record, its hash, and the check that nothing was changed since.
//!
//! A record is one line of JSON with its fields in this order and no spaces:
//! `seq time actor{user uid login_uid via on_behalf_of} action target parameters reason outcome prev`. `time` is RFC 3339
//! UTC with three decimals, `parameters` are texts sorted by name, `prev` is the hash of the record before (64 zeros
//! for the first). The record's hash is the SHA-256 of that line without its line end; an exported line carries it as a
//! last field `hash`. So every record commits to all before it, as 21 CFR 11.10(e) asks of a trail that cannot be
//! altered unseen. What the chain cannot show by itself is that records are missing at its *end*: whoever checks
//! compares the head with one that was noted elsewhere.
//!
//! Pure: it must never read a clock, a file or a database. Called by the catalog, which stores the chain, and by
//! `carelogd audit-verify`.

mod chain;
mod record;

pub use chain::{Chain, FirstBroken, verify_chain};
pub use record::{Actor, BadLine, Entry, Head, Record};
