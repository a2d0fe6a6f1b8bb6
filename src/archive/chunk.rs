//! Where content is cut into chunks: content-defined (FastCDC, 2020), so that an insertion moves no later boundary.
//!
//! The parameters are recorded in each archive; readers never need them, only writers that want to find the same chunks.

use fastcdc::v2020::{Normalization, cut, select_masks};

use super::metadata::Chunking;

/// Content of a file up to this size is one chunk (bytes).
pub const MIN_CHUNK: usize = 512 * 1024;
/// Size that cutting aims at (bytes).
pub const AVERAGE_CHUNK: usize = 1024 * 1024;
/// No chunk is larger (bytes). Also the raw size that a frame aims at, so that a chunk always fits one frame.
pub const MAX_CHUNK: usize = 4 * 1024 * 1024;

/// The same of streams, a dump or a JSON file, which change in many places: smaller chunks, so that little is stored
/// again (docs/PERFORMANCE.md). In trees, where files are replaced rather than edited, they would only make indexes long.
const STREAM_MIN: usize = 64 * 1024;
const STREAM_AVERAGE: usize = 128 * 1024;
const STREAM_MAX: usize = 512 * 1024;

/// From here on a stream is cut like a file, lest the list of its chunks becomes longer than a manifest can hold (bytes).
const STREAM_HEAD: u64 = 16 * 1024 * 1024 * 1024;

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
    fn for_files() -> Self {
        Self::new(MIN_CHUNK, AVERAGE_CHUNK, MAX_CHUNK)
    }

    fn for_streams() -> Self {
        Self::new(STREAM_MIN, STREAM_AVERAGE, STREAM_MAX)
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

/// Cuts one content from its beginning to its end.
#[derive(Clone, Copy, Debug)]
pub struct ContentCutter {
    /// For the first bytes, and how many these are.
    head: Cutter,
    head_bytes: u64,
    rest: Cutter,
    /// Bytes that were cut.
    position: u64,
}

impl ContentCutter {
    /// For the content of the member at `path`. One that is a source by itself, and in no folder, is a stream.
    #[must_use]
    pub fn for_member(path: &[u8]) -> Self {
        let (head, head_bytes) =
            if path.contains(&b'/') { (Cutter::for_files(), 0) } else { (Cutter::for_streams(), STREAM_HEAD) };
        Self { head, head_bytes, rest: Cutter::for_files(), position: 0 }
    }

    /// Length of the next chunk, which `data` begins with; `None` when its end is not certain before more of the content
    /// is there, or when there is none. At [`MAX_CHUNK`] bytes it is certain.
    pub fn next_chunk(&mut self, data: &[u8], at_end: bool) -> Option<usize> {
        if data.is_empty() {
            return None;
        }
        let cutter = if self.position < self.head_bytes { self.head } else { self.rest };
        let length = cutter.first_chunk(data);
        // A chunk that ends with the data may only have been cut off by it.
        let is_certain = at_end || length < data.len() || length >= cutter.max();
        is_certain.then(|| {
            self.position += length as u64;
            length
        })
    }
}

/// What is written down of the parameters for files.
#[must_use]
pub fn chunking() -> Chunking {
    written(MIN_CHUNK, AVERAGE_CHUNK, MAX_CHUNK)
}

/// What is written down of the parameters for streams.
#[must_use]
pub fn stream_chunking() -> Chunking {
    written(STREAM_MIN, STREAM_AVERAGE, STREAM_MAX)
}

fn written(min: usize, average: usize, max: usize) -> Chunking {
    Chunking { algorithm: "fastcdc-2020".to_owned(), min: min as u64, average: average as u64, max: max as u64 }
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

    fn cuts(mut cutter: ContentCutter, mut data: &[u8]) -> Vec<usize> {
        let mut lengths = Vec::new();
        while let Some(length) = cutter.next_chunk(data, true) {
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
        for path in [&b"tree/file"[..], b"dump.sql"] {
            let cutter = ContentCutter::for_member(path);
            let (before, after) = (cuts(cutter, &data), cuts(cutter, &edited));
            assert!(before.len() > 4);
            assert_eq!(before[2..], after[2..]);
        }
    }

    #[test]
    fn a_stream_is_cut_smaller_until_it_is_very_long() {
        let data = noise(12 << 20, 8);
        let of_file = cuts(ContentCutter::for_member(b"tree/file"), &data);
        let of_stream = cuts(ContentCutter::for_member(b"dump.sql"), &data);
        assert!(of_stream.len() > 4 * of_file.len(), "{} and {}", of_stream.len(), of_file.len());
        let mut late = ContentCutter::for_member(b"dump.sql");
        late.position = STREAM_HEAD - 1;
        let first = late.next_chunk(&data, true).unwrap();
        assert_eq!(first, of_stream[0]);
        assert_eq!(cuts(late, &data[first..]), cuts(ContentCutter::for_member(b"tree/file"), &data[first..]));
    }

    #[test]
    fn chunks_are_the_same_however_the_content_arrives() {
        let data = noise(9 << 20, 9);
        for path in [&b"tree/file"[..], b"dump.sql"] {
            let mut cutter = ContentCutter::for_member(path);
            let mut lengths = Vec::new();
            let (mut start, mut end) = (0, 0);
            while start < data.len() {
                end = (end + 777_777).min(data.len()).min(start + MAX_CHUNK);
                while let Some(length) = cutter.next_chunk(&data[start..end], end == data.len()) {
                    lengths.push(length);
                    start += length;
                }
            }
            assert_eq!(lengths, cuts(ContentCutter::for_member(path), &data));
        }
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
