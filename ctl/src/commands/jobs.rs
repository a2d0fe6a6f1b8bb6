//! `carelogctl jobs`.

use carelog_rpc::ListJobs;
use clap::Args;

use crate::failure::Failure;
use crate::output::job::{JobList, table};
use crate::session::Session;

/// List jobs: those that run, those that wait, and those that ended in the last day
#[derive(Debug, Args)]
pub(crate) struct JobsArgs {
    /// Also those that ended longer ago
    #[arg(long)]
    all: bool,
    /// No more than these many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

/// Prints the list.
pub(crate) async fn run(args: JobsArgs, session: &Session) -> Result<(), Failure> {
    let jobs = session.connect().await?.jobs(ListJobs { all: args.all, limit: args.limit }).await?;
    let list = JobList { jobs };
    Ok(session.output.show("carelog.job.list/1", &list, |look| table(&list.jobs, look))?)
}
