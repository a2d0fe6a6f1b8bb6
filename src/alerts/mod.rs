//! Speaks up: rules over the state, what fires and what is resolved, the outbox, and the ways out of it.
//!
//! The rules look at what is, never at the code that made it so. A notice is written down in the transaction of the fact
//! that it tells of, and delivered later, at least once. Called by the daemon's rounds and by the server.
//!
//! [`AlertWatch::observe`] gathers the state, [`conditions`] says what is wrong with it, `transitions` compares that with
//! what fires already, `ends` puts the end of a job in words, and `recipients` says who is told.

mod condition;
mod ends;
mod notice;
mod observe;
mod recipients;
mod restore_time;
mod rules;
mod settings;
mod state;
#[cfg(test)]
mod testing;
mod transitions;
mod usage;
mod watch;
mod words;

pub use condition::Condition;
pub use notice::{Fact, Notice, Occasion};
pub use restore_time::{RestoreTime, restore_time};
pub use rules::conditions;
pub use settings::{AlertSettings, SourceObjectives};
pub use state::{
    EndedJobs, NoSchedules, Outlook, RunningJob, RunningJobs, Schedules, SkippedRun, SourceState, State, StoreState,
};
pub use watch::{AlertWatch, Looked};
