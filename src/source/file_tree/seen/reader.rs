//! Reads what was seen, one record after the other.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use sha2::Digest as _;

use super::record::{LONGEST_RECORD, Last, Seen};
use super::{DIGEST_LENGTH, HEADER_LENGTH, Header, MAGIC};
use crate::model::Sha256;

/// So much is read at once. Larger than any record.
const BUFFER_BYTES: usize = 256 * 1024;
const _: () = assert!(BUFFER_BYTES > 2 * LONGEST_RECORD);

/// Why what was seen is of no use.
#[derive(Debug, thiserror::Error)]
pub(in crate::source::file_tree) enum Unusable {
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("it is none of ours")]
    NotOurs,
    #[error("it was written by another version of this program")]
    OtherVersion,
    #[error("it is of another backup")]
    OtherBackup,
    #[error("it is of another folder")]
    OtherFolder,
    #[error("it is damaged")]
    Damaged,
}

/// What was seen of one tree.
#[derive(Debug)]
pub(in crate::source::file_tree) struct SeenReader {
    file: File,
    /// Bytes of records that are still in the file.
    unread: u64,
    buffer: Vec<u8>,
    at: usize,
    last: Last,
    current: Option<Seen>,
}

impl SeenReader {
    /// Looks whether the file says of itself what is expected. Whether it is whole, [`SeenReader::check`] tells.
    pub(super) fn open(path: &Path, expected: Header) -> Result<Self, Unusable> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let unread = length.checked_sub((HEADER_LENGTH + DIGEST_LENGTH) as u64).ok_or(Unusable::NotOurs)?;
        let mut header = [0; HEADER_LENGTH];
        file.read_exact(&mut header)?;
        let wanted = expected.to_bytes();
        for (part, otherwise) in [
            (..MAGIC.len(), Unusable::NotOurs),
            (..12, Unusable::OtherVersion),
            (..32, Unusable::OtherBackup),
            (..HEADER_LENGTH, Unusable::OtherFolder),
        ] {
            if header[part] != wanted[part] {
                return Err(otherwise);
            }
        }
        let last = Last::before_first(expected.root.device);
        Ok(Self { file, unread, buffer: Vec::with_capacity(BUFFER_BYTES), at: 0, last, current: None })
    }

    /// Whether the file is whole. To be asked before the first record.
    pub(in crate::source::file_tree) fn check(&mut self) -> Result<(), Unusable> {
        self.file.seek(SeekFrom::Start(0))?;
        let mut hasher = sha2::Sha256::new();
        let mut left = self.unread + HEADER_LENGTH as u64;
        while left > 0 {
            self.buffer.clear();
            let got = (&self.file).take(left.min(BUFFER_BYTES as u64)).read_to_end(&mut self.buffer)?;
            if got == 0 {
                return Err(Unusable::Damaged);
            }
            hasher.update(&self.buffer);
            left -= got as u64;
        }
        self.buffer.clear();
        let mut digest = [0; DIGEST_LENGTH];
        self.file.read_exact(&mut digest)?;
        if Sha256::finish(hasher) != Sha256(digest) {
            return Err(Unusable::Damaged);
        }
        self.file.seek(SeekFrom::Start(HEADER_LENGTH as u64))?;
        Ok(())
    }

    /// What was seen at `path`. Paths have to be asked for in ascending order.
    pub(in crate::source::file_tree) fn at(&mut self, path: &[u8]) -> Result<Option<Seen>, Unusable> {
        loop {
            if self.current.is_none() && !self.advance()? {
                return Ok(None);
            }
            match self.last.path.as_slice().cmp(path) {
                std::cmp::Ordering::Less => self.current = None,
                std::cmp::Ordering::Equal => return Ok(self.current.take()),
                std::cmp::Ordering::Greater => return Ok(None),
            }
        }
    }

    /// Takes the next record, if there is one.
    fn advance(&mut self) -> Result<bool, Unusable> {
        if self.buffer.len() - self.at < LONGEST_RECORD && self.unread > 0 {
            self.buffer.drain(..self.at);
            self.at = 0;
            let room = (BUFFER_BYTES - self.buffer.len()) as u64;
            let got = (&self.file).take(self.unread.min(room)).read_to_end(&mut self.buffer)?;
            if got == 0 {
                return Err(Unusable::Damaged);
            }
            self.unread -= got as u64;
        }
        let mut rest = &self.buffer[self.at..];
        if rest.is_empty() {
            return Ok(false);
        }
        self.current = Some(self.last.take(&mut rest).ok_or(Unusable::Damaged)?);
        self.at = self.buffer.len() - rest.len();
        Ok(true)
    }
}
