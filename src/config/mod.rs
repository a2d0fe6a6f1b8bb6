//! The configuration: one TOML file, read once into typed values.
//!
//! [`Config::load`] reports every problem at once, each with file, line and key. Jobs receive values from it, never the
//! configuration itself. It must never guess: an unknown key is an error, and so is a key that this version cannot honour.
//! Called at start-up, on reload and by `check-config`.

mod access;
mod alerts;
mod check;
mod database_url;
mod decode;
mod document;
mod email;
mod environment;
mod hooks;
mod nearest;
mod problem;
mod reader;
mod schedule;
mod schema;
mod settings;
mod source;
mod template;
mod value;
mod webhook;

use std::path::{Path, PathBuf};

use crate::retention::RetentionPolicy;

pub use access::{Access, Principal};
pub use alerts::Alerts;
pub use database_url::{BadDatabaseUrl, DatabaseUrl, LONGEST_NAME};
pub use email::{Email, MailPassword, MailTls};
pub use environment::{Lookup, system};
pub use hooks::{Hook, Hooks, Probe};
pub use problem::{ConfigErrors, Origin, Problem};
pub use schedule::{Schedule, ScheduledWork, VerifyWhich};
pub use settings::{Backup, Compression, Daemon, MinFree, Objectives};
pub use source::{FilesSettings, JsonSettings, PostgresSettings, Source, SourceSettings};
pub use template::{DEFAULT_TEMPLATE, QUICKSTART_TEMPLATE, UnfitFolder, fill_quickstart};
pub use webhook::{Webhook, WebhookFormat, WebhookUrl};

/// Where the configuration is looked for when nothing else is said.
pub const DEFAULT_FILE: &str = "/etc/carelog/carelogd.toml";

/// Everything that the configuration says.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The file it was read from.
    pub file: PathBuf,
    /// `[daemon]`.
    pub daemon: Daemon,
    /// `[backup]`.
    pub backup: Backup,
    /// `[[source]]`, in the order of the file; at least one.
    pub sources: Vec<Source>,
    /// `[objectives]`.
    pub objectives: Objectives,
    /// `[[schedule]]`, in the order of the file.
    pub schedules: Vec<Schedule>,
    /// `[retention]`.
    pub retention: RetentionPolicy,
    /// `[alerts]`.
    pub alerts: Alerts,
    /// `[email]`; `None` when no mail is sent.
    pub email: Option<Email>,
    /// `[[webhook]]`, in the order of the file.
    pub webhooks: Vec<Webhook>,
    /// `[hooks]`.
    pub hooks: Hooks,
    /// `[access]`.
    pub access: Access,
}

impl Config {
    /// Reads `file`, with the environment variables that `environment` knows in preference to it.
    ///
    /// # Errors
    /// [`ConfigErrors`] with every problem of the file, of the environment and between the two.
    pub fn load(file: &Path, environment: &Lookup<'_>) -> Result<Self, ConfigErrors> {
        let text = document::read_file(file)?;
        Self::parse(file, &text, environment)
    }

    /// As [`Config::load`], for a `text` that is already at hand; `file` is its name in messages.
    ///
    /// # Errors
    /// As for [`Config::load`].
    pub fn parse(file: &Path, text: &str, environment: &Lookup<'_>) -> Result<Self, ConfigErrors> {
        let mut problems = problem::Problems::new(file);
        let Some(document) = document::Document::parse(text, &mut problems) else {
            return Err(problems.into_errors());
        };
        let draft = decode::draft(file, &document, environment, &mut problems);
        check::places(&draft, &mut problems);
        check::databases(&draft, &mut problems);
        if problems.is_empty() { Ok(draft.config) } else { Err(problems.into_errors()) }
    }
}

#[cfg(test)]
mod notice_tests;
#[cfg(test)]
mod tests;
