//! The frames of a stream whose length is not known yet. Its header, which says the length, stands before them in the
//! archive: so they wait in an unnamed file, as they will stand there, and are appended behind the header.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};
use tokio_util::sync::CancellationToken;

use super::committer::{Committed, length_u32};
use super::flusher::Flusher;
use crate::archive::index::IndexedChunk;
use crate::archive::metadata::FrameLocation;

/// So much is copied at once (bytes).
const PIECE: usize = 4 * 1024 * 1024;

/// Frames that wait for their header.
#[derive(Debug)]
pub(super) struct StreamSpool {
    file: File,
    bytes: u64,
    /// Their positions count from the beginning of the spool.
    frames: Vec<FrameLocation>,
    /// The numbers of their frames count from the first in the spool.
    chunks: Vec<IndexedChunk>,
}

impl StreamSpool {
    pub(super) fn new(dir: &Path) -> io::Result<Self> {
        Ok(Self { file: tempfile::tempfile_in(dir)?, bytes: 0, frames: Vec::new(), chunks: Vec::new() })
    }

    /// Number of the frame that comes next.
    pub(super) fn next_frame(&self) -> io::Result<u32> {
        length_u32(self.frames.len())
    }

    /// Takes in a frame of `raw` bytes.
    pub(super) fn push_frame(&mut self, stored: &[u8], raw: usize) -> io::Result<()> {
        let location = FrameLocation { position: self.bytes, stored: length_u32(stored.len())?, raw: length_u32(raw)? };
        self.file.write_all(stored)?;
        self.bytes += stored.len() as u64;
        self.frames.push(location);
        Ok(())
    }

    /// Takes note of a chunk in one of its frames.
    pub(super) fn push_chunk(&mut self, chunk: IndexedChunk) {
        self.chunks.push(chunk);
    }

    /// Appends everything to the archive, and gives the disk back what was copied: otherwise a dump would need its room
    /// twice. A large spool takes minutes, so `stop` is looked at on the way.
    pub(super) fn append_to(
        self,
        committed: &mut Committed,
        flusher: &mut Flusher,
        stop: &CancellationToken,
    ) -> io::Result<()> {
        let (start, first) = (committed.output.position, length_u32(committed.frames.len())?);
        let mut piece = vec![0; PIECE];
        let mut copied = 0;
        while copied < self.bytes {
            if stop.is_cancelled() {
                return Err(io::Error::other("given up while a stream was appended"));
            }
            let length = usize::try_from(self.bytes - copied).unwrap_or(PIECE).min(PIECE);
            self.file.read_exact_at(&mut piece[..length], copied)?;
            committed.output.append(&piece[..length])?;
            flusher.written(length);
            self.discard(copied, length);
            copied += length as u64;
        }
        let moved = |frame: FrameLocation| FrameLocation { position: start + frame.position, ..frame };
        committed.frames.extend(self.frames.into_iter().map(moved));
        for chunk in self.chunks {
            let frame = first.checked_add(chunk.frame).ok_or_else(|| io::Error::other("more frames than fit"))?;
            committed.chunks.push(IndexedChunk { frame, ..chunk });
        }
        Ok(())
    }

    fn discard(&self, offset: u64, length: usize) {
        let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        // Not every file system can; then the room is free a little later, when the file is closed.
        let _freed = fallocate(&self.file, punch, offset, length as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::writer::committer::Output;
    use crate::model::Sha256;

    /// An archive that holds a frame of ten bytes.
    fn archive() -> Committed {
        let output = Output { file: tempfile::tempfile().unwrap(), hasher: sha2::Digest::new(), position: 0 };
        let frames = vec![FrameLocation { position: 0, stored: 10, raw: 20 }];
        let mut committed =
            Committed { output, frames, chunks: Vec::new(), manifest: Vec::new(), totals: Default::default() };
        committed.output.append(b"0123456789").unwrap();
        committed
    }

    fn spool(dir: &Path) -> StreamSpool {
        let mut spool = StreamSpool::new(dir).unwrap();
        for letter in *b"ab" {
            let frame = spool.next_frame().unwrap();
            spool.push_chunk(IndexedChunk { id: Sha256::of(&[letter]), frame, offset: 1, length: 2 });
            spool.push_frame(&vec![letter; PIECE - 1], 9).unwrap();
        }
        spool
    }

    #[test]
    fn frames_and_chunks_are_told_where_they_came_to_lie() {
        let dir = tempfile::tempdir().unwrap();
        let mut archive = archive();
        let mut flusher = Flusher::start(&archive.output.file).unwrap();
        spool(dir.path()).append_to(&mut archive, &mut flusher, &CancellationToken::new()).unwrap();
        let places: Vec<_> = archive.frames.iter().map(|frame| (frame.position, frame.stored)).collect();
        let stored = u32::try_from(PIECE).unwrap() - 1;
        assert_eq!(places, [(0, 10), (10, stored), (10 + u64::from(stored), stored)]);
        let chunks: Vec<_> = archive.chunks.iter().map(|chunk| (chunk.id, chunk.frame)).collect();
        assert_eq!(chunks, [(Sha256::of(b"a"), 1), (Sha256::of(b"b"), 2)]);
        let mut bytes = vec![0; 10 + 2 * (PIECE - 1)];
        archive.output.file.read_exact_at(&mut bytes, 0).unwrap();
        assert!(bytes[9..][..PIECE] == *[b"9", &[b'a'; PIECE - 1][..]].concat());
        assert!(bytes[9 + PIECE..] == [b'b'; PIECE - 1]);
        assert_eq!(Sha256::finish(archive.output.hasher), Sha256::of(&bytes));
    }

    #[test]
    fn a_copy_that_nobody_wants_any_more_ends() {
        let dir = tempfile::tempdir().unwrap();
        let mut archive = archive();
        let mut flusher = Flusher::start(&archive.output.file).unwrap();
        let stop = CancellationToken::new();
        stop.cancel();
        assert!(spool(dir.path()).append_to(&mut archive, &mut flusher, &stop).is_err());
        assert_eq!(archive.output.position, 10);
    }
}
