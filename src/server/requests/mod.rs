//! The handlers, by noun.

mod audit;
mod backups;
mod jobs;
mod work;
