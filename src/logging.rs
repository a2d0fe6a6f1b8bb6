//! Where log lines go: to the journal when systemd runs us, to stderr otherwise.
//!
//! Events carry their subject as fields, so that the journal can be searched by it (`journalctl JOB_ID=…`). The layer for
//! the journal writes field names in upper case; in code they are `job_id`, `backup_id`, `source` and `user_name`. Log
//! lines never hold secrets or the content of records. Called once, by `main`.

use std::io::{self, IsTerminal as _};

use tracing::Level;
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

/// The variables that set the level, for example `debug` or `carelogd::job=debug`; the first that is set counts.
const LEVEL_VARIABLES: [&str; 2] = ["CARELOG_LOG", "RUST_LOG"];

/// Begins logging for the whole process. A second call changes nothing.
pub fn init() {
    let (filter, complaint) = filter(|name| std::env::var(name).ok());
    let journal = runs_under_the_journal().then(journal);
    let (layer, failure) = match journal {
        Some(Ok(layer)) => (layer, None),
        Some(Err(error)) => (stderr(), Some(error)),
        None => (stderr(), None),
    };
    if tracing_subscriber::registry().with(layer.with_filter(filter)).try_init().is_err() {
        return;
    }
    if let Some(error) = failure {
        tracing::warn!("the journal cannot be reached ({error}); logging to stderr");
    }
    if let Some(complaint) = complaint {
        tracing::warn!("{complaint}");
    }
}

type AnyLayer = Box<dyn Layer<Registry> + Send + Sync>;

fn journal() -> io::Result<AnyLayer> {
    let layer = tracing_journald::layer()?
        .with_field_prefix(None)
        .with_syslog_identifier("carelogd".to_owned())
        .with_priority_mappings(PriorityMappings {
            error: Priority::Error,
            warn: Priority::Warning,
            info: Priority::Informational,
            debug: Priority::Debug,
            trace: Priority::Debug,
        });
    Ok(layer.boxed())
}

fn stderr() -> AnyLayer {
    let coloured = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    fmt::layer().with_writer(io::stderr).with_ansi(coloured).with_target(false).boxed()
}

/// Whether our stderr is the journal. `JOURNAL_STREAM` names it by device and inode (systemd.exec(5)); a child whose
/// stderr was led elsewhere inherits the variable all the same.
fn runs_under_the_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    rustix::fs::fstat(io::stderr()).is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// The level from the environment, and what was wrong with it.
fn filter(variable: impl Fn(&str) -> Option<String>) -> (EnvFilter, Option<String>) {
    let default = || EnvFilter::new(Level::INFO.as_str());
    let given = LEVEL_VARIABLES.iter().find_map(|name| variable(name).map(|text| (name, text)));
    match given.filter(|(_, text)| !text.is_empty()) {
        None => (default(), None),
        Some((name, text)) => match EnvFilter::try_new(&text) {
            Ok(filter) => (filter, None),
            Err(error) => (default(), Some(format!("{name}={text} is no log level ({error}); logging at info"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_info_unless_the_environment_says_otherwise() {
        assert_eq!(filter(|_| None).0.to_string().to_lowercase(), "info");
        let (chosen, complaint) = filter(|name| (name == "RUST_LOG").then(|| "debug".to_owned()));
        assert_eq!((chosen.to_string().as_str(), complaint), ("debug", None));
        let (chosen, _) = filter(|name| Some(if name == "CARELOG_LOG" { "warn" } else { "debug" }.to_owned()));
        assert_eq!(chosen.to_string(), "warn");
    }

    #[test]
    fn a_level_that_is_none_is_complained_about_and_info_is_used() {
        let (chosen, complaint) = filter(|_| Some("carelogd=loud".to_owned()));
        assert_eq!(chosen.to_string().to_lowercase(), "info");
        assert!(complaint.is_some_and(|text| text.contains("carelogd=loud")));
    }
}
