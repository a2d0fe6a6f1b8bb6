//! `carelogctl alerts`.

use clap::{Args, Subcommand};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::alert::{AlertList, AlertTest, answers, one, table};
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
    /// Send a notice every way that is configured, now, and show what each server answered
    Test,
}

/// Prints the list, acknowledges, or tries whether notices arrive.
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
        Some(AlertsCommand::Test) => {
            let test = AlertTest { tests: client.test_alerts().await? };
            session.output.show("carelog.alert.test/1", &test, |look| answers(&test.tests, look))?;
            let failed = test.tests.iter().filter(|test| !test.delivered).count();
            if failed == 0 {
                return Ok(());
            }
            let what = format!("{failed} of {} notices did not arrive", test.tests.len());
            Err(Failure::new(Exit::Failed, what)
                .next("change [email] or [[webhook]], carelogctl reload, and try again"))
        }
    }
}
