//! The manifest as it is written, one of its chunks at a time.

use super::frames_at_hand::FramesAtHand;
use super::looked_at::{Looked, LookedAt};
use super::{ArchiveReader, ReadError, checked_chunk};
use crate::model::Sha256;

impl ArchiveReader {
    /// The lines of the manifest, from the chunk on in which an entry could be whose path begins with `prefix`.
    #[must_use]
    pub fn manifest_text(&self, prefix: &[u8]) -> ManifestText<'_> {
        // Entries with the prefix may begin in the middle of the last chunk that begins before it.
        let next_chunk = self.manifest_firsts.partition_point(|first| first.as_slice() <= prefix).saturating_sub(1);
        ManifestText { reader: self, next_chunk, frames: FramesAtHand::default() }
    }
}

/// Reads one chunk of the manifest after the other.
#[derive(Debug)]
pub struct ManifestText<'a> {
    reader: &'a ArchiveReader,
    next_chunk: usize,
    /// Manifest chunks follow each other in them.
    frames: FramesAtHand,
}

impl ManifestText<'_> {
    /// The next chunk, which is whole lines, and its SHA-256; `None` behind the last.
    ///
    /// # Errors
    /// Any [`ReadError`].
    pub fn next_chunk(&mut self) -> Result<Option<(Sha256, &[u8])>, ReadError> {
        let Some(chunk) = self.reader.restore_point.manifest.get(self.next_chunk) else { return Ok(None) };
        self.next_chunk += 1;
        let location = self.reader.locate(&chunk.id)?;
        let frame = self.frames.get(self.reader, location.frame)?;
        checked_chunk(frame, &location, &chunk.id).map(|bytes| Some((chunk.id, bytes)))
    }

    /// Passes over the next chunk if it lies in another archive, where it was `looked_at`; what was found there.
    ///
    /// # Errors
    /// What looking for it in the index says.
    pub(super) fn pass_over<'l>(&mut self, looked_at: &'l LookedAt) -> Result<Option<&'l Looked>, ReadError> {
        let Some(chunk) = self.reader.restore_point.manifest.get(self.next_chunk) else { return Ok(None) };
        let Some(looked) = looked_at.get(&chunk.id) else { return Ok(None) };
        let location = self.reader.locate(&chunk.id)?;
        if location.length != chunk.length || self.reader.archive_of(location.frame).0.id() == self.reader.id() {
            return Ok(None);
        }
        self.next_chunk += 1;
        Ok(Some(looked))
    }
}
