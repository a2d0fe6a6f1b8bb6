//! Enqueues what is due, and decides about what was missed.
//!
//! It never runs a job and never waits for one: what it decides is a row of the catalog. Called by the daemon's rounds
//! ([`Scheduler::tick`]) and by the server.
