//! An error as the person sees it: what happened, why, what to do next.

use std::fmt;
use std::io;

use carelog_rpc::codec::CodecError;
use carelog_rpc::{ClientError, ConnectionError, ErrorReply, PROTOCOL};

use crate::exit::Exit;
use crate::output::text::{clean, clean_lines};

/// Why a command ended without doing what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the program exits with.
    pub(crate) exit: Exit,
    what: String,
    why: Option<String>,
    next: Option<String>,
    /// Whoever read our output has gone away, and wants to hear nothing more.
    silent: bool,
}

impl Failure {
    /// A failure of which only `what` is known so far.
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), why: None, next: None, silent: false }
    }

    /// Adds why.
    pub(crate) fn because(self, why: impl fmt::Display) -> Self {
        Self { why: Some(why.to_string()), ..self }
    }

    /// Adds what to do next.
    pub(crate) fn next(self, next: impl Into<String>) -> Self {
        Self { next: Some(next.into()), ..self }
    }

    /// Whether there is nothing to say: the reader of a pipe has what it wanted.
    pub(crate) const fn is_silent(&self) -> bool {
        self.silent
    }

    fn unreachable(socket: &std::path::Path, source: &io::Error) -> Self {
        let socket = socket.display();
        let failure = Self::new(Exit::Unreachable, "the daemon cannot be reached");
        match source.kind() {
            io::ErrorKind::NotFound => failure
                .because(format!("there is no socket {socket}"))
                .next("start it (systemctl start carelogd), or name its socket with --socket"),
            io::ErrorKind::ConnectionRefused => failure
                .because(format!("nobody listens on {socket}"))
                .next("look why it ended (journalctl -u carelogd), then systemctl start carelogd"),
            io::ErrorKind::PermissionDenied => {
                Self::new(Exit::NotPermitted, format!("you may not talk to the daemon on {socket}"))
                    .because(source)
                    .next("use sudo, or become a member of the group carelog")
            }
            _ => failure.because(format!("{socket}: {source}")).next("systemctl status carelogd"),
        }
    }

    fn disconnected(error: &ConnectionError) -> Self {
        if let ConnectionError::Protocol { theirs, .. } = error {
            let (old, after) = if theirs.protocol < PROTOCOL {
                ("carelogd", ", then systemctl restart carelogd")
            } else {
                ("carelogctl", "")
            };
            return Self::new(Exit::Unreachable, "carelogctl and the daemon do not understand each other")
                .because(error)
                .next(format!("upgrade {old}{after}"));
        }
        Self::new(Exit::Unreachable, "the connection to the daemon broke")
            .because(error)
            .next("carelogctl status tells whether it runs; jobs go on without us: carelogctl jobs")
    }
}

impl From<ErrorReply> for Failure {
    fn from(error: ErrorReply) -> Self {
        Self { why: error.cause, next: error.hint, ..Self::new(error.code.into(), error.message) }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(reason) => reason.into(),
            ClientError::Unreachable { socket, source } => Self::unreachable(&socket, &source),
            ClientError::Connection(ConnectionError::Codec(CodecError::TooLong { bytes, limit })) => {
                Self::new(Exit::Usage, "the request is too long")
                    .because(format!("it has {bytes} bytes, and the daemon takes at most {limit}"))
                    .next("say it in fewer words (-m TEXT), or name fewer sources")
            }
            ClientError::Connection(error) => Self::disconnected(&error),
            ClientError::Damaged(_) => Self::new(Exit::Corruption, error.to_string()).next("download it again"),
            ClientError::Unexpected(_) => {
                Self::new(Exit::Failed, error.to_string()).next("use carelogd and carelogctl of one version")
            }
        }
    }
}

/// From writing our own output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let silent = error.kind() == io::ErrorKind::BrokenPipe;
        Self { silent, ..Self::new(Exit::Failed, "the output cannot be written").because(error) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Several faults stand on lines of their own, further in than what we say ourselves.
        write!(f, "error: {}", clean_lines(&self.what).replace('\n', "\n       "))?;
        if let Some(why) = &self.why {
            write!(f, "\n  why: {}", clean(why))?;
        }
        if let Some(next) = &self.next {
            write!(f, "\n next: {}", clean(next))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carelog_rpc::Hello;

    fn mismatch(theirs: u16) -> Failure {
        ClientError::from(ConnectionError::Protocol {
            ours: Hello::of_version("0.1.0"),
            theirs: Hello { protocol: theirs, version: "9.9".to_owned() },
        })
        .into()
    }

    #[test]
    fn a_version_mismatch_says_which_side_to_upgrade() {
        assert_eq!(mismatch(0).next.as_deref(), Some("upgrade carelogd, then systemctl restart carelogd"));
        assert_eq!(mismatch(99).next.as_deref(), Some("upgrade carelogctl"));
        assert_eq!(mismatch(99).exit, Exit::Unreachable);
    }

    #[test]
    fn an_error_is_told_in_three_parts_and_without_control_characters() {
        let failure = Failure::new(Exit::NotFound, "no backup \x1b[2J").because("none begins with it").next("list");
        assert_eq!(failure.to_string(), "error: no backup \\x1b[2J\n  why: none begins with it\n next: list");
    }

    #[test]
    fn a_request_that_is_too_long_is_the_callers_mistake_and_not_the_daemons() {
        let too_long = CodecError::TooLong { bytes: 120_010, limit: 65_536 };
        let failure = Failure::from(ClientError::Connection(too_long.into()));
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.to_string().contains("120010 bytes"), "{failure}");
    }

    #[test]
    fn a_broken_pipe_is_no_error() {
        assert!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).is_silent());
        assert!(!Failure::from(io::Error::from(io::ErrorKind::StorageFull)).is_silent());
    }
}
