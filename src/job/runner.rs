//! The seam between the queue, which knows when a job runs, and the jobs, which know what it does.

use std::os::fd::OwnedFd;

use crate::catalog::{Job, JobEnd};
use crate::progress::Progress;

/// Runs jobs of every kind. The queue calls it from the thread of a lane, with jobs of the two lanes beside each other.
pub trait Runner: Send + Sync {
    /// Runs `job` to its end. `directory` is where a restore `--to` writes. Begins its phases on `progress`, and returns
    /// soon once `progress` is cancelled, with an outcome that says so, having cleaned up.
    ///
    /// It does not touch the job's row: the queue records the end, and with it the backup in the result.
    fn run(&self, job: &Job, directory: Option<OwnedFd>, progress: &Progress) -> JobEnd;
}
