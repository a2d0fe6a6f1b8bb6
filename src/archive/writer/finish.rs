//! The end of an archive: manifest, index, restore point, end of the tar, trailer.

use std::io::{self, Read as _};

use crossbeam_channel::bounded;
use jiff::Timestamp;

use super::committer::{Committed, Spool};
use super::pipeline::Mark;
use super::{ArchiveWriter, FRAME_TARGET, Finished, WriteError, archive_error, offset_u32};
use crate::archive::chunk::{Cutter, chunking};
use crate::archive::escape::escape;
use crate::archive::frame::{Codec, Compressor};
use crate::archive::index::{CHUNK_RECORD, CHUNKS_PER_PAGE, write_frames};
use crate::archive::manifest::{Entry, Meta};
use crate::archive::metadata::{FrameLocation, IndexPage, Metadata, RestorePoint, SourceSummary};
use crate::archive::pax::{self, BLOCK, Body, Member};
use crate::archive::trailer::{self, Trailer};
use crate::model::Sha256;

impl ArchiveWriter {
    /// Writes manifest, index, restore point and trailer.
    ///
    /// # Errors
    /// [`WriteError::Archive`], [`WriteError::Cancelled`].
    pub fn finish(mut self, sources: Vec<SourceSummary>, finished_at: Timestamp) -> Result<Finished, WriteError> {
        let spools = self.take_spools()?;
        let manifest_bytes = spools.iter().map(|spool| spool.bytes).sum();
        self.add_manifest(spools, manifest_bytes)?;
        let meta = self.own_meta();
        let Self { pipeline, codec, metadata, progress, .. } = self;
        let committed = pipeline.finish().map_err(|error| archive_error(error, &progress))?;
        let known = Known { metadata, sources, finished_at, manifest_bytes };
        let compressor = Compressor::new(codec).map_err(WriteError::Archive)?;
        let tail = Tail { committed, compressor, codec, meta, pending: vec![0; pax::padding(manifest_bytes)] };
        tail.write(known).map_err(WriteError::Archive)
    }

    /// Waits until every entry's line is written, and takes them, sorted by source.
    fn take_spools(&mut self) -> Result<Vec<Spool>, WriteError> {
        let (sender, receiver) = bounded(1);
        self.frame.marks.push(Mark::TakeManifest(sender));
        self.flush()?;
        // The committer drops the mark when it has failed.
        receiver.recv().map_err(|_dropped| archive_error(self.pipeline.failure(), &self.progress))
    }

    fn add_manifest(&mut self, spools: Vec<Spool>, bytes: u64) -> Result<(), WriteError> {
        let meta = self.own_meta();
        let member = Member { path: b"manifest.jsonl", meta: &meta, body: Body::File(bytes) };
        pax::append_header(self.frame.raw.bytes_mut(), member);
        self.flush()?;
        let cutter = Cutter::for_manifest();
        let mut lines = Lines { spools: spools.into_iter(), current: None, unread: bytes };
        let mut window = Vec::new();
        loop {
            lines.fill(&mut window, cutter.max()).map_err(WriteError::Archive)?;
            if window.is_empty() {
                return self.flush();
            }
            let length = lines.next_chunk(&mut window, cutter).map_err(WriteError::Archive)?;
            let offset = self.frame.raw.bytes().len();
            if offset > 0 && offset + length > FRAME_TARGET {
                self.flush()?;
            }
            self.add_manifest_chunk(&window[..length])?;
            window.drain(..length);
        }
    }

    fn add_manifest_chunk(&mut self, chunk: &[u8]) -> Result<(), WriteError> {
        let line = chunk.split(|&b| b == b'\n').next().unwrap_or_default();
        let entry = Entry::parse_line(line).map_err(|bad| WriteError::Archive(io::Error::other(bad)))?;
        let raw = self.frame.raw.bytes_mut();
        let offset = offset_u32(raw.len());
        raw.extend_from_slice(chunk);
        let first = escape(&entry.path).into_owned();
        self.frame.marks.push(Mark::ManifestChunk { offset, length: offset_u32(chunk.len()), first });
        Ok(())
    }
}

/// The lines of all sources as one stream.
struct Lines {
    spools: std::vec::IntoIter<Spool>,
    current: Option<std::fs::File>,
    unread: u64,
}

impl Lines {
    /// Reads until `window` holds `wanted` bytes or all that is left.
    fn fill(&mut self, window: &mut Vec<u8>, wanted: usize) -> io::Result<()> {
        while window.len() < wanted {
            if self.current.is_none() {
                self.current = self.spools.next().map(|spool| spool.lines);
            }
            let Some(file) = &mut self.current else { return Ok(()) };
            let got = file.take((wanted - window.len()) as u64).read_to_end(window)?;
            self.unread -= got as u64;
            if got == 0 {
                self.current = None;
            }
        }
        Ok(())
    }

