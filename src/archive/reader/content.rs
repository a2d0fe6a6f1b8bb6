//! A file's content as a stream of bytes, each of which was checked before it is handed out.

use std::io::{self, BufRead, Read};
use std::ops::{Deref, Range};

use super::{ArchiveReader, ReadError, checked_chunk};
use crate::archive::manifest::{ChunkRef, Content};

impl ArchiveReader {
    /// The bytes of `content` (of a sparse file: of its segments, one after the other) for whoever wants to read them as
    /// from a file; an archive that several threads share is lent out by [`ContentReader::new`].
    #[must_use]
    pub fn open_content(&self, content: &Content) -> ContentReader<&Self> {
        ContentReader::new(self, content)
    }

    /// Delivers the chunks of `content` in order, each checked against its SHA-256. For single streams; trees are
    /// extracted frame by frame in parallel.
    ///
    /// # Errors
    /// Any [`ReadError`]; an error of `sink` comes back as [`ReadError::Io`].
    pub fn read_content(
        &self,
        content: &Content,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), ReadError> {
        let mut reader = self.open_content(content);
        while reader.load_next_chunk()? {
            sink(reader.unread())?;
        }
        Ok(())
    }
}

/// Reads one content of an archive, one frame in memory at a time. A chunk whose SHA-256 is not the one that the manifest
/// names is an error before any byte of it is handed out; so is every read after an error. The [`ReadError`] is the inner
/// error of the [`io::Error`].
#[derive(Debug)]
pub struct ContentReader<A> {
    archive: A,
    chunks: std::vec::IntoIter<ChunkRef>,
    /// The decompressed frame at hand, and its number.
    frame: Vec<u8>,
    loaded: Option<u32>,
    /// Bytes of the frame that were checked and not handed out yet.
    unread: Range<usize>,
    failed: bool,
}

impl<A: Deref<Target = ArchiveReader>> ContentReader<A> {
    /// A reader that keeps `archive`, a reference or an `Arc`.
    #[must_use]
    pub fn new(archive: A, content: &Content) -> Self {
        let chunks = content.chunks.clone().into_iter();
        Self { archive, chunks, frame: Vec::new(), loaded: None, unread: 0..0, failed: false }
    }

    fn unread(&self) -> &[u8] {
        &self.frame[self.unread.clone()]
    }

    /// Whether there was one; its bytes are then the unread ones.
    fn load_next_chunk(&mut self) -> Result<bool, ReadError> {
        self.unread = 0..0;
        let Some(chunk) = self.chunks.next() else { return Ok(false) };
        let location = self.archive.locate(&chunk.id)?;
        if self.loaded != Some(location.frame) {
            self.loaded = None;
            self.archive.read_frame(location.frame, &mut self.frame)?;
            self.loaded = Some(location.frame);
        }
        let bytes = checked_chunk(&self.frame, &location, &chunk.id)?;
        if bytes.len() != chunk.length as usize {
            let what = format!("chunk {} has another length than the manifest says", chunk.id);
            return Err(ReadError::Damaged(what));
        }
        let start = location.offset as usize;
        self.unread = start..start + bytes.len();
        Ok(true)
    }
}

impl<A: Deref<Target = ArchiveReader>> BufRead for ContentReader<A> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.failed {
            // What follows a lost chunk must not look as if it followed what came before.
            return Err(io::Error::other("the content could not be read to its end"));
        }
        while self.unread.is_empty() {
            match self.load_next_chunk() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    self.failed = true;
                    return Err(io::Error::other(error));
                }
            }
        }
        Ok(self.unread())
    }

    fn consume(&mut self, amount: usize) {
        self.unread.start = self.unread.end.min(self.unread.start + amount);
    }
}

impl<A: Deref<Target = ArchiveReader>> Read for ContentReader<A> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::archive::Codec;
    use crate::archive::testing::{Noise, archive_of};

    #[test]
    fn a_content_reads_like_a_file_from_another_thread_too() {
        let data = Noise::new(21).bytes(11_000_003);
        for size in [0, 1, 5000, data.len()] {
            let archive = archive_of(Codec::Zstd(3), &[("t/f".to_owned(), data[..size].to_vec())]);
            let reader = Arc::new(archive.reader());
            let entry = reader.entry(b"t/f").unwrap().unwrap();
            let mut content = ContentReader::new(reader, entry.content().unwrap());
            let read = std::thread::spawn(move || {
                let mut bytes = Vec::new();
                content.read_to_end(&mut bytes).unwrap();
                bytes
            });
            assert!(read.join().unwrap() == data[..size], "{size} bytes");
        }
    }

    #[test]
    fn no_byte_of_a_damaged_chunk_is_handed_out_and_none_after_it() {
        let data = Noise::new(22).bytes(9 << 20);
        let archive = archive_of(Codec::None, &[("t/f".to_owned(), data.clone())]);
        let reader = archive.reader();
        let entry = reader.entry(b"t/f").unwrap().unwrap();
        let content = entry.content().unwrap();
        let hurt = content.chunks.len() / 2;
        let location = reader.locate(&content.chunks[hurt].id).unwrap();
        let frame = reader.frames()[location.frame as usize];
        // The last byte of the chunk: all before it are as they were.
        archive.flip(frame.position + u64::from(location.offset + location.length) - 1);
        let sound: usize = content.chunks[..hurt].iter().map(|chunk| chunk.length as usize).sum();
        let mut stream = reader.open_content(content);
        let mut bytes = Vec::new();
        let error = stream.read_to_end(&mut bytes).unwrap_err();
        assert!(matches!(error.get_ref().and_then(|e| e.downcast_ref()), Some(ReadError::Damaged(_))), "{error}");
        assert!(bytes == data[..sound], "{} bytes, {sound} were sound", bytes.len());
        assert!(stream.read(&mut [0; 10]).is_err());
    }
}
