//! Speaks up: rules over the state, what fires and what is resolved, the outbox, and the ways out of it.
//!
//! The rules look at what is, never at the code that made it so. A notice is written down in the transaction of the fact
//! that it tells of, and delivered later, at least once. Called by the daemon's rounds and by the server.

mod notice;

pub use notice::{Fact, Notice, Occasion};
