//! Which backups are kept, and why: a pure function from what there is to a plan with a reason for each.
//!
//! It reads no clock, no disk and no configuration, and it removes nothing. Called by the prune job and by whoever shows
//! its plan.

mod policy;
mod unusual;

pub use policy::{Keep, RetentionPolicy};
pub use unusual::{Fallen, Measured, fallen};
