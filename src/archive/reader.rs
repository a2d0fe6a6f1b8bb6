//! Reads an archive.

use std::fs::File;
use std::io;

use super::manifest::{Content, Entry};
use super::metadata::RestorePoint;
use crate::model::Sha256;

/// Why an archive could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be read at all.
    #[error("reading the archive: {0}")]
    Io(#[from] io::Error),
    /// It does not end like an archive of ours: cut short, or something else.
    #[error("not a complete CareLog archive: {0}")]
    NotAnArchive(String),
    /// Its format is newer than this program.
    #[error("archive format version {0} is newer than this program understands; use a newer carelogd")]
    TooNew(u32),
    /// Damage at a place.
    #[error("damaged: {0}")]
    Damaged(String),
    /// A chunk that no archive at hand holds.
    #[error("the chunk {0} is not in this archive")]
    MissingChunk(Sha256),
}

/// Reads one archive. Cheap to open: trailer, restore point and frame table. `&self` methods may be called from several
/// threads at once.
#[derive(Debug)]
pub struct ArchiveReader {}

/// Where a chunk lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLocation {
    /// Number of the frame.
    pub frame: u32,
    /// Offset in the decompressed frame.
    pub offset: u32,
    /// Length in bytes.
    pub length: u32,
}

impl ArchiveReader {
    /// Opens an archive; reads its trailer and restore point.
    ///
    /// # Errors
    /// Any [`ReadError`].
    pub fn open(_file: File) -> Result<Self, ReadError> {
        Err(ReadError::NotAnArchive("not built yet".to_owned()))
    }

    /// What the archive says of itself.
    #[must_use]
    #[expect(clippy::unimplemented, reason = "stub while the floors are built")]
    pub fn restore_point(&self) -> &RestorePoint {
        unimplemented!()
    }

    /// The manifest's entries in path order, those whose path starts with `prefix` (all for an empty one). Reads one
    /// manifest chunk at a time; an error ends the iteration.
    pub fn entries(&self, _prefix: &[u8]) -> impl Iterator<Item = Result<Entry, ReadError>> + Send {
        std::iter::empty()
    }

    /// Where a chunk lies in this archive.
    ///
    /// # Errors
    /// [`ReadError::MissingChunk`], or what reading the index says.
    pub fn locate(&self, id: &Sha256) -> Result<ChunkLocation, ReadError> {
        Err(ReadError::MissingChunk(*id))
    }

    /// The decompressed bytes of frame number `frame`, into `buffer` (cleared first).
    ///
    /// # Errors
    /// [`ReadError::Damaged`], [`ReadError::Io`].
    pub fn read_frame(&self, _frame: u32, _buffer: &mut Vec<u8>) -> Result<(), ReadError> {
        Ok(())
    }

    /// Delivers the chunks of `content` in order, each checked against its SHA-256. For single streams; trees are
    /// extracted frame by frame in parallel.
    ///
    /// # Errors
    /// Any [`ReadError`]; an error of `sink` comes back as [`ReadError::Io`].
    pub fn read_content(
        &self,
        _content: &Content,
        _sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), ReadError> {
        Ok(())
    }
}
