//! `carelogctl schedule`.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::follow::{self, Until};
use crate::output::schedule::{DueTimes, ScheduleList, details, due_times, table};
use crate::session::Session;

/// What to do with the schedules.
#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// List the schedules: what each does, when it is due, how its last job ended, and what was skipped
    List,
    /// Show when something is due next
    Next(NextArgs),
    /// Do now what a schedule does when it is due
    Run(RunArgs),
    /// Let a schedule stand still
    Pause(ReasonArgs),
    /// Let a schedule go on; what it was due for meanwhile is not made up for
    Resume(ReasonArgs),
}

/// How many, and of which.
#[derive(Debug, Args)]
pub(crate) struct NextArgs {
    /// Only of this schedule
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// So many times
    #[arg(short = 'n', value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    count: u32,
}

/// Which, and whether to wait.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    /// Do not wait: print the job's id
    #[arg(long)]
    detach: bool,
}

/// Which, and why.
#[derive(Debug, Args)]
pub(crate) struct ReasonArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    /// Why; kept in the audit trail
    #[arg(short = 'm', long = "message", value_name = "TEXT", required = true)]
    message: String,
}

/// Runs one of them.
pub(crate) async fn run(command: ScheduleCommand, session: &Session) -> Result<ExitCode, Failure> {
    let mut client = session.connect().await?;
    let output = &session.output;
    match command {
        ScheduleCommand::List => {
            let list = ScheduleList { schedules: client.schedules().await? };
            output.show("carelog.schedule.list/1", &list, |look| table(&list.schedules, look))?;
        }
        ScheduleCommand::Next(args) => {
            let list = DueTimes { due: client.next_due(args.name, args.count).await? };
            output.show("carelog.schedule.next/1", &list, |look| due_times(&list.due, look))?;
        }
        ScheduleCommand::Run(args) => {
            let job_id = client.run_schedule(args.name).await?;
            return follow::job(session, &mut client, &job_id, Until::of_detach(args.detach)).await;
        }
        ScheduleCommand::Pause(args) => {
            let schedule = client.pause_schedule(args.name, args.message).await?;
            output.show("carelog.schedule/1", &schedule, |look| details(&schedule, look))?;
        }
        ScheduleCommand::Resume(args) => {
            let schedule = client.resume_schedule(args.name, args.message).await?;
            output.show("carelog.schedule/1", &schedule, |look| details(&schedule, look))?;
        }
    }
    Ok(Exit::Done.into())
}
