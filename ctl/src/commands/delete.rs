//! `carelogctl delete`.

use std::process::ExitCode;

use clap::Args;

use crate::confirm;
use crate::failure::Failure;
use crate::follow::{self, Until};
use crate::output::backup::details;
use crate::session::Session;

/// Put a backup into the trash, or remove it for good when it lies there; the word `delete` is asked for
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// An id, a prefix of one, a file name, or `latest`
    #[arg(value_name = "BACKUP")]
    backup: String,
    /// Why; kept in the audit trail
    #[arg(short = 'm', long = "message", value_name = "TEXT", required = true)]
    message: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Shows the backup, asks, enqueues its removal and waits for it.
pub(crate) async fn run(args: DeleteArgs, session: &Session) -> Result<ExitCode, Failure> {
    confirm::possible("delete", args.yes, session.output.json)?;
    let mut backup_id = args.backup;
    if !args.yes {
        let backup = session.connect().await?.show(backup_id).await?;
        session.output.text(&details(&backup, &session.output.look))?;
        confirm::ask("delete")?;
        // What is removed is what was shown.
        backup_id = backup.id;
    }
    let mut client = session.connect().await?;
    let job_id = client.delete(backup_id, args.message).await?;
    follow::job(session, &mut client, &job_id, Until::Ended).await
}
