//! One connection, from either end: frames of one type in, frames of another out, and the hello before them.
//!
//! `Connection<Request, Reply>` is the daemon's end, `Connection<Reply, Request>` the client's. A peer that stops in the
//! middle, sends garbage or goes away makes an error here and nothing worse.

use std::io;
use std::marker::PhantomData;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf, UCred};
use tokio::time::timeout;
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

use crate::codec::{self, CodecError, Message};
use crate::error_reply::ErrorReply;
use crate::hello::{Hello, MAX_HELLO_BYTES};
use crate::reply::Reply;
use crate::request::Request;
use crate::words::ErrorCode;
use crate::{MAX_FRAME_BYTES, PROTOCOL};

/// How long a peer may keep us waiting for what it owes: its hello, the rest of a frame, room for our frame.
pub const STALL: Duration = Duration::from_secs(30);

/// Why a connection is of no more use (but for [`ConnectionError::Codec`] from `send`, which wrote nothing).
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The socket failed.
    #[error("the connection failed: {0}")]
    Io(#[source] io::Error),
    /// The peer closed it while it owed something.
    #[error("the other side closed the connection")]
    Closed,
    /// The peer did nothing for too long.
    #[error("the other side did not go on for {} s", .0.as_secs())]
    Stalled(Duration),
    /// The peer announced a frame over the limit.
    #[error("the other side sent a frame of more than {limit} bytes")]
    FrameTooLong {
        /// The limit.
        limit: usize,
    },
    /// A message that cannot be sent, or bytes that are none.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The peer's first frame is no hello.
    #[error("the other side is no part of CareLog: it did not say hello")]
    NotCareLog,
    /// The peer speaks another protocol.
    #[error("the other side is version {} and speaks protocol {}, this one is version {} and speaks protocol {PROTOCOL}",
        theirs.version, theirs.protocol, ours.version)]
    Protocol {
        /// What we said.
        ours: Hello,
        /// What the peer said.
        theirs: Hello,
    },
    /// A descriptor was asked for while other bytes were on their way.
    #[error("the other side sent data where a descriptor was asked for")]
    UnaskedData,
}

impl ConnectionError {
    /// What to tell the peer before the connection is closed.
    #[must_use]
    pub fn as_reply(&self) -> ErrorReply {
        let code = if let Self::Io(_) = self { ErrorCode::Failed } else { ErrorCode::Usage };
        ErrorReply::new(code, "the connection is closed").because(self.to_string())
    }
}

/// One end of a connection whose hello is done.
#[derive(Debug)]
pub struct Connection<In, Out> {
    reader: FramedRead<OwnedReadHalf, LengthDelimitedCodec>,
    writer: FramedWrite<OwnedWriteHalf, LengthDelimitedCodec>,
    stall: Duration,
    messages: PhantomData<fn(Out) -> In>,
}

