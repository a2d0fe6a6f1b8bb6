//! `carelogctl alerts`.

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::output::alert::{AlertList, one, table};
use crate::session::Session;

/// List what fires, worst first; or say that somebody knows of it
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AlertsArgs {
    /// Also those that are over, newest first
    #[arg(long)]
    all: bool,
    #[command(subcommand)]
    command: Option<AlertsCommand>,
}

#[derive(Debug, Subcommand)]
enum AlertsCommand {
    /// Say that somebody knows of an alert: nobody is reminded of it any more
    Ack {
        /// The key of one that fires (as `missing_backup/data`), an id, or a prefix of one
        #[arg(value_name = "ID")]
        id: String,
        /// Why, or what is done about it
        #[arg(short = 'm', long = "message", value_name = "TEXT", required = true)]
        message: String,
    },
}

/// Prints the list, or acknowledges.
pub(crate) async fn run(args: AlertsArgs, session: &Session) -> Result<(), Failure> {
    let mut client = session.connect().await?;
    match args.command {
        None => {
            let list = AlertList { alerts: client.alerts(args.all).await? };
            Ok(session.output.show("carelog.alert.list/1", &list, |look| table(&list.alerts, look))?)
        }
        Some(AlertsCommand::Ack { id, message }) => {
            let alert = client.acknowledge_alert(id, message).await?;
            Ok(session.output.show("carelog.alert/1", &alert, |look| one(&alert, look))?)
        }
    }
}
