//! What `carelogd` understands on its command line, and what its exit code means.
//!
//! Only parsing and printing; nothing is done here. Called by `main`.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigErrors, DEFAULT_FILE};

/// The command line.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "carelogd",
    version,
    about = "Backs up a clinic's records, study files and databases, and puts them back",
    args_conflicts_with_subcommands = true,
    after_help = "Exit codes: 0 done, 1 failed, 2 usage, 78 configuration error. `extract` also: 3 done with warnings, \
                  4 not found, 5 not permitted, 7 corruption found, 9 refused for safety, 130 cancelled."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: ConfigArg,
}

impl Cli {
    /// What is to be done; `run` when nothing else was said.
    #[must_use]
    pub fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Run(self.run))
    }
}

/// The commands.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Run the daemon (also the default)
    Run(ConfigArg),
    /// Read the configuration and say everything that is wrong with it
    CheckConfig(ConfigArg),
    /// Read archives without daemon, configuration or catalog: the recovery tool
    Extract(ExtractArgs),
    /// Show a backup, a loss and a restore on a sample clinic in one folder; needs no root and no configuration
    Quickstart {
        /// The folder to work in; a new temporary one when left out
        dir: Option<PathBuf>,
    },
}

/// Which configuration.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct ConfigArg {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
    pub config: PathBuf,
}

/// What to extract.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct ExtractArgs {
    /// The archive, and the archives that it builds on
    #[arg(required = true, value_name = "ARCHIVE")]
    pub archives: Vec<PathBuf>,
    /// The folder to write to
    #[arg(long, value_name = "DIR", required_unless_present = "list")]
    pub to: Option<PathBuf>,
    /// Only list what is in it
    #[arg(long, conflicts_with = "to")]
    pub list: bool,
    /// Only this member, or this folder with everything below it; may be given several times
    #[arg(long = "path", value_name = "PATH")]
    pub paths: Vec<OsString>,
}

/// How the program ends, for scripts and service managers. The numbers are promised and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Failed, for a reason that has no number of its own.
    Failed,
    /// The command line was not understood (clap ends with it too).
    Usage,
    /// Done, but something was left out; the output names it.
    Warnings,
    /// What was named is not there.
    NotFound,
    /// Not allowed.
    NotPermitted,
    /// Damage was found.
    Corrupt,
    /// Refused, because going on would endanger data.
    Refused,
    /// The configuration is wrong (`EX_CONFIG` of sysexits.h): trying again helps nobody.
    Config,
    /// Cancelled by the user.
    Cancelled,
}

impl Exit {
    /// Every value.
    pub const ALL: [Self; 10] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::Warnings,
        Self::NotFound,
        Self::NotPermitted,
        Self::Corrupt,
        Self::Refused,
        Self::Config,
        Self::Cancelled,
    ];

    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Warnings => 3,
            Self::NotFound => 4,
            Self::NotPermitted => 5,
            Self::Corrupt => 7,
            Self::Refused => 9,
            Self::Config => 78,
            Self::Cancelled => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Says that `config` is in order and what it protects, on stdout.
pub fn print_valid(config: &Config) {
    let mut out = io::stdout().lock();
    // A reader that has closed its end has seen enough.
    let _closed = writeln!(out, "{}: in order", config.file.display());
    for source in &config.sources {
        let _closed = writeln!(out, "  {} ({}): {}", source.name, source.kind(), source.location());
    }
}

/// Says what went wrong, with its causes, on stderr. Problems of the configuration stand alone on their lines, each
/// beginning with file and line, so that editors find the place.
pub fn print_error(error: &anyhow::Error) {
    let mut out = io::stderr().lock();
    let _closed = match error.downcast_ref::<ConfigErrors>() {
        Some(problems) => writeln!(out, "{problems}"),
        None => writeln!(out, "carelogd: {error:#}"),
    };
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Command, clap::Error> {
        Cli::try_parse_from(line.split_whitespace()).map(Cli::into_command)
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn running_with_the_default_file_is_the_default() {
        let default = Command::Run(ConfigArg { config: DEFAULT_FILE.into() });
        assert_eq!(parse("carelogd").unwrap(), default);
        assert_eq!(parse("carelogd run").unwrap(), default);
        let other = Command::Run(ConfigArg { config: "/tmp/c.toml".into() });
        assert_eq!(parse("carelogd --config /tmp/c.toml").unwrap(), other);
        assert_eq!(parse("carelogd run --config /tmp/c.toml").unwrap(), other);
    }

    #[test]
    fn extract_wants_a_folder_or_the_list_and_not_both() {
        let usage = |line: &str| u8::try_from(parse(line).unwrap_err().exit_code()).unwrap();
        assert!(parse("carelogd extract a.tar.zst --to out").is_ok());
        assert!(parse("carelogd extract a.tar.zst b.tar.zst --list").is_ok());
        assert!(parse("carelogd extract a.tar.zst --to out --path data.json --path studies/2024").is_ok());
        for line in ["extract a", "extract --list", "extract a --list --to out"] {
            assert_eq!(usage(&format!("carelogd {line}")), Exit::Usage.code(), "{line}");
        }
    }

    #[test]
    fn exit_codes_are_the_promised_ones() {
        assert_eq!(Exit::ALL.map(Exit::code), [0, 1, 2, 3, 4, 5, 7, 9, 78, 130]);
    }
}
