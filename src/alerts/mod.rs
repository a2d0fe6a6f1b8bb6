//! Speaks up: rules over the state, what fires and what is resolved, the outbox, and the ways out of it.
//!
//! The rules look at what is, never at the code that made it so. A notice is written down in the transaction of the fact
//! that it tells of, and delivered later, at least once. Called by the daemon's rounds and by the server.

mod heartbeat;
mod letter;
mod mail;
mod notice;
mod outbox;
mod render;
mod trouble;
mod ways;
mod webhook;

pub use heartbeat::{Heartbeats, Wellbeing};
pub use letter::{Channels, Earlier, Letter, Undelivered, Way};
pub use mail::MailTimeouts;
pub use notice::{Fact, Notice, Occasion};
pub use outbox::Outbox;
pub use ways::{Delivery, Tried, Ways};
