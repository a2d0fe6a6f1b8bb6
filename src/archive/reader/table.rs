//! One table of the chunks of all archives that a restore point needs, for who looks up many of them.
//!
//! It names chunks by their whole SHA-256: the writer leaves out content that is found here, so a likeness will not do.

use super::{ArchiveReader, ChunkLocation, ReadError};
use crate::archive::index::IndexedChunk;
use crate::model::Sha256;

/// Chunks are found by their first two bytes, then among about sixteen in a million.
const BUCKETS: usize = 1 << 16;

/// Sorted chunks, each once; their frames are numbered as [`ArchiveReader::read_frame`] counts them.
#[derive(Debug)]
pub(super) struct Table {
    chunks: Vec<IndexedChunk>,
    /// Where the chunks of each bucket begin, and the end.
    starts: Vec<u32>,
}

impl Table {
    /// Of all chunks in `archives`; `first_frames` are the numbers of their first frames. Of a chunk that lies in several
    /// places the first one counts.
    pub(super) fn of<'a>(archives: impl Iterator<Item = (&'a ArchiveReader, u32)> + Clone) -> Result<Self, ReadError> {
        let mut chunks = Vec::with_capacity(archives.clone().map(|(archive, _)| archive.index.count()).sum());
        for (archive, first) in archives {
            archive.index.drain(&archive.frames_in, |chunk| {
                chunks.push(IndexedChunk { frame: first.saturating_add(chunk.frame), ..chunk });
            })?;
        }
        chunks.sort_unstable();
        chunks.dedup_by_key(|chunk| chunk.id);
        let mut starts = Vec::with_capacity(BUCKETS + 1);
        for (at, chunk) in (0_u32..).zip(&chunks) {
            let bucket = bucket(&chunk.id);
            while starts.len() <= bucket {
                starts.push(at);
            }
        }
        let end = u32::try_from(chunks.len()).map_err(|_| ReadError::Damaged("the index: absurdly long".to_owned()))?;
        starts.resize(BUCKETS + 1, end);
        Ok(Self { chunks, starts })
    }

    pub(super) fn find(&self, id: &Sha256) -> Option<ChunkLocation> {
        let bucket = bucket(id);
        let range = *self.starts.get(bucket)? as usize..*self.starts.get(bucket + 1)? as usize;
        let chunks = self.chunks.get(range)?;
        let at = chunks.binary_search_by(|chunk| chunk.id.cmp(id)).ok()?;
        chunks.get(at).map(|chunk| (*chunk).into())
    }
}

const fn bucket(id: &Sha256) -> usize {
    (id.0[0] as usize) << 8 | id.0[1] as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_found_in_every_bucket_and_none_that_is_not_there() {
        let ids = [[0; 32], [1; 32], [255; 32]].map(Sha256);
        let chunks = ids.map(|id| IndexedChunk { id, frame: u32::from(id.0[0]), offset: 1, length: 2 }).to_vec();
        let mut starts = vec![0];
        for at in 1..=BUCKETS {
            starts.push(u32::try_from(chunks.iter().filter(|chunk| bucket(&chunk.id) < at).count()).unwrap());
        }
        let table = Table { chunks, starts };
        for id in ids {
            assert_eq!(table.find(&id).map(|found| found.frame), Some(u32::from(id.0[0])));
        }
        assert_eq!(table.find(&Sha256([2; 32])), None);
        let mut near = [255; 32];
        near[31] = 0;
        assert_eq!(table.find(&Sha256(near)), None);
    }
}
