//! `carelogctl prune`.

use std::process::ExitCode;

use carelog_rpc::PlannedBackup;
use clap::Args;

use crate::confirm;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::follow::{self, Until};
use crate::output::retention::{ShownPlan, plan};
use crate::session::Session;

/// Remove what no rule of [retention] keeps any more; the plan is shown, and the word `prune` is asked for
#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    /// Only say what becomes of every backup, and why
    #[arg(long, conflicts_with_all = ["yes", "message"])]
    dry_run: bool,
    /// Why; kept in the audit trail
    #[arg(short = 'm', long = "message", value_name = "TEXT", default_value = "", hide_default_value = true)]
    message: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Shows the plan, asks, and has just this plan carried out.
pub(crate) async fn run(args: PruneArgs, session: &Session) -> Result<ExitCode, Failure> {
    let output = &session.output;
    if !args.dry_run {
        confirm::possible("prune", args.yes, output.json)?;
    }
    let mut client = session.connect().await?;
    let (head, backups) = client.plan_prune().await?;
    if args.dry_run {
        let shown = ShownPlan { plan: &head, backups: &backups };
        output.show("carelog.prune.plan/1", &shown, |look| plan(&head, &backups, look))?;
        return Ok(Exit::Done.into());
    }
    if !output.json {
        let expiring: Vec<PlannedBackup> = backups.into_iter().filter(|backup| backup.expires).collect();
        output.text(&plan(&head, &expiring, &output.look))?;
    }
    if !args.yes {
        // Somebody may think it over for longer than a connection stays open.
        drop(client);
        confirm::ask("prune")?;
        client = session.connect().await?;
    }
    // What is carried out is what was shown.
    let job_id = client.prune(Some(head.digest), args.message).await?;
    follow::job(session, &mut client, &job_id, Until::Ended).await
}
