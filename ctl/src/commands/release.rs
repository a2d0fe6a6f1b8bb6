//! `carelogctl release`.

use clap::Args;

use crate::failure::Failure;
use crate::output::backup::details;
use crate::session::Session;

/// Remove the holds of a backup
#[derive(Debug, Args)]
pub(crate) struct ReleaseArgs {
    /// An id, a prefix of one, a file name, or `latest`
    #[arg(value_name = "BACKUP")]
    backup: String,
    /// Why; kept in the audit trail
    #[arg(short = 'm', long = "message", value_name = "TEXT", required = true)]
    message: String,
}

/// Removes the holds.
pub(crate) async fn run(args: ReleaseArgs, session: &Session) -> Result<(), Failure> {
    let backup = session.connect().await?.release(args.backup, args.message).await?;
    Ok(session.output.show("carelog.backup/1", &backup, |look| details(&backup, look))?)
}
