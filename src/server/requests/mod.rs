//! The handlers, by noun.

mod alerts;
mod audit;
mod backups;
mod jobs;
mod retention;
mod schedules;
mod work;
