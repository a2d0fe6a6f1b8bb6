//! Where content is cut into chunks: content-defined (FastCDC, 2020), so that an insertion moves no later boundary.
//!
//! The parameters are recorded in each archive; readers never need them, only writers that want to find the same chunks.

use fastcdc::v2020::{Normalization, cut, select_masks};

use super::metadata::Chunking;

/// Content up to this size is one chunk (bytes).
pub const MIN_CHUNK: usize = 512 * 1024;
/// Size that cutting aims at (bytes).
pub const AVERAGE_CHUNK: usize = 1024 * 1024;
/// No chunk is larger (bytes). Also the raw size that a frame aims at, so that a chunk always fits one frame.
pub const MAX_CHUNK: usize = 4 * 1024 * 1024;

/// A cutter with one set of sizes.
#[derive(Clone, Copy, Debug)]
pub struct Cutter {
    min: usize,
    average: usize,
    max: usize,
    mask_short: u64,
    mask_long: u64,
}

impl Cutter {
    /// For the content of files and streams.
    #[must_use]
    pub fn for_content() -> Self {
        Self::new(MIN_CHUNK, AVERAGE_CHUNK, MAX_CHUNK)
    }

    /// For the manifest, whose unchanged parts later backups only name: smaller chunks.
    #[must_use]
    pub fn for_manifest() -> Self {
        Self::new(64 * 1024, 128 * 1024, 1024 * 1024)
    }

    fn new(min: usize, average: usize, max: usize) -> Self {
        let (mask_short, mask_long) = select_masks(average, Normalization::Level1);
        Self { min, average, max, mask_short, mask_long }
    }

    /// The largest chunk that this cutter makes (bytes).
    #[must_use]
    pub const fn max(&self) -> usize {
        self.max
    }

    /// Length of the first chunk of `data`. Only meaningful when `data` holds at least [`Cutter::max`] bytes or all that
    /// is left of the content.
    #[must_use]
    pub fn first_chunk(&self, data: &[u8]) -> usize {
        let (short, long) = (self.mask_short, self.mask_long);
        let (_, length) = cut(data, self.min, self.average, self.max, short, long, short << 1, long << 1);
        length
    }

    /// As [`Cutter::first_chunk`], but the chunk is extended to the end of the line in which it would end.
    #[must_use]
    pub fn first_chunk_of_lines(&self, data: &[u8]) -> usize {
        let length = self.first_chunk(data);
        let within = length.saturating_sub(1);
        data[within..].iter().position(|&b| b == b'\n').map_or(data.len(), |at| within + at + 1)
    }
}

/// What is written down of the parameters.
#[must_use]
pub fn chunking() -> Chunking {
    Chunking {
        algorithm: "fastcdc-2020".to_owned(),
        min: MIN_CHUNK as u64,
        average: AVERAGE_CHUNK as u64,
        max: MAX_CHUNK as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize, mut seed: u64) -> Vec<u8> {
        let mut next = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed.to_le_bytes()
        };
        std::iter::repeat_with(&mut next).flatten().take(length).collect()
    }

    fn cuts(cutter: Cutter, mut data: &[u8]) -> Vec<usize> {
        let mut lengths = Vec::new();
        while !data.is_empty() {
            let length = cutter.first_chunk(data);
            lengths.push(length);
            data = &data[length..];
        }
        lengths
    }

    #[test]
    fn an_insertion_moves_only_the_boundaries_near_it() {
        let data = noise(12 << 20, 7);
        let mut edited = data.clone();
        edited.splice(5000..5000, *b"inserted");
        let (before, after) = (cuts(Cutter::for_content(), &data), cuts(Cutter::for_content(), &edited));
        assert!(before.len() > 4);
        assert_eq!(before[2..], after[2..]);
    }

    #[test]
    fn chunks_of_lines_end_at_line_ends() {
        let text: Vec<u8> = (0..60_000).flat_map(|n| format!("line number {n}\n").into_bytes()).collect();
        let mut rest = &text[..];
        let mut count = 0;
        while !rest.is_empty() {
            let length = Cutter::for_manifest().first_chunk_of_lines(rest);
            assert_eq!(rest[length - 1], b'\n');
            rest = &rest[length..];
            count += 1;
        }
        assert!(count > 3);
    }
}
