//! `carelogctl hold`.

use clap::Args;

use crate::failure::Failure;
use crate::output::backup::details;
use crate::session::Session;

/// Name a reason for which a backup may not be removed
#[derive(Debug, Args)]
pub(crate) struct HoldArgs {
    /// An id, a prefix of one, a file name, or `latest`
    #[arg(value_name = "BACKUP")]
    backup: String,
    /// The reason
    #[arg(short = 'm', long = "message", value_name = "TEXT", required = true)]
    message: String,
    /// When the hold ends by itself
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// Places the hold.
pub(crate) async fn run(args: HoldArgs, session: &Session) -> Result<(), Failure> {
    let backup = session.connect().await?.hold(args.backup, args.message, args.until).await?;
    Ok(session.output.show("carelog.backup/1", &backup, |look| details(&backup, look))?)
}
