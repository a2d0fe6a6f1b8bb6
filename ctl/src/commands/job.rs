//! `carelogctl job`.

use std::process::ExitCode;

use carelog_rpc::Job;
use clap::{Args, Subcommand};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::follow::{self, Until};
use crate::output::job::details;
use crate::output::report;
use crate::session::Session;

/// What to do with a job.
#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    /// Show all about one job
    Show(ShowArgs),
    /// Wait for a job and show its progress
    Watch(JobArgs),
    /// Stop a job
    Cancel(JobArgs),
}

/// Which job, and how.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    job: JobArgs,
    /// As a page for the incident log: who, when, why, from what, what was replaced by what, and how it ended
    #[arg(long)]
    report: bool,
}

/// Which job.
#[derive(Debug, Args)]
pub(crate) struct JobArgs {
    /// Its id, or a unique prefix
    #[arg(value_name = "ID")]
    id: String,
}

/// Runs one of them.
pub(crate) async fn run(command: JobCommand, session: &Session) -> Result<ExitCode, Failure> {
    let mut client = session.connect().await?;
    match command {
        JobCommand::Show(ShowArgs { job, report: true }) => {
            let report = client.job_report(job.id).await?;
            session.output.show("carelog.job.report/1", &report, |look| report::page(&report, look))?;
            Ok(Exit::Done.into())
        }
        JobCommand::Show(ShowArgs { job, report: false }) => show(session, &client.job(job.id).await?),
        JobCommand::Watch(args) => follow::job(session, &mut client, &args.id, Until::EndedStepByStep).await,
        JobCommand::Cancel(args) => show(session, &client.cancel_job(args.id).await?),
    }
}

fn show(session: &Session, job: &Job) -> Result<ExitCode, Failure> {
    session.output.show("carelog.job/1", job, |look| details(job, look))?;
    Ok(Exit::Done.into())
}
