//! Reads an archive through its trailer, restore point, index and manifest. Verify, restore and extract stand on it.
//!
//! It distrusts every byte: each length is held against the file before anything is allocated, and what it hands out was
//! checked against a SHA-256 that the restore point vouches for.

mod content;
mod entries;
mod frames_at_hand;
mod index;
mod looked_at;
mod set;
mod table;
mod text;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Mutex;

pub use self::content::ContentReader;
pub use self::entries::Entries;
use self::index::Index;
pub use self::looked_at::LookedAt;
use self::set::Bases;
pub use self::text::ManifestText;
use super::escape::{excerpt, unescape};
use super::frame::{Algorithm, Decompressor, FRAME_LIMIT};
use super::metadata::{FORMAT_VERSION, FrameLocation, RestorePoint};
use super::trailer::{self, Trailer};
use crate::model::{BackupId, Sha256};

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
    #[error("the chunk {0} is not in this archive, nor in another that it needs")]
    MissingChunk(Sha256),
    /// What lies in an archive that was not given.
    #[error("the archive of backup {id} is needed, and is not here")]
    MissingArchive {
        /// Id of its backup.
        id: BackupId,
    },
}

/// Where a chunk lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLocation {
    /// Number of the frame, as [`ArchiveReader::read_frame`] counts them: through all archives at hand.
    pub frame: u32,
    /// Offset in the decompressed frame.
    pub offset: u32,
    /// Length in bytes.
    pub length: u32,
}

/// Reads one archive, and with [`ArchiveReader::with_bases`] a restore point that lies in several. Cheap to open: trailer, restore point and frame table. `&self` methods may be called from several
/// threads at once.
#[derive(Debug)]
pub struct ArchiveReader {
    frames_in: FrameSource,
    size_bytes: u64,
    restore_point: RestorePoint,
    /// Path of the first entry of each manifest chunk, as raw bytes.
    manifest_firsts: Vec<Vec<u8>>,
    frames: Vec<FrameLocation>,
    index: Index,
    bases: Bases,
}

impl ArchiveReader {
    /// Opens an archive; reads its trailer and restore point.
    ///
    /// # Errors
    /// Any [`ReadError`].
    pub fn open(file: File) -> Result<Self, ReadError> {
        let size_bytes = file.metadata()?.len();
        let mut end = vec![0; usize::try_from(size_bytes).unwrap_or(usize::MAX).min(trailer::LONGEST)];
        let start = size_bytes - end.len() as u64;
        file.read_exact_at(&mut end, start)?;
        let trailer = Trailer::parse(&end)?;
        let frames_in = FrameSource { file, size_bytes, algorithm: trailer.algorithm, idle: Mutex::default() };
        let mut json = Vec::new();
        frames_in.read_checked(&trailer.restore_point, &trailer.restore_point_sha256, &mut json)?;
        let restore_point: RestorePoint = serde_json::from_slice(&json)
            .map_err(|error| ReadError::Damaged(format!("restore-point.json: {}", excerpt(&error.to_string()))))?;
        drop(json);
        if restore_point.metadata.format_version > FORMAT_VERSION {
            return Err(ReadError::TooNew(restore_point.metadata.format_version));
        }
        let manifest_firsts = restore_point
            .manifest
            .iter()
            .map(|chunk| unescape(&chunk.first))
            .collect::<Option<Vec<_>>>()
            .filter(|firsts| firsts.is_sorted_by(|a, b| a < b) && has_all_of_manifest(&restore_point))
            .ok_or_else(|| ReadError::Damaged("restore-point.json: the list of manifest chunks".to_owned()))?;
        let (frames, index) = Index::open(&frames_in, &restore_point.index)?;
        let bases = Bases::none(restore_point.metadata.id, &restore_point.archives);
        Ok(Self { frames_in, size_bytes, restore_point, manifest_firsts, frames, index, bases })
    }

    /// What the archive says of itself.
    #[must_use]
    pub const fn restore_point(&self) -> &RestorePoint {
        &self.restore_point
    }

    /// Size of the archive file in bytes.
    #[must_use]
    pub const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The frames of this file that hold members and manifest, in their order.
    #[must_use]
    pub fn frames(&self) -> &[FrameLocation] {
        &self.frames
    }

    /// Every chunk that lies in this file, in its order.
    ///
    /// # Errors
    /// What reading the index says.
    pub(super) fn chunks_in_file_order(&self) -> Result<Vec<super::index::IndexedChunk>, ReadError> {
        self.index.all_in_file_order(&self.frames_in)
    }

    /// The decompressed bytes of frame number `frame`, into `buffer` (cleared first). They are whole but, unlike a chunk,
    /// not yet checked against a SHA-256.
    ///
    /// # Errors
    /// [`ReadError::Damaged`], [`ReadError::Io`].
    pub fn read_frame(&self, frame: u32, buffer: &mut Vec<u8>) -> Result<(), ReadError> {
        let (archive, number) = self.archive_of(frame);
        let location = archive.frames.get(number as usize);
        let location = location.ok_or_else(|| ReadError::Damaged(format!("there is no frame {frame}")))?;
        archive.frames_in.read(location, buffer)
    }

