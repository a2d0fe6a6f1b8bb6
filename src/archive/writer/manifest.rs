//! Writes the manifest: cut into chunks at line ends, and in an incremental only those that no base's restore point has.

use std::io::{self, Read as _};

use crossbeam_channel::bounded;

use super::committer::Spool;
use super::deduplicated::DELTA;
use super::held::{Archives, ManifestChunks};
use super::pipeline::{ListedChunk, Mark};
use super::{ArchiveWriter, WriteError, archive_error, offset_u32};
use crate::archive::chunk::Cutter;
use crate::archive::escape::escape;
use crate::archive::manifest::Entry;
use crate::archive::pax::{self, Body, Member};
use crate::model::Sha256;

/// Its name in the tar.
const MANIFEST: &[u8] = b"manifest.jsonl";

/// Bytes of it that are compressed together: whoever looks for one entry reads one of these.
const MANIFEST_FRAME: usize = 1024 * 1024;

impl ArchiveWriter {
    /// Writes the manifest of everything that was added; returns its length.
    pub(super) fn add_manifest(&mut self) -> Result<u64, WriteError> {
        let spools = self.take_spools()?;
        let bytes = spools.iter().map(|spool| spool.bytes).sum();
        let chunks = Chunks::of(spools, bytes);
        if self.held.is_incremental() {
            self.add_new_manifest(chunks)?;
        } else {
            self.add_whole_manifest(chunks, bytes)?;
        }
        self.flush()?;
        Ok(bytes)
    }

    /// Waits until every entry's line is written, and takes them, sorted by source.
    fn take_spools(&mut self) -> Result<Vec<Spool>, WriteError> {
        let (sender, receiver) = bounded(1);
        self.frame.marks.push(Mark::TakeManifest(sender));
        self.flush()?;
        // The committer drops the mark when it has failed.
        receiver.recv().map_err(|_dropped| archive_error(self.pipeline.failure(), &self.progress))
    }

    fn add_whole_manifest(&mut self, mut chunks: Chunks, bytes: u64) -> Result<(), WriteError> {
        self.append_manifest_header(MANIFEST, bytes);
        self.flush()?;
        let archives = Archives::from([self.metadata.id]);
        while let Some(chunk) = chunks.next().map_err(WriteError::Archive)? {
            let offset = self.frame.raw.bytes().len();
            if offset > 0 && offset + chunk.len() > MANIFEST_FRAME {
                self.flush()?;
            }
            let listed = ListedChunk { first: first_path(chunk)?, archives: archives.clone() };
            let offset = offset_u32(self.frame.raw.bytes().len());
            self.frame.raw.bytes_mut().extend_from_slice(chunk);
            self.frame.marks.push(Mark::ManifestChunk { offset, length: offset_u32(chunk.len()), listed });
        }
        pax::append_padding(self.frame.raw.bytes_mut(), bytes);
        Ok(())
    }

    fn add_new_manifest(&mut self, mut chunks: Chunks) -> Result<(), WriteError> {
        let of_bases = self.held.manifest_chunks();
        // The members end here, so that what is new of the manifest does not share a frame with them.
        self.flush()?;
        let mut delta = self.new_delta();
        while let Some(chunk) = chunks.next().map_err(WriteError::Archive)? {
            self.progress.check_cancelled()?;
            match held_chunk(chunk, &of_bases)? {
                Ok(held) => delta.push_mark(held),
                Err(id) => {
                    let length = offset_u32(chunk.len());
                    let listed = ListedChunk { first: first_path(chunk)?, archives: self.archives_of_lines(chunk)? };
                    let mark = |offset| Mark::HashedManifestChunk { offset, length, id, listed };
                    self.add_new_manifest_chunk(&mut delta, chunk, MANIFEST_FRAME, mark)?;
                }
            }
        }
        if delta.bytes() > 0 {
            let path = [DELTA, MANIFEST].concat();
            self.append_delta(&mut delta, |writer, bytes| writer.append_manifest_header(&path, bytes))?;
        }
        self.frame.marks.append(delta.marks_mut());
        Ok(())
    }

    fn append_manifest_header(&mut self, path: &[u8], bytes: u64) {
        let meta = self.own_meta();
        pax::append_header(self.frame.raw.bytes_mut(), Member { path, meta: &meta, body: Body::File(bytes) });
    }

    /// Where the content of the entries in these lines lies, and the lines themselves.
    fn archives_of_lines(&self, lines: &[u8]) -> Result<Archives, WriteError> {
        let mut archives = Archives::from([self.metadata.id]);
        for line in lines.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
            self.held.add_archives_of(&parsed(line)?, &mut archives);
        }
        Ok(archives)
    }
}

/// The mark of a chunk that a base's manifest has too, or the chunk's id.
fn held_chunk(chunk: &[u8], of_bases: &ManifestChunks) -> Result<Result<Mark, Sha256>, WriteError> {
    let id = Sha256::of(chunk);
    let Some(archives) = of_bases.get(&id) else { return Ok(Err(id)) };
    let listed = ListedChunk { first: first_path(chunk)?, archives: archives.clone() };
    Ok(Ok(Mark::HeldManifestChunk { id, length: offset_u32(chunk.len()), listed }))
}

fn first_path(chunk: &[u8]) -> Result<String, WriteError> {
    let line = chunk.split(|&b| b == b'\n').next().unwrap_or_default();
    Ok(escape(&parsed(line)?.path).into_owned())
}

fn parsed(line: &[u8]) -> Result<Entry, WriteError> {
    Entry::parse_line(line).map_err(|bad| WriteError::Archive(io::Error::other(bad)))
}

/// The lines of all sources, cut into chunks.
struct Chunks {
    cutter: Cutter,
    spools: std::vec::IntoIter<Spool>,
    current: Option<std::fs::File>,
    unread: u64,
    window: Vec<u8>,
    /// Length of the chunk that was handed out last; it still begins the window.
    taken: usize,
}

impl Chunks {
    fn of(spools: Vec<Spool>, bytes: u64) -> Self {
        let cutter = Cutter::for_manifest();
        Self { cutter, spools: spools.into_iter(), current: None, unread: bytes, window: Vec::new(), taken: 0 }
    }

    /// The next chunk; `None` after the last.
    fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.window.drain(..self.taken);
        let mut wanted = self.cutter.max();
        loop {
            self.fill(wanted)?;
            if self.window.is_empty() {
                return Ok(None);
            }
            let length = self.cutter.first_chunk_of_lines(&self.window);
            if self.window[length - 1] == b'\n' || self.unread == 0 {
                self.taken = length;
                return Ok(Some(&self.window[..length]));
            }
            // The line in which the chunk ends is longer than what was read of it.
            wanted = self.window.len() + self.cutter.max();
        }
    }

    /// Reads until the window holds `wanted` bytes or all that is left.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        while self.window.len() < wanted {
            if self.current.is_none() {
                self.current = self.spools.next().map(|spool| spool.lines);
            }
            let Some(file) = &mut self.current else { return Ok(()) };
            let got = file.take((wanted - self.window.len()) as u64).read_to_end(&mut self.window)?;
            self.unread -= got as u64;
            if got == 0 {
                self.current = None;
            }
        }
        Ok(())
    }
}
