//! `carelogctl verify`.

use std::process::ExitCode;

use carelog_rpc::VerifyTarget;
use clap::Args;

use crate::failure::Failure;
use crate::follow::{self, Until};
use crate::session::Session;

/// Read backups and compare every byte with its checksum
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// An id, a prefix of one, a file name, or `latest`
    #[arg(value_name = "BACKUP", default_value = "latest", conflicts_with = "all")]
    backup: String,
    /// Every backup in the store
    #[arg(long)]
    all: bool,
    /// Read the structure only, not every byte
    #[arg(long)]
    quick: bool,
    /// Do not wait: print the job's id
    #[arg(long)]
    detach: bool,
}

/// Enqueues the verification and waits for it.
pub(crate) async fn run(args: VerifyArgs, session: &Session) -> Result<ExitCode, Failure> {
    let target = if args.all { VerifyTarget::All } else { VerifyTarget::Backup(args.backup) };
    let mut client = session.connect().await?;
    let job_id = client.verify(target, args.quick).await?;
    follow::job(session, &mut client, &job_id, Until::of_detach(args.detach)).await
}
