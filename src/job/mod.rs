//! job.

mod runner;

pub use runner::Runner;
