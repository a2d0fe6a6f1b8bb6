//! `carelogctl show`.

use clap::Args;

use crate::failure::Failure;
use crate::output::backup::details;
use crate::session::Session;

/// Show all about one backup
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// An id, a prefix of one, a file name, or `latest`
    #[arg(value_name = "BACKUP")]
    backup: String,
}

/// Prints the backup.
pub(crate) async fn run(args: ShowArgs, session: &Session) -> Result<(), Failure> {
    let backup = session.connect().await?.show(args.backup).await?;
    Ok(session.output.show("carelog.backup/1", &backup, |look| details(&backup, look))?)
}
