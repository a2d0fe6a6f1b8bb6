//! `carelogctl status`.

use std::fs;
use std::io;
use std::process::ExitCode;

use carelog_rpc::{Document, Status, Time};
use clap::Args;
use serde_json::Value;

use crate::exit::{Check, Exit};
use crate::failure::Failure;
use crate::output::status::{check, check_line, check_of_file, page};
use crate::output::text::age;
use crate::session::Session;

/// Am I protected, since when, how fast can I be back, and what is wrong?
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// One line and the exit codes of a monitoring plugin (0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN)
    #[arg(long)]
    check: bool,
}

/// Asks the daemon, or the file that it left when it does not run.
pub(crate) async fn run(args: StatusArgs, session: &Session) -> Result<ExitCode, Failure> {
    let answer = ask(session).await;
    if args.check {
        let (check, line) = match &answer {
            Ok(status) => check(status),
            Err(failure) if failure.exit == Exit::Unreachable => match read_file(&session.status_file()) {
                Ok(status) => check_of_file(&status, &session.output.look),
                Err(_) => unanswered(failure),
            },
            Err(failure) => unanswered(failure),
        };
        session.output.text(&line)?;
        return Ok(check.into());
    }
    match answer {
        Ok(status) => {
            session.output.show(Document::STATUS, &status, |look| page(&status, look))?;
            Ok(Exit::Done.into())
        }
        Err(failure) if failure.exit == Exit::Unreachable => Err(show_file(session, failure)?),
        Err(failure) => Err(failure),
    }
}

async fn ask(session: &Session) -> Result<Status, Failure> {
    Ok(session.connect().await?.status().await?)
}

fn unanswered(failure: &Failure) -> (Check, String) {
    let check = if failure.exit == Exit::Unreachable { Check::Critical } else { Check::Unknown };
    // Display is three lines for people; a plugin has one.
    let what = failure.to_string().lines().map(str::trim).collect::<Vec<_>>().join("; ");
    (check, check_line(check, &what, ""))
}

/// Shows what the daemon last knew, and returns the failure with how old that is.
fn show_file(session: &Session, failure: Failure) -> Result<Failure, Failure> {
    let path = session.status_file();
    let status = match read_file(&path) {
        Ok(status) => status,
        Err(error) => {
            session.output.note(format!("the last known status cannot be read: {}: {error}", path.display()));
            return Ok(failure);
        }
    };
    let written = age(status.generated_at, session.output.look.now);
    session.output.show(Document::STATUS, &status, |look| {
        format!("THE DAEMON DOES NOT RUN. It wrote the following {written}:\n\n{}", page(&status, look))
    })?;
    Ok(failure.because(format!("it does not run; what is shown it wrote {written} ({})", path.display())))
}

fn read_file(path: &std::path::Path) -> io::Result<Status> {
    let mut document: Value = serde_json::from_slice(&fs::read(path)?)?;
    let schema = document.get("schema").and_then(Value::as_str);
    if schema != Some(Document::STATUS) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it is not a {}", Document::STATUS)));
    }
    if let Some(fields) = document.as_object_mut() {
        fields.remove("schema");
    }
    let mut status: Status = serde_json::from_value(document)?;
    let now = Time::from(jiff::Timestamp::now());
    // It ages while nobody writes it.
    for source in &mut status.sources {
        source.age_seconds = source.newest_backup.as_ref().map(|point| point.created_at.seconds_until(now));
    }
    Ok(status)
}
