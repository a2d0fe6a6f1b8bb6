//! `.carelog/index`: where this archive's frames lie, and which chunk lies in which frame.
//!
//! It is cut into pages, each a frame of its own: first the frame table, then the chunks sorted by SHA-256. A reader finds
//! one chunk with one page; restore-point.json says where the pages are and with which chunk each begins.

use super::frame::FRAME_LIMIT;
use super::metadata::FrameLocation;
use crate::model::Sha256;

/// Bytes of a frame in the frame table: position, stored length, raw length, little endian.
const FRAME_RECORD: usize = 16;
/// Bytes of a chunk in a page: SHA-256, frame number, offset, length, little endian.
pub(super) const CHUNK_RECORD: usize = 44;
/// Chunks of a page: small enough that looking one up costs about a millisecond.
pub(super) const CHUNKS_PER_PAGE: usize = 16 * 1024;

/// A chunk and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct IndexedChunk {
    pub(super) id: Sha256,
    pub(super) frame: u32,
    pub(super) offset: u32,
    pub(super) length: u32,
}

impl IndexedChunk {
    pub(super) fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.0);
        for number in [self.frame, self.offset, self.length] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }

    /// Reads a record of [`CHUNK_RECORD`] bytes; a shorter one reads as zeros.
    pub(super) fn read(record: &[u8]) -> Self {
        let mut id = [0; 32];
        if let Some(bytes) = record.get(..32) {
            id.copy_from_slice(bytes);
        }
        Self { id: Sha256(id), frame: number(record, 32), offset: number(record, 36), length: number(record, 40) }
    }
}

/// The bytes of the frame table.
pub(super) fn write_frames(frames: &[FrameLocation]) -> Vec<u8> {
    let mut out = Vec::with_capacity(frames.len() * FRAME_RECORD);
    for frame in frames {
        out.extend_from_slice(&frame.position.to_le_bytes());
        out.extend_from_slice(&frame.stored.to_le_bytes());
        out.extend_from_slice(&frame.raw.to_le_bytes());
    }
    out
}

/// Reads the frame table of an archive of `archive_size` bytes. `None` when it is not one: frames have to follow each
/// other without a gap from the archive's first byte on, within its size and the limit of a frame.
pub(super) fn read_frames(bytes: &[u8], archive_size: u64) -> Option<Vec<FrameLocation>> {
    if !bytes.len().is_multiple_of(FRAME_RECORD) {
        return None;
    }
    let mut end = 0_u64;
    bytes
        .chunks_exact(FRAME_RECORD)
        .map(|record| {
            let position = u64::from(number(record, 0)) | u64::from(number(record, 4)) << 32;
            let frame = FrameLocation { position, stored: number(record, 8), raw: number(record, 12) };
            let fits = frame.position == end && frame.stored <= FRAME_LIMIT && frame.raw <= FRAME_LIMIT;
            end = end.checked_add(u64::from(frame.stored)).filter(|end| fits && *end <= archive_size)?;
            Some(frame)
        })
        .collect()
}

fn number(record: &[u8], at: usize) -> u32 {
    record.get(at..at + 4).map_or(0, |bytes| bytes.iter().rev().fold(0, |n, &b| n << 8 | u32::from(b)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_chunk_record_comes_back(id in any::<[u8; 32]>(), frame in any::<u32>(), offset in any::<u32>(), length in any::<u32>()) {
            let chunk = IndexedChunk { id: Sha256(id), frame, offset, length };
            let mut bytes = Vec::new();
            chunk.write(&mut bytes);
            prop_assert_eq!(bytes.len(), CHUNK_RECORD);
            prop_assert_eq!(IndexedChunk::read(&bytes), chunk);
        }

        #[test]
        fn a_frame_table_comes_back_and_no_damaged_one(lengths in prop::collection::vec((1_u32..5_000_000, 1_u32..5_000_000), 1..50), bit in any::<usize>()) {
            let mut position = 0;
            let frames: Vec<FrameLocation> = lengths.iter().map(|&(stored, raw)| {
                let frame = FrameLocation { position, stored, raw };
                position += u64::from(stored);
                frame
            }).collect();
            let mut bytes = write_frames(&frames);
            prop_assert_eq!(read_frames(&bytes, position), Some(frames.clone()));
            prop_assert_eq!(read_frames(&bytes, position - 1), None);
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_ne!(read_frames(&bytes, position), Some(frames));
        }
    }
}
