//! Puts finished frames into the file in their order, and writes down what lies where.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use crossbeam_channel::{Receiver, Sender};
use sha2::Digest as _;
use tokio_util::sync::CancellationToken;

use super::flusher::Flusher;
use super::pipeline::{DoneFrame, Mark};
use super::stream_spool::StreamSpool;
use crate::archive::index::IndexedChunk;
use crate::archive::manifest::{ChunkRef, Entry, EntryKind};
use crate::archive::metadata::{FrameLocation, ManifestChunk, Totals};
use crate::model::Sha256;

/// The manifest lines of one source, sorted, in an unnamed file.
#[derive(Debug)]
pub(super) struct Spool {
    /// Path of the first entry; sources are put in order by it.
    pub(super) first: Vec<u8>,
    pub(super) lines: File,
    pub(super) bytes: u64,
}

/// The file and all that is known of it when the last frame is in.
#[derive(Debug)]
pub(super) struct Committed {
    pub(super) output: Output,
    pub(super) frames: Vec<FrameLocation>,
    pub(super) chunks: Vec<IndexedChunk>,
    pub(super) manifest: Vec<ManifestChunk>,
    pub(super) totals: Totals,
}

/// The archive file with the hash of all that was written to it.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) file: File,
    pub(super) hasher: sha2::Sha256,
    pub(super) position: u64,
}

impl Output {
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.position += bytes.len() as u64;
        Ok(())
    }
}

/// What a rollback goes back to. Manifest lines need none: an entry is written only when its member is complete.
struct Checkpoint {
    hasher: sha2::Sha256,
    position: u64,
    frames: usize,
    chunks: usize,
}

struct Committer {
    committed: Committed,
    flusher: Flusher,
    spool_dir: PathBuf,
    /// Chunks of the entry that is not complete yet.
    open_chunks: Vec<ChunkRef>,
    checkpoint: Option<Checkpoint>,
    /// Takes the frames instead of the archive, while a stream comes whose header is not known yet.
    stream: Option<StreamSpool>,
    /// A complete stream that waits for its header.
    complete_stream: Option<StreamSpool>,
    stop: CancellationToken,
    spools: Vec<(Vec<u8>, BufWriter<File>, u64)>,
    new_source: bool,
    line: Vec<u8>,
}

pub(super) fn run(
    file: File,
    spool_dir: PathBuf,
    done: &Receiver<DoneFrame>,
    spare: &Sender<Vec<u8>>,
    stop: CancellationToken,
) -> io::Result<Committed> {
    let flusher = Flusher::start(&file)?;
    let output = Output { file, hasher: sha2::Sha256::new(), position: 0 };
    let committed =
        Committed { output, frames: Vec::new(), chunks: Vec::new(), manifest: Vec::new(), totals: Totals::default() };
    let mut committer = Committer {
        committed,
        flusher,
        spool_dir,
        open_chunks: Vec::new(),
        checkpoint: None,
        stream: None,
        complete_stream: None,
        stop,
        spools: Vec::new(),
        new_source: true,
        line: Vec::new(),
    };
    let mut early = BTreeMap::new();
    let mut expected = 0;
    for frame in done {
        early.insert(frame.sequence, frame);
        while let Some(frame) = early.remove(&expected) {
            expected += 1;
            let stored = committer.commit(frame)?;
            let _kept = spare.try_send(stored);
        }
    }
    committer.flusher.finish()?;
    Ok(committer.committed)
}

impl Committer {
    /// Appends one frame and follows its marks; gives back the buffer.
    fn commit(&mut self, frame: DoneFrame) -> io::Result<Vec<u8>> {
        let stored = frame.stored?;
        let number = self.next_frame()?;
        if frame.raw_length > 0 {
            self.store(&stored, frame.raw_length)?;
        }
        let mut ids = frame.chunk_ids.into_iter();
        let mut next_id = || ids.next().ok_or_else(|| io::Error::other("a chunk without its hash"));
        for mark in frame.marks {
            match mark {
                Mark::Chunk { offset, length } => {
                    let id = next_id()?;
                    self.add_chunk(IndexedChunk { id, frame: number, offset, length });
                    self.open_chunks.push(ChunkRef { id, length });
                }
                Mark::ManifestChunk { offset, length, first } => {
                    let id = next_id()?;
                    self.committed.chunks.push(IndexedChunk { id, frame: number, offset, length });
                    self.committed.manifest.push(ManifestChunk { id, length, first });
                }
                Mark::Entry(entry, whole) => self.add_entry(*entry, whole)?,
                Mark::NextSource => self.new_source = true,
                Mark::Checkpoint => self.set_checkpoint(),
                Mark::Rollback => self.roll_back()?,
                Mark::BeginSpool => self.stream = Some(StreamSpool::new(&self.spool_dir)?),
                Mark::CloseSpool => self.complete_stream = self.stream.take(),
                Mark::AppendSpool => self.append_stream()?,
                Mark::DropSpool => {
                    self.stream = None;
                    self.open_chunks.clear();
                }
                Mark::TakeManifest(to) => {
                    let spools = self.take_spools()?;
                    let _sent = to.send(spools);
                }
            }
        }
        Ok(stored)
    }

