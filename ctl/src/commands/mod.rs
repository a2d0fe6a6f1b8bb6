//! The commands, one file each: its arguments, its request, and what it shows.

pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod completions;
pub(crate) mod delete;
pub(crate) mod download;
pub(crate) mod hold;
pub(crate) mod job;
pub(crate) mod jobs;
pub(crate) mod list;
pub(crate) mod release;
mod reload;
pub(crate) mod restore;
pub(crate) mod show;
pub(crate) mod status;
pub(crate) mod verify;

use std::process::ExitCode;

use crate::args::Command;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;

/// Runs one command.
pub(crate) async fn run(command: Command, session: &Session) -> Result<ExitCode, Failure> {
    match command {
        Command::Status(args) => status::run(args, session).await,
        Command::Backup(args) => backup::run(args, session).await,
        Command::List(args) => list::run(args, session).await.map(done),
        Command::Show(args) => show::run(args, session).await.map(done),
        Command::Verify(args) => verify::run(args, session).await,
        Command::Restore(args) => restore::run(args, session).await,
        Command::Download(args) => download::run(args, session).await.map(done),
        Command::Delete(args) => delete::run(args, session).await,
        Command::Hold(args) => hold::run(args, session).await.map(done),
        Command::Release(args) => release::run(args, session).await.map(done),
        Command::Jobs(args) => jobs::run(args, session).await.map(done),
        Command::Job(command) => job::run(command, session).await,
        Command::Alerts(args) => alerts::run(args, session).await.map(done),
        Command::Audit(args) => audit::run(args, session).await.map(done),
        Command::Reload => reload::run(session).await.map(done),
        Command::Completions(args) => completions::run(&args).map(done),
    }
}

fn done((): ()) -> ExitCode {
    Exit::Done.into()
}
