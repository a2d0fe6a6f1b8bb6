//! Writes down what is seen, one record after the other.

use std::io::{self, Write as _};

use sha2::Digest as _;

use super::record::{Last, Seen};
use super::{Header, SeenDraft};
use crate::model::Sha256;

/// So much is written at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// What was seen so far during one backup.
#[derive(Debug)]
pub(in crate::source::file_tree) struct SeenWriter {
    draft: SeenDraft,
    hasher: sha2::Sha256,
    buffer: Vec<u8>,
    last: Last,
    /// The first thing that went wrong: from there on nothing is written, and there will be no draft.
    failed: Option<io::Error>,
}

impl SeenWriter {
    pub(super) fn begin(draft: SeenDraft, header: Header) -> io::Result<Self> {
        let mut buffer = Vec::with_capacity(BUFFER_BYTES + 4096);
        buffer.extend_from_slice(&header.to_bytes());
        let last = Last::before_first(header.root.device);
        Ok(Self { draft, hasher: sha2::Sha256::new(), buffer, last, failed: None })
    }

    /// Writes down what is at `path`, which comes behind the last one.
    pub(in crate::source::file_tree) fn push(&mut self, path: &[u8], seen: &Seen) {
        if self.failed.is_some() {
            return;
        }
        self.last.append(path, seen, &mut self.buffer);
        if self.buffer.len() >= BUFFER_BYTES {
            self.failed = self.flush().err();
        }
    }

    /// All was seen.
    pub(in crate::source::file_tree) fn finish(mut self) -> io::Result<SeenDraft> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.flush()?;
        let digest = Sha256::finish(self.hasher);
        self.draft.file.write_all(&digest.0)?;
        Ok(self.draft)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hasher.update(&self.buffer);
        self.draft.file.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}
