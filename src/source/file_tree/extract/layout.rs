//! Where the bytes of a content go in its file: one run for most, one per segment for a sparse file.

use crate::archive::{Content, Segment};

/// Maps offsets in the content (data only) to offsets in the file.
#[derive(Debug)]
pub(super) struct Layout {
    size: u64,
    /// `None` for a file without holes. With the offset in the content at which each segment begins.
    segments: Option<Vec<(u64, Segment)>>,
}

impl Layout {
    /// The layout of `content`, or why it makes no sense.
    pub(super) fn of(content: &Content) -> Result<Self, &'static str> {
        let stored: u64 = content.chunks.iter().map(|chunk| u64::from(chunk.length)).sum();
        let Some(segments) = &content.sparse else {
            return if stored == content.size {
                Ok(Self { size: content.size, segments: None })
            } else {
                Err("its chunks do not add up to its size")
            };
        };
        let mut at = 0;
        let mut floor = 0;
        let mut placed = Vec::with_capacity(segments.len());
        for segment in segments {
            let end = segment.offset.checked_add(segment.length).ok_or("a segment of it is out of bounds")?;
            if segment.offset < floor || end > content.size {
                return Err("its segments overlap or are out of bounds");
            }
            placed.push((at, *segment));
            at += segment.length;
            floor = end;
        }
        if stored != at {
            return Err("its chunks do not add up to its segments");
        }
        Ok(Self { size: content.size, segments: Some(placed) })
    }

    /// The size of the file.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// Whether the file has to be given its size first, because writing alone does not reach its end.
    pub(super) const fn has_holes(&self) -> bool {
        self.segments.is_some()
    }

    /// Calls `write` with the file offset of every piece of `data`, which begins at `offset` of the content.
    pub(super) fn place<E>(
        &self,
        offset: u64,
        data: &[u8],
        mut write: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(segments) = &self.segments else { return write(offset, data) };
        let first = segments.partition_point(|(start, segment)| start + segment.length <= offset);
        let mut at = offset;
        let mut rest = data;
        for (start, segment) in &segments[first..] {
            if rest.is_empty() {
                break;
            }
            let skipped = at - start;
            let room = usize::try_from(segment.length - skipped).unwrap_or(usize::MAX);
            let (now, later) = rest.split_at(room.min(rest.len()));
            write(segment.offset + skipped, now)?;
            at += now.len() as u64;
            rest = later;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::ChunkRef;
    use crate::model::Sha256;

    fn content(size: u64, stored: u32, sparse: Option<Vec<(u64, u64)>>) -> Content {
        let id = Sha256([0; 32]);
        let segments = sparse.map(|s| s.into_iter().map(|(offset, length)| Segment { offset, length }).collect());
        Content { size, sha256: id, chunks: vec![ChunkRef { id, length: stored }], sparse: segments }
    }

    fn placed(layout: &Layout, offset: u64, data: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let mut writes = Vec::new();
        layout
            .place(offset, data, |at, bytes| {
                writes.push((at, bytes.to_vec()));
                Ok::<_, ()>(())
            })
            .unwrap();
        writes
    }

    #[test]
    fn a_chunk_is_spread_over_the_segments_that_it_covers() {
        let layout = Layout::of(&content(100, 9, Some(vec![(10, 4), (20, 0), (50, 5)]))).unwrap();
        assert_eq!(placed(&layout, 0, b"abcdefghi"), [(10, b"abcd".to_vec()), (20, vec![]), (50, b"efghi".to_vec())]);
        assert_eq!(placed(&layout, 2, b"cde"), [(12, b"cd".to_vec()), (20, vec![]), (50, b"e".to_vec())]);
        assert_eq!(placed(&layout, 5, b"fg"), [(51, b"fg".to_vec())]);
    }

    #[test]
    fn a_layout_that_does_not_add_up_is_refused() {
        assert!(Layout::of(&content(10, 10, None)).is_ok());
        assert!(Layout::of(&content(10, 9, None)).is_err());
        assert!(Layout::of(&content(10, 4, Some(vec![(0, 4)]))).is_ok());
        assert!(Layout::of(&content(10, 4, Some(vec![(0, 5)]))).is_err());
        assert!(Layout::of(&content(10, 4, Some(vec![(8, 4)]))).is_err());
        assert!(Layout::of(&content(10, 4, Some(vec![(4, 2), (0, 2)]))).is_err());
        assert!(Layout::of(&content(10, 4, Some(vec![(u64::MAX, 4)]))).is_err());
    }
}
