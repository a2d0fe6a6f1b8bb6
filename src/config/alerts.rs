//! `[alerts]`, `[email]` and `[[webhook]]`: what is spoken up about, and to whom.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use super::settings::MinFree;
use crate::model::EventKind;

/// `[alerts]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alerts {
    /// Whom to call; printed in mails and failures.
    pub contact: String,
    /// A source whose newest backup is older has none that is recent enough.
    pub missing_backup_after: Duration,
    /// Less free space than this where the backups lie is little.
    pub low_disk: MinFree,
    /// How often somebody is reminded of what still fires.
    pub remind_every: Duration,
    /// Of what mail is sent.
    pub email_on: BTreeSet<EventKind>,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            contact: String::new(),
            missing_backup_after: Duration::from_hours(36),
            low_disk: MinFree::Percent(20),
            remind_every: Duration::from_hours(24),
            email_on: EventKind::ALL.iter().copied().filter(|event| *event != EventKind::Test).collect(),
        }
    }
}

/// `[email]`: how mail is sent, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is made private.
    pub tls: MailTls,
    /// The user to log in as; `None` for no login.
    pub user: Option<String>,
    /// Where the password is: a file, or the text of an environment variable.
    pub password: Option<MailPassword>,
    /// The sender's address.
    pub from: String,
    /// The sender's name.
    pub from_name: String,
    /// Who is told of everything.
    pub admins: Vec<String>,
    /// Certificates to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Where the initiator of an operation is written to, by the name of the user.
    pub users: BTreeMap<String, String>,
    /// Who else is told when a restore is done.
    pub notify_after_restore: Vec<String>,
}

/// How a connection to a mail server is made private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// STARTTLS, required.
    StartTls,
    /// TLS from the first byte.
    Implicit,
    /// Not at all; only to this machine.
    None,
}

/// A password that is not in the configuration.
#[derive(Clone, PartialEq, Eq)]
pub enum MailPassword {
    /// The first line of this file.
    File(PathBuf),
    /// The environment variable `SMTP_PASSWORD`.
    Environment(String),
}

impl std::fmt::Debug for MailPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Environment(_) => f.write_str("Environment"),
        }
    }
}

/// `[[webhook]]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its name, unique among the webhooks.
    pub name: String,
    /// Where to; may hold a token, so it is neither logged nor shown.
    pub url: String,
    /// Of what; empty for a heartbeat, which is called only while all is well.
    pub on: BTreeSet<EventKind>,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("name", &self.name).field("on", &self.on).finish_non_exhaustive()
    }
}
