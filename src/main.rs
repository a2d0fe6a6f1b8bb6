//! `carelogd`: arguments, configuration, log, signals, exit code. Everything else is in the library.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use carelogd::cli::{self, Cli, Command, Exit, ExtractArgs};
use carelogd::config::{self, Config, ConfigErrors};
use carelogd::extract::{self, NotNeeded, Occupied, Outcome, SelectionError};
use carelogd::quickstart::{self, Ending};
use carelogd::signals::Shutdown;
use carelogd::{daemon, logging};
use clap::Parser as _;

fn main() -> ExitCode {
    let ended = match Cli::parse().into_command() {
        Command::Run(arg) => run(&arg.config),
        Command::CheckConfig(arg) => check_config(&arg.config),
        Command::Extract(args) => extract(&args),
        Command::Quickstart { dir } => quickstart(dir.as_deref()),
    };
    ended.unwrap_or_else(|error| explain(&error)).into()
}

fn run(file: &Path) -> anyhow::Result<Exit> {
    let config = Config::load(file, &config::system)?;
    logging::init();
    let shutdown = Shutdown::on_signals().context("setting up signal handlers")?;
    daemon::run(config, &shutdown)?;
    Ok(Exit::Done)
}

fn check_config(file: &Path) -> anyhow::Result<Exit> {
    cli::print_valid(&Config::load(file, &config::system)?);
    Ok(Exit::Done)
}

fn extract(args: &ExtractArgs) -> anyhow::Result<Exit> {
    Ok(match extract::run(&args.archives, args.to.as_deref(), &args.paths)? {
        Outcome::Complete => Exit::Done,
        Outcome::Incomplete => Exit::Warnings,
        Outcome::Corrupt => Exit::Corrupt,
    })
}

fn quickstart(dir: Option<&Path>) -> anyhow::Result<Exit> {
    let interrupt = Shutdown::on_signals().context("setting up signal handlers")?;
    Ok(match quickstart::run(dir, &interrupt)? {
        Ending::Shown => Exit::Done,
        Ending::Interrupted => Exit::Cancelled,
    })
}

fn explain(error: &anyhow::Error) -> Exit {
    cli::print_error(error);
    if error.is::<ConfigErrors>() {
        return Exit::Config;
    }
    if let Some(SelectionError::Unknown(_)) = error.downcast_ref() {
        return Exit::NotFound;
    }
    if error.is::<NotNeeded>() {
        return Exit::Usage;
    }
    if error.is::<Occupied>() {
        return Exit::Refused;
    }
    if extract::is_damage(error) {
        return Exit::Corrupt;
    }
    match error.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
        Some(std::io::ErrorKind::NotFound) => Exit::NotFound,
        Some(std::io::ErrorKind::PermissionDenied) => Exit::NotPermitted,
        _ => Exit::Failed,
    }
}
