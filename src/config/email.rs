//! The decided values of `[email]`: how mail is sent, and to whom.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

/// `[email]`: how mail is sent, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// The server: a name or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is made private.
    pub tls: MailTls,
    /// The user to log in as; `None` for no login.
    pub user: Option<String>,
    /// Where the password is; there is one exactly when there is a user.
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

impl Email {
    /// The sender's name when none is configured.
    pub const DEFAULT_FROM_NAME: &str = "CareLog backup";

    /// Whether the server is this machine, so that nobody is in between who could listen.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost") || self.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }
}

/// How a connection to a mail server is made private.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MailTls {
    /// STARTTLS, required.
    #[default]
    StartTls,
    /// TLS from the first byte.
    Implicit,
    /// Not at all; only to this machine.
    None,
}

impl MailTls {
    /// The port when none is configured (RFC 6409, RFC 8314, RFC 5321).
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Implicit => 465,
            Self::None => 25,
        }
    }
}

/// A password that is not in the configuration.
#[derive(Clone, PartialEq, Eq)]
pub enum MailPassword {
    /// The first line of this file, read anew for each connection.
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
