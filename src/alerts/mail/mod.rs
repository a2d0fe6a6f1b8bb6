//! Mail: one connection for a batch of letters, each answered by itself.
//!
//! Nothing is sent over a connection that is not private, unless the server is this machine. A password is read anew for
//! each connection and kept nowhere. Every step has a deadline: lettre's own ends with the TCP connection. Called by
//! [`super::Ways`].

mod message;
mod session;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;

use self::session::{SendError, Session};
use super::letter::{Letter, Undelivered};
use super::render::one_line;
use crate::clock::Clock;
use crate::config::{Email, MailPassword};

/// A password is no longer than this.
const LONGEST_PASSWORD: u64 = 4096;

/// How long a mail server is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailTimeouts {
    /// Until it greets, speaks TLS and has let us in.
    pub connect: Duration,
    /// For one letter. Servers that make strangers wait do so for half a minute.
    pub letter: Duration,
}

impl MailTimeouts {
    /// For what nobody waits for.
    pub const DELIVERY: Self = Self { connect: Duration::from_secs(60), letter: Duration::from_secs(120) };

    /// For a test, which somebody waits for.
    pub const TEST: Self = Self { connect: Duration::from_secs(10), letter: Duration::from_secs(15) };
}

/// Sends mail as configured.
#[derive(Debug)]
pub(super) struct Mailer {
    email: Email,
    clock: Clock,
    /// Whether it was said that others can read the password.
    warned: AtomicBool,
}

impl Mailer {
    pub(super) const fn new(email: Email, clock: Clock) -> Self {
        Self { email, clock, warned: AtomicBool::new(false) }
    }

    pub(super) const fn email(&self) -> &Email {
        &self.email
    }

    /// Sends `letters` one behind the other; see [`super::Channels::deliver`].
    pub(super) async fn deliver(
        &self,
        letters: &[Letter],
        timeouts: MailTimeouts,
        done: &mut dyn FnMut(usize, Result<String, Undelivered>),
    ) {
        let mut session = None;
        let mut broken_before = false;
        for (index, letter) in letters.iter().enumerate() {
            let open = match session.take() {
                Some(open) => Ok(open),
                None => self.connect(timeouts).await,
            };
            let mut open: Session = match open {
                Ok(open) => open,
                Err(why) => return done(index, Err(Undelivered::Unreachable(why))),
            };
            match self.send(&mut open, letter, timeouts).await {
                Ok(answer) => {
                    broken_before = false;
                    session = Some(open);
                    done(index, Ok(answer));
                }
                Err(SendError::Later(why)) => {
                    session = Some(open);
                    done(index, Err(Undelivered::Refused(why)));
                }
                Err(SendError::Never(why)) => {
                    session = Some(open);
                    done(index, Err(Undelivered::Rejected(why)));
                }
                // It may be this letter that the server stumbles over. The second time in a row it is the server.
                Err(SendError::Broken(why)) if !broken_before => {
                    broken_before = true;
                    done(index, Err(Undelivered::Refused(why)));
                }
                Err(SendError::Broken(why) | SendError::Closing(why)) => {
                    return done(index, Err(Undelivered::Unreachable(why)));
                }
            }
        }
        if let Some(open) = session {
            open.close().await;
        }
    }

    async fn connect(&self, timeouts: MailTimeouts) -> Result<Session, String> {
        let login = self.login()?;
        Session::open(&self.email, login, timeouts.connect).await
    }

    async fn send(&self, session: &mut Session, letter: &Letter, timeouts: MailTimeouts) -> Result<String, SendError> {
        let message = message::build(&self.email, letter, self.clock.now()).map_err(SendError::Never)?;
        session.send(&message, timeouts.letter).await.map(|answer| one_line(&answer))
    }

    fn login(&self) -> Result<Option<Credentials>, String> {
        let (Some(user), Some(password)) = (&self.email.user, &self.email.password) else { return Ok(None) };
        let password = match password {
            MailPassword::Environment(text) => text.clone(),
            MailPassword::File(path) => self.password_of(path)?,
        };
        Ok(Some(Credentials::new(user.clone(), password)))
    }

    fn password_of(&self, path: &Path) -> Result<String, String> {
        let (text, mode) = first_line(path)
            .map_err(|error| format!("the password cannot be read from {}: {error}", path.display()))?;
        if mode & 0o077 != 0 && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!("others can read the password of the mail server: chmod 600 {}", path.display());
        }
        if text.is_empty() { Err(format!("{} holds no password in its first line", path.display())) } else { Ok(text) }
    }
}

/// The first line of a file that holds a secret, and the file's mode.
pub(super) fn first_line(path: &Path) -> std::io::Result<(String, u32)> {
    let file = File::open(path)?;
    let mode = file.metadata()?.mode();
    let mut line = String::new();
    BufReader::new(file.take(LONGEST_PASSWORD)).read_line(&mut line)?;
    Ok((line.trim_end_matches(['\r', '\n']).to_owned(), mode))
}