    /// Length of the chunk that begins `window`, which is filled up to the end of the line in which it ends.
    fn next_chunk(&mut self, window: &mut Vec<u8>, cutter: Cutter) -> io::Result<usize> {
        loop {
            let length = cutter.first_chunk_of_lines(window);
            if window[length - 1] == b'\n' || self.unread == 0 {
                return Ok(length);
            }
            let longer = window.len() + cutter.max();
            self.fill(window, longer)?;
        }
    }
}

/// What the job knows of a finished backup.
struct Known {
    metadata: Metadata,
    sources: Vec<SourceSummary>,
    finished_at: Timestamp,
    manifest_bytes: u64,
}

/// Writes what comes behind the pipeline's frames: few bytes, one after the other.
struct Tail {
    committed: Committed,
    compressor: Compressor,
    codec: Codec,
    meta: Meta,
    /// Padding and headers that wait for the frame between two of our members.
    pending: Vec<u8>,
}

impl Tail {
    fn write(mut self, known: Known) -> io::Result<Finished> {
        let index = self.write_index()?;
        let committed = &mut self.committed;
        let restore_point = RestorePoint {
            archives: vec![known.metadata.id],
            metadata: known.metadata,
            finished_at: known.finished_at,
            sources: known.sources,
            totals: committed.totals,
            manifest_bytes: known.manifest_bytes,
            manifest: std::mem::take(&mut committed.manifest),
            index,
            chunking: chunking(),
        };
        let json = serde_json::to_vec(&restore_point)?;
        let restore_point_sha256 = Sha256::of(&json);
        self.begin_member(b"restore-point.json", json.len() as u64)?;
        let location = self.append_frame(&json)?;
        self.end_member(json.len() as u64);
        self.write_end(Trailer { algorithm: self.codec.algorithm(), restore_point: location, restore_point_sha256 })?;
        let output = self.committed.output;
        let sha256 = Sha256::finish(output.hasher);
        Ok(Finished { file: output.file, size_bytes: output.position, sha256, restore_point })
    }

    /// The index covers the frames before it; its own are found through the restore point.
    fn write_index(&mut self) -> io::Result<Vec<IndexPage>> {
        self.committed.chunks.sort_unstable();
        let frames_bytes = write_frames(&self.committed.frames);
        let chunks = std::mem::take(&mut self.committed.chunks);
        let size = frames_bytes.len() as u64 + (chunks.len() * CHUNK_RECORD) as u64;
        self.begin_member(b".carelog/index", size)?;
        let mut pages = vec![self.append_page(&frames_bytes, None)?];
        let mut bytes = Vec::with_capacity(CHUNKS_PER_PAGE * CHUNK_RECORD);
        for page in chunks.chunks(CHUNKS_PER_PAGE) {
            bytes.clear();
            for chunk in page {
                chunk.write(&mut bytes);
            }
            pages.push(self.append_page(&bytes, page.first().map(|chunk| chunk.id))?);
        }
        self.end_member(size);
        Ok(pages)
    }

    fn append_page(&mut self, bytes: &[u8], first: Option<Sha256>) -> io::Result<IndexPage> {
        let frame = self.append_frame(bytes)?;
        Ok(IndexPage { frame, sha256: Sha256::of(bytes), first })
    }

    /// Writes the header of one of our members, in a frame with what was pending before it.
    fn begin_member(&mut self, path: &[u8], size: u64) -> io::Result<()> {
        let mut raw = std::mem::take(&mut self.pending);
        pax::append_header(&mut raw, Member { path, meta: &self.meta, body: Body::File(size) });
        self.append_frame(&raw)?;
        Ok(())
    }

    fn end_member(&mut self, size: u64) {
        self.pending = vec![0; pax::padding(size)];
    }

    /// Appends `raw` as one frame of its own.
    fn append_frame(&mut self, raw: &[u8]) -> io::Result<FrameLocation> {
        let mut stored = Vec::new();
        self.compressor.compress(raw, &mut stored)?;
        let length = |length: usize| u32::try_from(length).map_err(|_| io::Error::other("a frame is too large"));
        let position = self.committed.output.position;
        let location = FrameLocation { position, stored: length(stored.len())?, raw: length(raw.len())? };
        self.committed.output.append(&stored)?;
        Ok(location)
    }

    /// The end of the tar, two blocks of zeros, and the trailer: behind the end where it is compressed, before it where
    /// it is not.
    fn write_end(&mut self, trailer: Trailer) -> io::Result<()> {
        let mut raw = std::mem::take(&mut self.pending);
        let mut tar_header = Vec::new();
        if self.codec == Codec::None {
            let body = Body::File(BLOCK as u64);
            pax::append_header(&mut tar_header, Member { path: trailer::MEMBER, meta: &self.meta, body });
        } else {
            raw.resize(raw.len() + 2 * BLOCK, 0);
        }
        self.append_frame(&raw)?;
        self.committed.output.append(&trailer.to_bytes(&tar_header))
    }
}
