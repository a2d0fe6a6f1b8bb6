//! The index of one archive as a reader uses it: pages are loaded when they are first asked for, and kept until
//! somebody wants all of them at once.

use std::sync::{Arc, Mutex, PoisonError};

use super::{ChunkLocation, FrameSource, ReadError};
use crate::archive::index::{CHUNK_RECORD, CHUNKS_PER_PAGE, IndexedChunk, read_frames};
use crate::archive::metadata::{FrameLocation, IndexPage};
use crate::model::Sha256;

#[derive(Debug)]
pub(super) struct Index {
    pages: Vec<Page>,
}

#[derive(Debug)]
struct Page {
    location: IndexPage,
    first: Sha256,
    records: Mutex<Option<Arc<[u8]>>>,
}

impl Index {
    /// Reads the frame table; takes note of the other pages.
    pub(super) fn open(frames_in: &FrameSource, pages: &[IndexPage]) -> Result<(Vec<FrameLocation>, Self), ReadError> {
        let damaged = |what: &str| ReadError::Damaged(format!("the index: {what}"));
        let (table, pages) = pages.split_first().ok_or_else(|| damaged("it has no pages"))?;
        let mut bytes = Vec::new();
        frames_in.read_checked(&table.frame, &table.sha256, &mut bytes)?;
        let frames = read_frames(&bytes, frames_in.size_bytes).ok_or_else(|| damaged("the frame table"))?;
        let pages = pages
            .iter()
            .map(|page| {
                let first = page.first.ok_or_else(|| damaged("a page without its first chunk"))?;
                if page.frame.raw as usize > CHUNKS_PER_PAGE * CHUNK_RECORD {
                    return Err(damaged("a page of absurd length"));
                }
                Ok(Page { location: page.clone(), first, records: Mutex::default() })
            })
            .collect::<Result<Vec<_>, ReadError>>()?;
        // Equal firsts are possible: a chunk that lies in an archive many times.
        if !pages.is_sorted_by_key(|page| page.first) {
            return Err(damaged("its pages are not in order"));
        }
        Ok((frames, Self { pages }))
    }

    /// How many chunks are listed, as far as the pages' lengths tell.
    pub(super) fn count(&self) -> usize {
        self.pages.iter().map(|page| page.location.frame.raw as usize / CHUNK_RECORD).sum()
    }

    pub(super) fn find(&self, frames_in: &FrameSource, id: &Sha256) -> Result<ChunkLocation, ReadError> {
        let page = self.pages.partition_point(|page| page.first <= *id).checked_sub(1);
        let page = page.and_then(|at| self.pages.get(at)).ok_or(ReadError::MissingChunk(*id))?;
        let records = page.records(frames_in)?;
        let (mut low, mut high) = (0, records.len() / CHUNK_RECORD);
        while low < high {
            let middle = low.midpoint(high);
            let record = &records[middle * CHUNK_RECORD..][..CHUNK_RECORD];
            match record[..32].cmp(&id.0) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(IndexedChunk::read(record).into()),
            }
        }
        Err(ReadError::MissingChunk(*id))
    }

    /// Hands every chunk to `take`, sorted by SHA-256. The pages that were kept are let go of.
    pub(super) fn drain(&self, frames_in: &FrameSource, mut take: impl FnMut(IndexedChunk)) -> Result<(), ReadError> {
        for page in &self.pages {
            let records = page.records(frames_in)?;
            page.lock().take();
            records.chunks_exact(CHUNK_RECORD).map(IndexedChunk::read).for_each(&mut take);
        }
        Ok(())
    }

    pub(super) fn all_in_file_order(&self, frames_in: &FrameSource) -> Result<Vec<IndexedChunk>, ReadError> {
        let mut chunks = Vec::with_capacity(self.count());
        self.drain(frames_in, |chunk| chunks.push(chunk))?;
        chunks.sort_unstable_by_key(|chunk| (chunk.frame, chunk.offset));
        Ok(chunks)
    }
}

impl Page {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<[u8]>>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn records(&self, frames_in: &FrameSource) -> Result<Arc<[u8]>, ReadError> {
        if let Some(records) = &*self.lock() {
            return Ok(Arc::clone(records));
        }
        let mut bytes = Vec::new();
        frames_in.read_checked(&self.location.frame, &self.location.sha256, &mut bytes)?;
        let records = || bytes.chunks_exact(CHUNK_RECORD).map(IndexedChunk::read);
        // Sorted without repetition: a small file cannot pretend to hold more chunks than memory does.
        let sound = bytes.len().is_multiple_of(CHUNK_RECORD)
            && records().next().is_some_and(|record| record.id == self.first)
            && records().is_sorted_by(|a, b| a < b);
        if !sound {
            return Err(ReadError::Damaged("the index: a page of broken records".to_owned()));
        }
        Ok(Arc::clone(self.lock().insert(bytes.into())))
    }
}
