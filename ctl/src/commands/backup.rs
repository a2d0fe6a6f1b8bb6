//! `carelogctl backup`.

use std::process::ExitCode;

use carelog_rpc::{BackupRequest, Mode, Scope};
use clap::{Args, ValueEnum};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::follow::{self, Until};
use crate::output::plan;
use crate::session::Session;

/// Take a backup
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// What to cover
    #[arg(long, value_enum, default_value_t = ScopeArg::All)]
    scope: ScopeArg,
    /// Only this source of those in scope; may be given several times
    #[arg(long = "source", value_name = "NAME")]
    sources: Vec<String>,
    /// An archive that stands alone
    #[arg(long)]
    full: bool,
    /// An archive of what is new since the backup before, the default; a full where there is none to build on
    #[arg(long, conflicts_with = "full")]
    incremental: bool,
    /// Read every file, also those that look as they did at the last backup, and tell which changed all the same
    #[arg(long)]
    rescan: bool,
    /// What to write down about it
    #[arg(short = 'm', long = "message", value_name = "TEXT", default_value = "", hide_default_value = true)]
    message: String,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Do not wait: print the job's id
    #[arg(long, conflicts_with = "dry_run")]
    detach: bool,
}

/// The scopes by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ScopeArg {
    /// Every source
    All,
    /// Databases and JSON files
    Database,
    /// File trees
    Files,
}

impl From<ScopeArg> for Scope {
    fn from(scope: ScopeArg) -> Self {
        match scope {
            ScopeArg::All => Self::All,
            ScopeArg::Database => Self::Database,
            ScopeArg::Files => Self::Files,
        }
    }
}

/// Enqueues a backup and waits for it, or shows what it would do.
pub(crate) async fn run(args: BackupArgs, session: &Session) -> Result<ExitCode, Failure> {
    let mode = match (args.full, args.incremental) {
        (true, _) => Some(Mode::Full),
        (false, true) => Some(Mode::Incremental),
        (false, false) => None,
    };
    let request = BackupRequest {
        scope: args.scope.into(),
        sources: args.sources,
        description: args.message,
        mode,
        rescan: args.rescan,
        dry_run: args.dry_run,
    };
    let mut client = session.connect().await?;
    if request.dry_run {
        let plan = client.plan_backup(request).await?;
        session.output.show("carelog.backup.plan/1", &plan, |look| plan::backup(&plan, look))?;
        return Ok(Exit::Done.into());
    }
    let job_id = client.backup(request).await?;
    follow::job(session, &mut client, &job_id, Until::of_detach(args.detach)).await
}
