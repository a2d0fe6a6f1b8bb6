//! Writes an archive.

use std::fs::File;
use std::io;

use jiff::Timestamp;

use super::frame::Codec;
use super::manifest::{Meta, Segment};
use super::metadata::{Metadata, RestorePoint, SourceSummary};
use crate::model::Sha256;
use crate::progress::{Cancelled, Progress};

/// How to write.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// Compression of frames.
    pub codec: Codec,
    /// Worker threads that hash and compress; 0 for one per core.
    pub threads: usize,
}

/// Why a member or an archive could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The member's own content could not be read; the archive is unharmed, the member is not in it and may be tried again.
    #[error("reading the content: {0}")]
    Content(#[source] io::Error),
    /// The content ended before its announced size; as above.
    #[error("the content ended after {got} of {expected} bytes")]
    Short {
        /// Bytes delivered.
        got: u64,
        /// Bytes announced.
        expected: u64,
    },
    /// [`MemberContent::confirm`] said that the content changed while it was read; as above.
    #[error("it changed while it was read")]
    Changed,
    /// The archive file could not be written: the archive is lost.
    #[error("writing the archive: {0}")]
    Archive(#[source] io::Error),
    /// Cancelled: the archive is lost.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Where the bytes of a file member come from.
pub trait MemberContent {
    /// Reads some bytes, as [`io::Read::read`].
    ///
    /// # Errors
    /// What the source of the bytes says.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Called once after the last byte: false means that what was read may be torn and the member is to be discarded.
    ///
    /// # Errors
    /// As for reading.
    fn confirm(&mut self) -> io::Result<bool> {
        Ok(true)
    }
}

/// A member without content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Special {
    /// A directory (its path ends in `/`).
    Directory,
    /// A symbolic link to these bytes.
    Symlink(Vec<u8>),
    /// Another name of the earlier member with this path.
    Hardlink(Vec<u8>),
    /// A named pipe.
    Fifo,
    /// A character device: major, minor.
    CharDevice(u32, u32),
    /// A block device: major, minor.
    BlockDevice(u32, u32),
}

/// What a finished archive came to.
#[derive(Debug)]
pub struct Finished {
    /// The archive file, written but not yet fsynced, positioned at its end.
    pub file: File,
    /// Size of the archive in bytes.
    pub size_bytes: u64,
    /// SHA-256 of the archive file.
    pub sha256: Sha256,
    /// What was written as `restore-point.json`.
    pub restore_point: RestorePoint,
}

/// Writes one archive, member by member. Per source, paths must come in ascending byte order.
#[derive(Debug)]
pub struct ArchiveWriter {}

impl ArchiveWriter {
    /// Begins an archive in `file` (empty, at offset 0) with `metadata.json`.
    ///
    /// # Errors
    /// [`WriteError::Archive`].
    pub fn create(
        _file: File,
        _options: &WriterOptions,
        _metadata: Metadata,
        _progress: Progress,
    ) -> Result<Self, WriteError> {
        Err(WriteError::Archive(io::ErrorKind::Unsupported.into()))
    }

    /// Begins the next source; its members follow. Call before its first member, in the order of the metadata.
    pub fn begin_source(&mut self) {}

    /// Adds a member without content.
    ///
    /// # Errors
    /// [`WriteError::Archive`], [`WriteError::Cancelled`].
    pub fn add_special(&mut self, _path: &[u8], _meta: Meta, _special: Special) -> Result<(), WriteError> {
        Ok(())
    }

    /// Adds a file of `size` bytes. After an error of the content the same path may be added again.
    ///
    /// # Errors
    /// Any [`WriteError`].
    pub fn add_file(
        &mut self,
        _path: &[u8],
        _meta: Meta,
        _size: u64,
        _content: &mut dyn MemberContent,
    ) -> Result<(), WriteError> {
        Ok(())
    }

    /// Adds a sparse file of `size` bytes of which only `segments` (ascending, not touching) hold data; `content` delivers
    /// these, one after the other.
    ///
    /// # Errors
    /// Any [`WriteError`].
    pub fn add_sparse_file(
        &mut self,
        _path: &[u8],
        _meta: Meta,
        _size: u64,
        _segments: Vec<Segment>,
        _content: &mut dyn MemberContent,
    ) -> Result<(), WriteError> {
        Ok(())
    }

    /// Writes manifest, index, restore point and trailer.
    ///
    /// # Errors
    /// [`WriteError::Archive`], [`WriteError::Cancelled`].
    pub fn finish(self, _sources: Vec<SourceSummary>, _finished_at: Timestamp) -> Result<Finished, WriteError> {
        Err(WriteError::Archive(io::ErrorKind::Unsupported.into()))
    }
}
