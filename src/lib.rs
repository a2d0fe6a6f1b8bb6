//! The CareLog backup daemon, as a library.
//!
//! Modules in floor order, from the top to the ground; imports point down only (`tests/floors.rs`).
//! docs/ARCHITECTURE.md is the map.

pub mod cli;
pub mod extract;
pub mod logging;
pub mod quickstart;

pub mod daemon;

pub mod server;

pub mod alerts;
pub mod scheduler;

pub mod queue;

pub mod job;

pub mod source;

pub mod store;

pub mod catalog;

pub mod archive;

pub mod config;

pub mod audit;
pub mod cron;
pub mod fsio;
pub mod retention;

pub mod account;
pub mod clock;
pub mod failpoint;
pub mod model;
pub mod progress;
pub mod signals;