    /// Number, in its file, of the frame that comes next.
    fn next_frame(&self) -> io::Result<u32> {
        self.stream.as_ref().map_or_else(|| length_u32(self.committed.frames.len()), StreamSpool::next_frame)
    }

    fn store(&mut self, stored: &[u8], raw: usize) -> io::Result<()> {
        if let Some(stream) = &mut self.stream {
            return stream.push_frame(stored, raw);
        }
        let position = self.committed.output.position;
        let location = FrameLocation { position, stored: length_u32(stored.len())?, raw: length_u32(raw)? };
        self.committed.output.append(stored)?;
        self.flusher.written(stored.len());
        self.committed.frames.push(location);
        Ok(())
    }

    fn add_chunk(&mut self, chunk: IndexedChunk) {
        match &mut self.stream {
            Some(stream) => stream.push_chunk(chunk),
            None => self.committed.chunks.push(chunk),
        }
    }

    fn append_stream(&mut self) -> io::Result<()> {
        let stream = self.complete_stream.take().ok_or_else(|| io::Error::other("no stream to append"))?;
        stream.append_to(&mut self.committed, &mut self.flusher, &self.stop)
    }

    fn add_entry(&mut self, mut entry: Entry, whole: Option<Receiver<Sha256>>) -> io::Result<()> {
        let chunks = std::mem::take(&mut self.open_chunks);
        let totals = &mut self.committed.totals;
        totals.entries += 1;
        if let EntryKind::File(content) = &mut entry.kind {
            content.sha256 = match (whole, &chunks[..]) {
                (Some(whole), _) => whole.recv().map_err(|_| io::Error::other("the digester ended early"))?,
                (None, [only]) => only.id,
                (None, _) => Sha256::of(b""),
            };
            content.chunks = chunks;
            totals.files += 1;
            totals.raw_bytes += content.stored_bytes();
            totals.new_bytes += content.stored_bytes();
        }
        if self.new_source {
            self.new_source = false;
            let lines = tempfile::tempfile_in(&self.spool_dir)?;
            self.spools.push((entry.path.clone(), BufWriter::with_capacity(256 * 1024, lines), 0));
        }
        self.line.clear();
        entry.write_line(&mut self.line);
        let (_, lines, bytes) = self.spools.last_mut().ok_or_else(|| io::Error::other("no manifest spool"))?;
        *bytes += self.line.len() as u64;
        lines.write_all(&self.line)
    }

    fn set_checkpoint(&mut self) {
        let committed = &self.committed;
        self.checkpoint = Some(Checkpoint {
            hasher: committed.output.hasher.clone(),
            position: committed.output.position,
            frames: committed.frames.len(),
            chunks: committed.chunks.len(),
        });
    }

    fn roll_back(&mut self) -> io::Result<()> {
        let checkpoint = self.checkpoint.take().ok_or_else(|| io::Error::other("no checkpoint to go back to"))?;
        let output = &mut self.committed.output;
        output.file.set_len(checkpoint.position)?;
        output.file.seek(SeekFrom::Start(checkpoint.position))?;
        output.position = checkpoint.position;
        output.hasher = checkpoint.hasher;
        self.committed.frames.truncate(checkpoint.frames);
        self.committed.chunks.truncate(checkpoint.chunks);
        self.open_chunks.clear();
        Ok(())
    }

    fn take_spools(&mut self) -> io::Result<Vec<Spool>> {
        let mut spools = std::mem::take(&mut self.spools)
            .into_iter()
            .map(|(first, lines, bytes)| {
                let mut lines = lines.into_inner().map_err(io::IntoInnerError::into_error)?;
                lines.seek(SeekFrom::Start(0))?;
                Ok(Spool { first, lines, bytes })
            })
            .collect::<io::Result<Vec<_>>>()?;
        spools.sort_by(|a, b| a.first.cmp(&b.first));
        Ok(spools)
    }
}

pub(super) fn length_u32(length: usize) -> io::Result<u32> {
    u32::try_from(length).map_err(|_| io::Error::other("more than fits the format"))
}
