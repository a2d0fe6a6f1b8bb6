//! Which backups are kept, and why: a pure function from what there is to a plan with a reason for each.
//!
//! It reads no clock, no disk and no configuration, and it removes nothing. Called by the prune job and by whoever shows
//! its plan.

mod doubt;
mod input;
mod period;
mod plan;
mod policy;
mod reason;
mod rules;
mod unusual;

pub use doubt::doubt;
pub use input::{Candidate, HeldBy, RetentionInput, SourceFacts, SourceKey};
pub use plan::{Decision, Excess, RetentionPlan, excess, plan};
pub use policy::{Keep, RetentionPolicy};
pub use reason::Reason;
pub use unusual::{Fallen, Measured, fallen};