    /// Decompresses a frame whose stored bytes the caller has read itself.
    ///
    /// # Errors
    /// [`ReadError::Damaged`].
    pub(super) fn decompress(&self, frame: &FrameLocation, stored: &[u8], raw: &mut Vec<u8>) -> Result<(), ReadError> {
        self.frames_in.decompress(frame, stored, raw)
    }

    /// The file, for reading it from end to end.
    pub(super) const fn file(&self) -> &File {
        &self.frames_in.file
    }
}

/// Whether the listed chunks are the whole manifest: a list cut short would be a backup of less that looks complete.
fn has_all_of_manifest(restore_point: &RestorePoint) -> bool {
    let lengths = restore_point.manifest.iter().map(|chunk| u64::from(chunk.length));
    lengths.sum::<u64>() == restore_point.manifest_bytes
}

/// The bytes of a chunk in its decompressed frame, held against its SHA-256.
///
/// # Errors
/// [`ReadError::Damaged`].
pub fn checked_chunk<'a>(frame: &'a [u8], location: &ChunkLocation, id: &Sha256) -> Result<&'a [u8], ReadError> {
    let start = location.offset as usize;
    let bytes = frame.get(start..start.saturating_add(location.length as usize));
    let bytes =
        bytes.ok_or_else(|| ReadError::Damaged(format!("chunk {id} lies outside of frame {}", location.frame)))?;
    if Sha256::of(bytes) == *id {
        Ok(bytes)
    } else {
        Err(ReadError::Damaged(format!("chunk {id} in frame {} has another SHA-256", location.frame)))
    }
}

impl From<super::index::IndexedChunk> for ChunkLocation {
    fn from(chunk: super::index::IndexedChunk) -> Self {
        Self { frame: chunk.frame, offset: chunk.offset, length: chunk.length }
    }
}

/// Reads and decompresses frames of one file.
#[derive(Debug)]
struct FrameSource {
    file: File,
    size_bytes: u64,
    algorithm: Algorithm,
    /// Decompressors and buffers that no thread uses at the moment.
    idle: Mutex<Vec<(Decompressor, Vec<u8>)>>,
}

impl FrameSource {
    fn read_checked(&self, frame: &FrameLocation, sha256: &Sha256, raw: &mut Vec<u8>) -> Result<(), ReadError> {
        self.read(frame, raw)?;
        if Sha256::of(raw) == *sha256 {
            Ok(())
        } else {
            Err(ReadError::Damaged(format!("the bytes at {} have another SHA-256", frame.position)))
        }
    }

    fn read(&self, frame: &FrameLocation, raw: &mut Vec<u8>) -> Result<(), ReadError> {
        let end = frame.position.checked_add(u64::from(frame.stored));
        if end.is_none_or(|end| end > self.size_bytes) {
            return Err(ReadError::Damaged(format!("a frame at {} would lie beyond the end", frame.position)));
        }
        require_bounds(frame)?;
        let (mut decompressor, mut stored) = self.take_idle()?;
        stored.resize(frame.stored as usize, 0);
        self.file.read_exact_at(&mut stored, frame.position)?;
        let result = decompress_with(&mut decompressor, frame, &stored, raw);
        self.give_back(decompressor, stored);
        result
    }

    fn decompress(&self, frame: &FrameLocation, stored: &[u8], raw: &mut Vec<u8>) -> Result<(), ReadError> {
        let (mut decompressor, spare) = self.take_idle()?;
        let result = decompress_with(&mut decompressor, frame, stored, raw);
        self.give_back(decompressor, spare);
        result
    }

    fn take_idle(&self) -> io::Result<(Decompressor, Vec<u8>)> {
        let idle = self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
        idle.map_or_else(|| Ok((Decompressor::new(self.algorithm)?, Vec::new())), Ok)
    }

    fn give_back(&self, decompressor: Decompressor, stored: Vec<u8>) {
        self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((decompressor, stored));
    }
}

fn decompress_with(
    decompressor: &mut Decompressor,
    frame: &FrameLocation,
    stored: &[u8],
    raw: &mut Vec<u8>,
) -> Result<(), ReadError> {
    require_bounds(frame)?;
    decompressor
        .decompress(stored, frame.raw, raw)
        .map_err(|error| ReadError::Damaged(format!("the frame at {}: {error}", frame.position)))
}

/// Before anything is allocated for a frame.
fn require_bounds(frame: &FrameLocation) -> Result<(), ReadError> {
    if frame.raw > FRAME_LIMIT || frame.stored > FRAME_LIMIT {
        return Err(ReadError::Damaged(format!("the frame at {} has an absurd length", frame.position)));
    }
    Ok(())
}
