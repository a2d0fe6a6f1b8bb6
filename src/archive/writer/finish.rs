//! The end of an archive: behind the manifest its index, restore point, end of the tar, trailer.

use std::collections::{BTreeSet, HashMap};
use std::io;

use jiff::Timestamp;

use super::committer::Committed;
use super::pipeline::ListedChunk;
use super::{ArchiveWriter, Finished, WriteError, archive_error};
use crate::archive::chunk::{chunking, stream_chunking};
use crate::archive::frame::{Codec, Compressor};
use crate::archive::index::{CHUNK_RECORD, CHUNKS_PER_PAGE, write_frames};
use crate::archive::manifest::{ChunkRef, Meta};
use crate::archive::metadata::{FrameLocation, IndexPage, ManifestChunk, Metadata, RestorePoint, SourceSummary};
use crate::archive::pax::{self, BLOCK, Body, Member};
use crate::archive::trailer::{self, Trailer};
use crate::model::{BackupId, Sha256};

impl ArchiveWriter {
    /// Writes manifest, index, restore point and trailer.
    ///
    /// # Errors
    /// [`WriteError::Archive`], [`WriteError::Cancelled`].
    pub fn finish(mut self, sources: Vec<SourceSummary>, finished_at: Timestamp) -> Result<Finished, WriteError> {
        let manifest_bytes = self.add_manifest()?;
        let meta = self.own_meta();
        let Self { pipeline, codec, metadata, progress, .. } = self;
        let committed = pipeline.finish().map_err(|error| archive_error(error, &progress))?;
        let known = Known { metadata, sources, finished_at, manifest_bytes };
        let compressor = Compressor::new(codec).map_err(WriteError::Archive)?;
        let tail = Tail { committed, compressor, codec, meta, pending: Vec::new() };
        tail.write(known).map_err(WriteError::Archive)
    }
}

/// All archives that are needed, `own` before the others, and the manifest's chunks with the places of theirs among them.
fn with_places(own: BackupId, chunks: Vec<(ChunkRef, ListedChunk)>) -> (Vec<BackupId>, Vec<ManifestChunk>) {
    let others: BTreeSet<BackupId> = chunks.iter().flat_map(|(_, listed)| &listed.archives).copied().collect();
    let archives: Vec<BackupId> = std::iter::once(own).chain(others.into_iter().filter(|id| *id != own)).collect();
    let places: HashMap<BackupId, u32> = archives.iter().copied().zip(0..).collect();
    let manifest = chunks.into_iter().map(|(ChunkRef { id, length }, ListedChunk { first, archives })| {
        let mut archives: Vec<u32> = archives.iter().filter_map(|id| places.get(id).copied()).collect();
        archives.sort_unstable();
        if archives == [0] {
            archives.clear();
        }
        ManifestChunk { id, length, first, archives }
    });
    (archives, manifest.collect())
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
        let (archives, manifest) = with_places(known.metadata.id, std::mem::take(&mut committed.manifest));
        let restore_point = RestorePoint {
            archives,
            metadata: known.metadata,
            finished_at: known.finished_at,
            sources: known.sources,
            totals: committed.totals,
            manifest_bytes: known.manifest_bytes,
            manifest,
            index,
            chunking: chunking(),
            stream_chunking: Some(stream_chunking()),
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
