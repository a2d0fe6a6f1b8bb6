//! The asking end: used by `carelogctl` and the web gateway.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use tokio::net::UnixStream;

use crate::connection::{Connection, ConnectionError, STALL};
use crate::error_reply::ErrorReply;
use crate::hello::Hello;
use crate::job::{Job, JobUpdate};
use crate::reply::Reply;
use crate::request::Request;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody could be reached on the socket.
    #[error("the daemon cannot be reached on {}: {source}", socket.display())]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The connection broke.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The daemon refused, or failed.
    #[error("{0}")]
    Refused(ErrorReply),
    /// The daemon's answer does not fit the question.
    #[error("the daemon answered with {0}, which does not fit the question")]
    Unexpected(&'static str),
    /// What arrived is not what the daemon sent.
    #[error("the download arrived damaged: {0}")]
    Damaged(String),
}

/// A connection to the daemon. Requests are answered in order; one that is dropped before its answer is complete makes
/// the connection useless, so use another for the next question.
#[derive(Debug)]
pub struct Client {
    connection: Connection<Reply, Request>,
    daemon: Hello,
}

impl Client {
    /// Connects to the daemon at `socket` as a program of `version`.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Connection`].
    pub async fn connect(socket: &Path, version: &str) -> Result<Self, ClientError> {
        let unreachable = |source| ClientError::Unreachable { socket: socket.to_owned(), source };
        let stream = UnixStream::connect(socket).await.map_err(unreachable)?;
        let (connection, daemon) = Connection::open(stream, version, STALL).await?;
        Ok(Self { connection, daemon })
    }

    /// What the daemon said of itself.
    #[must_use]
    pub const fn daemon(&self) -> &Hello {
        &self.daemon
    }

    /// Sends `request` and waits for the first frame of the answer, for as long as it takes.
    ///
    /// # Errors
    /// [`ClientError::Refused`] and the other [`ClientError`]s.
    pub async fn request(&mut self, request: &Request) -> Result<Reply, ClientError> {
        if let Err(error) = self.connection.send(request).await {
            // A daemon that turns us away says why and closes: our request then finds nobody, but the reason is there.
            let gone = matches!(&error, ConnectionError::Io(_));
            return match self.connection.receive().await {
                Ok(Some(Reply::Error(reason))) if gone => Err(ClientError::Refused(reason)),
                _ if gone => Err(ConnectionError::Closed.into()),
                _ => Err(error.into()),
            };
        }
        self.next_reply().await
    }

    /// The next frame of an answer of several. Cancel safe.
    ///
    /// # Errors
    /// [`ClientError::Refused`] and the other [`ClientError`]s.
    pub async fn next_reply(&mut self) -> Result<Reply, ClientError> {
        match self.connection.receive().await? {
            None => Err(ConnectionError::Closed.into()),
            Some(Reply::Error(error)) => Err(ClientError::Refused(error)),
            Some(reply) => Ok(reply),
        }
    }

    /// Answers `Reply::SendDescriptor` and waits for what the daemon says then.
    pub(crate) async fn pass_descriptor(&mut self, descriptor: BorrowedFd<'_>) -> Result<Reply, ClientError> {
        self.connection.send_descriptor(descriptor).await?;
        self.next_reply().await
    }

    /// Begins to watch a job.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn watch(&mut self, id: &str) -> Result<Watch<'_>, ClientError> {
        let first = self.request(&Request::WatchJob { id: id.to_owned() }).await?;
        Ok(Watch { client: self, first: Some(first) })
    }
}

/// A job that is being watched. Dropping it does not touch the job.
#[derive(Debug)]
pub struct Watch<'client> {
    client: &'client mut Client,
    first: Option<Reply>,
}

/// What a watched job does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchEvent {
    /// It goes on.
    Update(JobUpdate),
    /// It has ended; nothing comes after this.
    Ended(Box<Job>),
}

impl Watch<'_> {
    /// Waits for the next event. Cancel safe.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn next(&mut self) -> Result<WatchEvent, ClientError> {
        let reply = match self.first.take() {
            Some(reply) => reply,
            None => self.client.next_reply().await?,
        };
        match reply {
            Reply::JobUpdate(update) => Ok(WatchEvent::Update(update)),
            Reply::JobEnded(job) => Ok(WatchEvent::Ended(job)),
            other => Err(ClientError::Unexpected(other.name())),
        }
    }
}
