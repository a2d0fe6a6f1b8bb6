//! A PostgreSQL database as a source.

#![cfg_attr(not(test), expect(dead_code, reason = "the source that uses it is being built"))]

mod dump;
