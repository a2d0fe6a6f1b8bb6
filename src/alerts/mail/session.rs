//! A connection to a mail server: from its name to its answer to each letter.

use std::error::Error as _;
use std::net::SocketAddr;
use std::time::Duration;

use lettre::Message;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters, TlsParametersBuilder};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use tokio::time::timeout;

use crate::alerts::trouble::{self, Trust};
use crate::config::{Email, MailTls};

/// How long is waited for the goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

/// "Service not available, closing transmission channel" (RFC 5321, section 4.2.3).
const CLOSING: &str = "421";

/// A mail server that has let us in.
pub(super) struct Session {
    connection: AsyncSmtpConnection,
    host: String,
}

/// Why a letter was not taken.
#[derive(Debug)]
pub(super) enum SendError {
    /// The server says that it may be later.
    Later(String),
    /// It says no.
    Never(String),
    /// The connection ended or fell silent in the middle.
    Broken(String),
    /// The server ended the connection, and said so.
    Closing(String),
}

impl Session {
    /// Connects, makes the connection private and logs in.
    pub(super) async fn open(email: &Email, login: Option<Credentials>, within: Duration) -> Result<Self, String> {
        // Of its own, so that a name server that is silent is told from a mail server that is.
        let addresses = timeout(within, resolve(&email.host, email.port)).await;
        let addresses = addresses.map_err(|_| {
            format!("no answer to the question for the address of {}; check this machine's DNS", email.host)
        })??;
        match timeout(within, Self::open_at(email, &addresses, login)).await {
            Ok(opened) => opened,
            Err(_) => Err(match (email.tls, email.port) {
                (MailTls::StartTls, 465) => {
                    format!("{}; port 465 is for tls = \"implicit\"", trouble::silent(&email.host, email.port))
                }
                _ => trouble::silent(&email.host, email.port),
            }),
        }
    }

    async fn open_at(email: &Email, addresses: &[SocketAddr], login: Option<Credentials>) -> Result<Self, String> {
        let host = &email.host;
        let in_words = |error: &Error| {
            let tls = trouble::tls(error, host, Trust::CaFile);
            tls.or_else(|| trouble::connection(error, host, email.port)).unwrap_or_else(|| answer_in(error, host))
        };
        let name = ClientId::default();
        let implicit = (email.tls == MailTls::Implicit).then(|| tls_parameters(email)).transpose()?;
        let mut connection = AsyncSmtpConnection::connect_tokio1(addresses, None, &name, implicit, None)
            .await
            .map_err(|error| in_words(&error))?;
        if email.tls == MailTls::StartTls {
            if !connection.can_starttls() {
                return Err(format!(
                    "{host} offers no STARTTLS at port {}, and nothing is sent in the clear; with port = 465 use \
                     tls = \"implicit\"",
                    email.port
                ));
            }
            connection.starttls(tls_parameters(email)?, &name).await.map_err(|error| in_words(&error))?;
        }
        if let Some(login) = login {
            log_in(&mut connection, &login).await.map_err(|error| match error {
                LogIn::NotOffered => {
                    format!("{host} offers no login with a password; remove email.user, or use another port")
                }
                LogIn::Failed(error) if error.is_permanent() => {
                    format!(
                        "{host} refused user or password ({}); check email.user and the password",
                        code_and_text(&error)
                    )
                }
                LogIn::Failed(error) => in_words(&error),
            })?;
        }
        Ok(Self { connection, host: host.clone() })
    }

    /// Sends one letter; the server's answer to it.
    pub(super) async fn send(&mut self, message: &Message, within: Duration) -> Result<String, SendError> {
        let sent = timeout(within, self.send_steps(message)).await;
        let error = match sent {
            Ok(Ok(response)) => return Ok(format!("{} {}", response.code(), lines(&response))),
            Ok(Err(error)) => error,
            Err(_) => return Err(SendError::Broken(format!("{} fell silent while it was given a letter", self.host))),
        };
        let Some(code) = error.status() else {
            return Err(SendError::Broken(format!("{} closed the connection while it was given a letter", self.host)));
        };
        let why = format!("{} answered {}", self.host, code_and_text(&error));
        if code.to_string() == CLOSING {
            return Err(SendError::Closing(why));
        }
        // What is left of this letter must not become part of the next one.
        match timeout(within, self.connection.command(Rset)).await {
            Ok(Ok(_)) if error.is_permanent() => Err(SendError::Never(why)),
            Ok(Ok(_)) => Err(SendError::Later(why)),
            _ => Err(SendError::Broken(why)),
        }
    }

    async fn send_steps(&mut self, message: &Message) -> Result<Response, Error> {
        let envelope = message.envelope();
        self.connection.command(Mail::new(envelope.from().cloned(), Vec::new())).await?;
        for recipient in envelope.to() {
            self.connection.command(Rcpt::new(recipient.clone(), Vec::new())).await?;
        }
        self.connection.command(Data).await?;
        self.connection.message(&message.formatted()).await
    }

    /// Says goodbye. What was sent has been answered already.
    pub(super) async fn close(mut self) {
        let _no_matter = timeout(GOODBYE, self.connection.quit()).await;
    }
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let found = tokio::net::lookup_host((host, port)).await;
    let addresses: Vec<_> = found.map_err(|_| trouble::no_such_host(host))?.collect();
    if addresses.is_empty() { Err(trouble::no_such_host(host)) } else { Ok(addresses) }
}

fn tls_parameters(email: &Email) -> Result<TlsParameters, String> {
    let mut builder = TlsParametersBuilder::new(email.host.clone());
    if let Some(file) = &email.ca_file {
        let pem =
            std::fs::read(file).map_err(|error| format!("email.ca_file {} cannot be read: {error}", file.display()))?;
        let not_pem = || format!("email.ca_file {} holds no certificate in PEM form", file.display());
        if !pem.windows(11).any(|bytes| bytes == b"-----BEGIN ") {
            return Err(not_pem());
        }
        builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(|_| not_pem())?);
    }
    builder.build().map_err(|error| format!("TLS cannot be prepared: {error}"))
}

enum LogIn {
    NotOffered,
    Failed(Error),
}

async fn log_in(connection: &mut AsyncSmtpConnection, login: &Credentials) -> Result<(), LogIn> {
    const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];
    if connection.server_info().get_auth_mechanism(&MECHANISMS).is_none() {
        return Err(LogIn::NotOffered);
    }
    connection.auth(&MECHANISMS, login).await.map(drop).map_err(LogIn::Failed)
}

fn answer_in(error: &Error, host: &str) -> String {
    match error.status() {
        Some(_) => format!("{host} answered {}", code_and_text(error)),
        // Closed in the middle of an answer, among others.
        None => format!("{host} closed the connection or does not speak SMTP ({error})"),
    }
}

/// `550 5.1.1 no such user`.
fn code_and_text(error: &Error) -> String {
    let code = error.status().map(|code| code.to_string()).unwrap_or_default();
    let text = error.source().map(ToString::to_string).unwrap_or_default();
    super::one_line(format!("{code} {}", text.replace('\n', " ")).trim())
}

fn lines(response: &Response) -> String {
    response.message().collect::<Vec<_>>().join(" ")
}
