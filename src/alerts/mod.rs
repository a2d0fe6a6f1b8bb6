//! Speaks up: rules over the state, what fires and what is resolved, the outbox, and the ways out of it.
//!
//! The rules look at what is, never at the code that made it so. A notice is written down in the transaction of the fact
//! that it tells of, and delivered later, at least once. Called by the daemon's rounds and by the server.
//!
//! [`AlertWatch::observe`] gathers the state, [`conditions`] says what is wrong with it, `transitions` compares that with
//! what fires already, `ends` puts the end of a job in words, and `recipients` says who is told. The other half begins with the rows of the outbox:
//! [`Outbox`] decides what is sent when, [`Ways`] sends it by `mail` and `webhook`, and `render` is how it looks.

mod condition;
mod ends;
mod heartbeat;
mod letter;
mod mail;
mod notice;
mod observe;
mod outbox;
mod recipients;
mod render;
mod restore_time;
mod rules;
mod settings;
mod state;
#[cfg(test)]
mod testing;
mod transitions;
mod trouble;
mod usage;
mod watch;
mod ways;
mod webhook;
mod words;

pub use condition::Condition;
pub use heartbeat::{Heartbeats, Wellbeing};
pub use letter::{Channels, Earlier, Letter, Undelivered, Way};
pub use mail::MailTimeouts;
pub use notice::{Fact, Notice, Occasion};
pub use outbox::Outbox;
pub use restore_time::{RestoreTime, restore_time};
pub use rules::conditions;
pub use settings::{AlertSettings, SourceObjectives};
pub use state::{
    CatalogState, EndedJobs, NoSchedules, Outlook, RunningJob, RunningJobs, Schedules, SkippedRun, SourceState, State,
    StoreState,
};
pub use watch::{AlertWatch, Looked};
pub use ways::{Delivery, Tried, Ways};