impl<In: Message, Out: Message> Connection<In, Out> {
    /// Says hello as a program of `version`, hears the peer's, and refuses a peer of another protocol. The same for both
    /// ends: each speaks first. `stall` is how long the peer may keep us waiting, [`STALL`] outside tests.
    ///
    /// # Errors
    /// [`ConnectionError`]; the stream is closed then.
    pub async fn open(stream: UnixStream, version: &str, stall: Duration) -> Result<(Self, Hello), ConnectionError> {
        let (read_half, write_half) = stream.into_split();
        let mut connection = Self {
            reader: FramedRead::new(read_half, codec::framing(MAX_HELLO_BYTES)),
            writer: FramedWrite::new(write_half, codec::framing(MAX_FRAME_BYTES)),
            stall,
            messages: PhantomData,
        };
        let ours = Hello::of_version(version);
        match connection.send_frame(ours.to_frame()).await {
            // A daemon that turns us away has closed its end already, and what it said waits to be read.
            Err(ConnectionError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
            said => said?,
        }
        let theirs = connection.receive_hello().await?;
        if theirs.protocol != PROTOCOL {
            return Err(ConnectionError::Protocol { ours, theirs });
        }
        connection.reader.decoder_mut().set_max_frame_length(In::MAX_BYTES);
        Ok((connection, theirs))
    }

    /// The next message, or `None` when the peer closed the connection between two. Waits for ever for one to begin, and
    /// as long as it takes to end: see [`Connection::receive_in_time`]. Cancel safe: nothing is lost when the future is
    /// dropped, so it may stand in a `select!`.
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub async fn receive(&mut self) -> Result<Option<In>, ConnectionError> {
        match self.reader.next().await {
            None => Ok(None),
            Some(Ok(frame)) => Ok(Some(codec::decode(&frame)?)),
            Some(Err(error)) => Err(read_error(error, In::MAX_BYTES)),
        }
    }

    /// The next message, which has to arrive within the stall time.
    ///
    /// # Errors
    /// [`ConnectionError::Stalled`] and all of [`Connection::receive`].
    pub async fn receive_in_time(&mut self) -> Result<Option<In>, ConnectionError> {
        let stall = self.stall;
        timeout(stall, self.receive()).await.map_err(|_elapsed| ConnectionError::Stalled(stall))?
    }

    /// Sends `message`; the peer has to take it within the stall time.
    ///
    /// # Errors
    /// [`ConnectionError`]. After [`CodecError::TooLong`] the connection can still be used.
    pub async fn send(&mut self, message: &Out) -> Result<(), ConnectionError> {
        self.send_frame(codec::encode(message)?).await
    }

    /// Passes a descriptor; only in answer to `Reply::SendDescriptor`.
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub async fn send_descriptor(&mut self, descriptor: BorrowedFd<'_>) -> Result<(), ConnectionError> {
        let sent = timeout(self.stall, crate::descriptor::send(self.writer.get_ref().as_ref(), descriptor));
        sent.await.map_err(|_elapsed| ConnectionError::Stalled(self.stall))?.map_err(ConnectionError::Io)
    }

    /// The peer's user, as the kernel knows it (SO_PEERCRED).
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn peer(&self) -> io::Result<UCred> {
        self.reader.get_ref().as_ref().peer_cred()
    }

    async fn receive_hello(&mut self) -> Result<Hello, ConnectionError> {
        let frame = timeout(self.stall, self.reader.next()).await;
        match frame.map_err(|_elapsed| ConnectionError::Stalled(self.stall))? {
            None => Err(ConnectionError::Closed),
            Some(Ok(frame)) => Hello::from_frame(&frame).ok_or(ConnectionError::NotCareLog),
            // Whoever does not frame as we do seems to announce a huge frame.
            Some(Err(error)) if error.kind() == io::ErrorKind::InvalidData => Err(ConnectionError::NotCareLog),
            Some(Err(error)) => Err(read_error(error, MAX_HELLO_BYTES)),
        }
    }

    async fn send_frame(&mut self, frame: Vec<u8>) -> Result<(), ConnectionError> {
        let sent = timeout(self.stall, self.writer.send(Bytes::from(frame)));
        sent.await.map_err(|_elapsed| ConnectionError::Stalled(self.stall))?.map_err(ConnectionError::Io)
    }
}

impl Connection<Request, Reply> {
    /// Asks the client for the descriptor that its request announced, and receives it.
    ///
    /// # Errors
    /// [`ConnectionError`]; the connection has to be closed then, because nobody knows where its next frame begins.
    pub async fn ask_for_descriptor(&mut self) -> Result<OwnedFd, ConnectionError> {
        if !self.reader.read_buffer().is_empty() {
            return Err(ConnectionError::UnaskedData);
        }
        self.send(&Reply::SendDescriptor).await?;
        let received = timeout(self.stall, crate::descriptor::receive(self.reader.get_ref().as_ref())).await;
        received.map_err(|_elapsed| ConnectionError::Stalled(self.stall))?.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => ConnectionError::UnaskedData,
            io::ErrorKind::UnexpectedEof => ConnectionError::Closed,
            _ => ConnectionError::Io(error),
        })
    }

    /// Turns a client away with `reason`, without hearing it first. For a daemon that has no room for another.
    ///
    /// # Errors
    /// [`ConnectionError`], for the log only.
    pub async fn turn_away(stream: UnixStream, version: &str, reason: ErrorReply) -> Result<(), ConnectionError> {
        let mut writer = FramedWrite::new(stream, codec::framing(MAX_FRAME_BYTES));
        let reply = codec::encode(&Reply::Error(reason))?;
        for frame in [Hello::of_version(version).to_frame(), reply] {
            // Both fit an empty socket buffer: a peer that makes us wait is not worth waiting for.
            let sent = timeout(Duration::from_secs(1), writer.send(Bytes::from(frame))).await;
            sent.map_err(|_elapsed| ConnectionError::Stalled(Duration::from_secs(1)))?.map_err(ConnectionError::Io)?;
        }
        Ok(())
    }
}

fn read_error(error: io::Error, limit: usize) -> ConnectionError {
    match error.kind() {
        io::ErrorKind::InvalidData => ConnectionError::FrameTooLong { limit },
        // `Other` is tokio-util's word for an end in the middle of a frame, a reset the kernel's for a peer that went
        // away without reading what it had been sent.
        io::ErrorKind::Other | io::ErrorKind::ConnectionReset => ConnectionError::Closed,
        _ => ConnectionError::Io(error),
    }
}
