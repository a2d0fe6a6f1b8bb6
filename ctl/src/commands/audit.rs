//! `carelogctl audit`.

use carelog_rpc::ListAudit;
use clap::{Args, Subcommand};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::audit::{AuditList, intact, table};
use crate::session::Session;

/// Look at the record of who did, or was refused, what, when and why
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    command: Option<AuditCommand>,
    #[command(flatten)]
    list: AuditListArgs,
}

/// What to do with the audit trail.
#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// List records, oldest first (also without the word)
    List(AuditListArgs),
    /// Check that no record was changed or removed
    Verify,
}

/// Which records.
#[derive(Debug, Args)]
struct AuditListArgs {
    /// Only those of this time or later
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only those of this user
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// No more than these many, the newest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

/// Runs one of them.
pub(crate) async fn run(args: AuditArgs, session: &Session) -> Result<(), Failure> {
    match args.command {
        Some(AuditCommand::List(list)) => show_list(list, session).await,
        Some(AuditCommand::Verify) => verify(session).await,
        None => show_list(args.list, session).await,
    }
}

async fn show_list(args: AuditListArgs, session: &Session) -> Result<(), Failure> {
    let request = ListAudit { since: args.since, user: args.user, limit: args.limit };
    let list = AuditList { records: session.connect().await?.audit_list(request).await? };
    Ok(session.output.show("carelog.audit.list/1", &list, |look| table(&list.records, look))?)
}

async fn verify(session: &Session) -> Result<(), Failure> {
    let verification = session.connect().await?.audit_verify().await?;
    if session.output.json || verification.intact {
        session.output.show("carelog.audit.verification/1", &verification, |_look| intact(&verification))?;
    }
    if verification.intact {
        return Ok(());
    }
    let at = verification.first_broken.map_or_else(String::new, |number| format!(" at record {number}"));
    Err(Failure::new(Exit::Corruption, format!("the audit trail is broken{at}"))
        .because(verification.problem.unwrap_or_else(|| "the reason is not known".to_owned()))
        .next("keep a copy of the state folder as it is, and compare with the journal (journalctl -u carelogd)"))
}
