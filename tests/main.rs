//! The integration tests: the real daemon and the real client over a real socket, and the rules that hold for the
//! repository as a whole. `tests/all` builds what they need and runs them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod alerts;
mod cli;
mod commands;
// Needs the points of failure, with which tests/all builds.
#[cfg(feature = "failpoints")]
mod crash;
mod documents;
mod faults;
mod floors;
mod golden;
mod harness;
mod hostile;
mod incremental;
mod interop;
mod notices;
mod obstacles;
mod packaging;
mod postgres;
mod quickstart;
mod restore_source;
mod retention;
mod round_trip;
mod schedules;
#[cfg_attr(not(feature = "failpoints"), expect(dead_code, reason = "tests of crashes take up the rest of it"))]
mod support;
// A restore on such a machine is stopped at points of failure.
#[cfg(feature = "failpoints")]
mod systemd;
mod transaction;
mod undo;
