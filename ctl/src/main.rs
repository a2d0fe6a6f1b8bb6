//! `carelogctl`, the client of the CareLog backup daemon.
//!
//! It turns arguments into requests, shows what comes of them, and never touches a backup itself: everything goes
//! through the daemon's socket ([`carelog_rpc`]). Each command is one file in [`commands`]; how a noun looks in a table
//! is one file in [`output`]; what a script sees is the wire type itself.

mod args;
mod commands;
mod confirm;
mod exit;
mod failure;
mod follow;
mod output;
mod session;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Cli;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(shown) => return show_usage(&shown),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&Failure::new(Exit::Failed, "carelogctl cannot start").because(error)),
    };
    let session = Session::new(&cli.global);
    match runtime.block_on(commands::run(cli.command, &session)) {
        Ok(code) => code,
        Err(failure) => report(&failure),
    }
}

/// Prints the help or the version that was asked for (0), or what is wrong with the arguments (2).
fn show_usage(shown: &clap::Error) -> ExitCode {
    // A reader that has gone away is no error.
    let _ = shown.print();
    if shown.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() }
}

fn report(failure: &Failure) -> ExitCode {
    if failure.is_silent() {
        return Exit::Done.into();
    }
    // There is nobody left to tell when stderr is gone.
    let _ = writeln!(io::stderr(), "{failure}");
    failure.exit.into()
}
