//! The command line. What belongs to one command stands in its file.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    alerts, audit, backup, completions, delete, download, hold, job, jobs, list, release, restore, show, status, verify,
};

/// Back up, verify and restore a clinic's data through the CareLog backup daemon.
///
/// BACKUP is an id, a unique prefix of one of at least 4 characters, a file name, or `latest`. TIME is RFC 3339,
/// `YYYY-MM-DD[ HH:MM[:SS]]` in the daemon's time zone, or an age such as `2d`. A command that starts a job waits for it;
/// Ctrl-C leaves the job running and says how to go on watching.
#[derive(Debug, Parser)]
#[command(name = "carelogctl", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 usage, 3 done with warnings, 4 not found, 5 not permitted, 6 daemon not reachable, \
7 corruption found, 8 conflict or busy, 9 refused for safety, 130 cancelled.";

const GLOBAL: &str = "Options of every command";

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Socket of the daemon
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "PATH", env = "CARELOG_SOCKET", hide_env_values = true)]
    #[arg(default_value = "/run/carelog/carelogd.sock")]
    pub(crate) socket: PathBuf,
    /// Print one JSON document, or one per line where it streams
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,
    /// Print only what was asked for, and errors
    #[arg(long, short, global = true, help_heading = GLOBAL)]
    pub(crate) quiet: bool,
    /// Do not show progress
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) no_progress: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Status(status::StatusArgs),
    Backup(backup::BackupArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Verify(verify::VerifyArgs),
    Restore(restore::RestoreArgs),
    Download(download::DownloadArgs),
    Delete(delete::DeleteArgs),
    Hold(hold::HoldArgs),
    Release(release::ReleaseArgs),
    Jobs(jobs::JobsArgs),
    /// Look at one job, watch it, or stop it
    #[command(subcommand)]
    Job(job::JobCommand),
    Alerts(alerts::AlertsArgs),
    Audit(audit::AuditArgs),
    /// Have the daemon read its configuration again
    Reload,
    Completions(completions::CompletionsArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
