//! `carelogctl restore-deleted`.

use clap::Args;

use crate::failure::Failure;
use crate::output::backup::details;
use crate::session::Session;

/// Take a backup back from the trash
#[derive(Debug, Args)]
pub(crate) struct RestoreDeletedArgs {
    /// An id, a prefix of one, or a file name
    #[arg(value_name = "BACKUP")]
    backup: String,
    /// Why; kept in the audit trail
    #[arg(short = 'm', long = "message", value_name = "TEXT", required = true)]
    message: String,
}

/// Takes it back, and says how it stays.
pub(crate) async fn run(args: RestoreDeletedArgs, session: &Session) -> Result<(), Failure> {
    let backup = session.connect().await?.restore_deleted(args.backup, args.message).await?;
    session.output.show("carelog.backup/1", &backup, |look| details(&backup, look))?;
    session.output.note(format!(
        "the retention rules may let it expire again; to keep it: carelogctl hold {} -m REASON",
        backup.id
    ));
    Ok(())
}
