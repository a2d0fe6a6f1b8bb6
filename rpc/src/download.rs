//! Receiving a file: nothing counts as received before its end frame, its length and its SHA-256 agree.

use sha2::{Digest as _, Sha256};

use crate::client::{Client, ClientError};
use crate::reply::{DownloadEnd, DownloadStart, Reply};
use crate::request::Request;
use crate::words::DownloadFormat;

/// A download in progress.
#[derive(Debug)]
pub struct Download<'client> {
    client: &'client mut Client,
    start: DownloadStart,
    hasher: Sha256,
    received_bytes: u64,
}

impl Client {
    /// Begins to download `backup`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn download(
        &mut self,
        backup: &str,
        format: Option<DownloadFormat>,
    ) -> Result<Download<'_>, ClientError> {
        let start = match self.request(&Request::Download { backup: backup.to_owned(), format }).await? {
            Reply::DownloadStart(start) => start,
            other => return Err(ClientError::Unexpected(other.name())),
        };
        Ok(Download { client: self, start, hasher: Sha256::new(), received_bytes: 0 })
    }
}

impl Download<'_> {
    /// What the daemon calls it. Not to be believed as a path: it comes from the other side.
    #[must_use]
    pub const fn start(&self) -> &DownloadStart {
        &self.start
    }

    /// The next piece, or at the end what was received in all, once it is known to be what the daemon sent.
    ///
    /// # Errors
    /// [`ClientError::Damaged`] when length or SHA-256 differ, and the other [`ClientError`]s. What was received before
    /// is worth nothing then.
    pub async fn next(&mut self) -> Result<Piece, ClientError> {
        match self.client.next_reply().await? {
            Reply::Bytes(bytes) => {
                self.hasher.update(&bytes.0);
                self.received_bytes += bytes.0.len() as u64;
                Ok(Piece::Bytes(bytes.0))
            }
            Reply::DownloadEnd(end) => self.compare(end).map(Piece::End),
            other => Err(ClientError::Unexpected(other.name())),
        }
    }

    fn compare(&mut self, end: DownloadEnd) -> Result<DownloadEnd, ClientError> {
        let sha256 = hexadecimal(&self.hasher.finalize_reset());
        let announced = self.start.size_bytes.unwrap_or(end.size_bytes);
        if self.received_bytes != end.size_bytes || announced != end.size_bytes {
            let (received, sent) = (self.received_bytes, end.size_bytes);
            Err(ClientError::Damaged(format!("{received} bytes of {sent} came, {announced} were announced")))
        } else if sha256 != end.sha256 {
            Err(ClientError::Damaged(format!("its SHA-256 is {sha256}, and {} was sent", end.sha256)))
        } else {
            Ok(end)
        }
    }
}

/// What a download yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The next bytes.
    Bytes(Vec<u8>),
    /// It is complete and whole.
    End(DownloadEnd),
}

/// Lower-case hexadecimal digits of `bytes`.
fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ok = write!(text, "{byte:02x}");
        text
    })
}
