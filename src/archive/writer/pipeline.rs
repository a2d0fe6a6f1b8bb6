//! The threads behind a writer: workers hash and compress frames, a digester hashes files that span frames, a committer
//! puts frames into the file in order. Everything is bounded, so memory does not depend on the archive's size.
//!
//! ```text
//! assembler ──frames──▶ workers (n) ──▶ committer ──▶ file, manifest spools, index
//!     └──── ranges of large files ──▶ digester ──────────▲ SHA-256 of the whole file
//! ```
//!
//! A channel keeps what nobody receives, with the buffers and senders in it, as long as one of its ends lives. So whoever
//! receives goes on to the end also when the archive is lost, and a flag tells the assembler.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use tokio_util::sync::CancellationToken;

use super::committer::{self, Committed, Spool};
use super::digester::{self, Digest};
use crate::archive::frame::{Codec, Compressor, FRAME_TARGET};
use crate::archive::manifest::Entry;
use crate::model::Sha256;

/// A frame on its way to the file.
#[derive(Debug)]
pub(super) struct RawFrame {
    pub(super) sequence: u64,
    pub(super) raw: Arc<Buffer>,
    pub(super) marks: Vec<Mark>,
}

/// What the committer has to know of a frame's bytes, in their order.
#[derive(Debug)]
pub(super) enum Mark {
    /// A chunk of the content of the entry that comes next.
    Chunk { offset: u32, length: u32 },
    /// An entry whose chunks are those since the last one. With a receiver, its SHA-256 comes from the digester.
    Entry(Box<Entry>, Option<Receiver<Sha256>>),
    /// A chunk of the manifest, with the path of its first entry.
    ManifestChunk { offset: u32, length: u32, first: String },
    /// The entries of another source follow.
    NextSource,
    /// A member begins that may have to be taken back.
    Checkpoint,
    /// Everything since the checkpoint is taken back.
    Rollback,
    /// The frames that follow are of a stream whose header is not known yet.
    BeginSpool,
    /// The stream is complete; the frame that follows holds its header.
    CloseSpool,
    /// This frame holds the header: the stream's frames belong behind it.
    AppendSpool,
    /// The stream is given up.
    DropSpool,
    /// All entries are in: hand out their lines.
    TakeManifest(Sender<Vec<Spool>>),
}

/// A frame after a worker had it: `Err` when compressing failed.
#[derive(Debug)]
pub(super) struct DoneFrame {
    pub(super) sequence: u64,
    pub(super) raw_length: usize,
    pub(super) stored: io::Result<Vec<u8>>,
    /// SHA-256 of each chunk mark, in order.
    pub(super) chunk_ids: Vec<Sha256>,
    pub(super) marks: Vec<Mark>,
}

/// A reusable buffer that finds its way back to its pool.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    home: Sender<Vec<u8>>,
}

impl Buffer {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) const fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // The pool may be gone already, at the end.
        let _returned = self.home.try_send(std::mem::take(&mut self.bytes));
    }
}

/// The running threads. Dropping it without [`Pipeline::finish`] ends them and waits for them.
#[derive(Debug)]
pub(super) struct Pipeline {
    frames: Option<Sender<RawFrame>>,
    digests: Option<Sender<Digest>>,
    pool: (Sender<Vec<u8>>, Receiver<Vec<u8>>),
    workers: Vec<JoinHandle<()>>,
    digester: Option<JoinHandle<()>>,
    committer: Option<JoinHandle<io::Result<Committed>>>,
    next_sequence: u64,
    /// The archive is lost; the committer says why.
    lost: Arc<AtomicBool>,
    /// Nobody wants the archive any more: the job was cancelled, or the writer dropped.
    stop: CancellationToken,
}

impl Pipeline {
    /// Starts the threads; they give up when `stop` is cancelled.
    pub(super) fn start(
        file: File,
        codec: Codec,
        threads: usize,
        spool_dir: PathBuf,
        stop: CancellationToken,
    ) -> io::Result<Self> {
        let threads = if threads == 0 { std::thread::available_parallelism()?.get() } else { threads };
        let in_flight = threads + 3;
        let pool = bounded(in_flight);
        for _ in 0..in_flight {
            // Room for a frame and its headers; grows only for an absurd pile of attributes.
            let _room = pool.0.try_send(Vec::with_capacity(FRAME_TARGET + 128 * 1024));
        }
        let (frames, frames_in) = bounded::<RawFrame>(threads);
        let (done, done_in) = bounded::<DoneFrame>(in_flight);
        let (spare, spare_in) = bounded::<Vec<u8>>(in_flight);
        let (digests, digests_in) = bounded::<Digest>(in_flight * 2);
        let mut workers = Vec::with_capacity(threads);
        for _ in 0..threads {
            let (frames, done, spare) = (frames_in.clone(), done.clone(), spare_in.clone());
            let mut compressor = Compressor::new(codec)?;
            let work = move || run_worker(&mut compressor, &frames, &done, &spare);
            workers.push(Builder::new().name("archive-worker".to_owned()).spawn(work)?);
        }
        let digester = Builder::new().name("archive-digest".to_owned()).spawn(move || digester::run(&digests_in))?;
        let lost = Arc::new(AtomicBool::new(false));
        let tell = Arc::clone(&lost);
        let stopped = stop.clone();
        let commit = move || {
            let committed = committer::run(file, spool_dir, &done_in, &spare, stopped);
            if committed.is_err() {
                tell.store(true, Ordering::Release);
                done_in.iter().for_each(drop);
            }
            committed
        };
        let committer = Builder::new().name("archive-commit".to_owned()).spawn(commit)?;
        Ok(Self {
            frames: Some(frames),
            digests: Some(digests),
            pool,
            workers,
            digester: Some(digester),
            committer: Some(committer),
            next_sequence: 0,
            lost,
            stop,
        })
    }

    /// An empty buffer; waits until one is free.
    pub(super) fn buffer(&self) -> Buffer {
        let mut bytes = self.pool.1.recv().unwrap_or_default();
        bytes.clear();
        Buffer { bytes, home: self.pool.0.clone() }
    }

    /// Sends a frame on its way. After the committer has failed this is its error.
    pub(super) fn send(&mut self, raw: Arc<Buffer>, marks: Vec<Mark>) -> io::Result<()> {
        if self.lost.load(Ordering::Acquire) {
            return Err(self.failure());
        }
        let frame = RawFrame { sequence: self.next_sequence, raw, marks };
        self.next_sequence += 1;
        let sent = self.frames.as_ref().is_some_and(|frames| frames.send(frame).is_ok());
        if sent { Ok(()) } else { Err(self.failure()) }
    }

    /// Gives the digester its next piece of work.
    pub(super) fn digest(&self, digest: Digest) {
        if let Some(digests) = &self.digests {
            // A digester that is gone shows when its result is waited for.
            let _sent = digests.send(digest);
        }
    }

    /// Waits until every frame is in the file.
    pub(super) fn finish(mut self) -> io::Result<Committed> {
        self.join()
    }

    /// Why the archive is lost. Ends the threads.
    pub(super) fn failure(&mut self) -> io::Error {
        self.join().err().unwrap_or_else(|| io::Error::other("the archive's threads ended early"))
    }

    fn join(&mut self) -> io::Result<Committed> {
        self.frames = None;
        self.digests = None;
        let panicked = || io::Error::other("a thread of the archive writer panicked");
        let workers = self.workers.drain(..).map(JoinHandle::join).collect::<Result<Vec<()>, _>>();
        let digester = self.digester.take().map_or(Ok(()), JoinHandle::join);
        let committed = self.committer.take().ok_or_else(panicked)?.join().map_err(|_| panicked())?;
        workers.and(digester).map_err(|_| panicked())?;
        committed
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        if self.committer.is_some() {
            self.stop.cancel();
            // Given up: whatever the threads still say concerns nobody.
            let _committed = self.join();
        }
    }
}

fn run_worker(
    compressor: &mut Compressor,
    frames: &Receiver<RawFrame>,
    done: &Sender<DoneFrame>,
    spare: &Receiver<Vec<u8>>,
) {
    for frame in frames {
        let raw = frame.raw.bytes();
        let chunk_ids = frame.marks.iter().filter_map(|mark| chunk_range(mark).map(|r| Sha256::of(&raw[r]))).collect();
        let mut stored = spare.try_recv().unwrap_or_default();
        let stored = compressor.compress(raw, &mut stored).map(|()| stored);
        let raw_length = raw.len();
        // A committer that is gone has panicked; joining it tells.
        let _sent =
            done.send(DoneFrame { sequence: frame.sequence, raw_length, stored, chunk_ids, marks: frame.marks });
    }
}

const fn chunk_range(mark: &Mark) -> Option<std::ops::Range<usize>> {
    match *mark {
        Mark::Chunk { offset, length } | Mark::ManifestChunk { offset, length, .. } => {
            Some(offset as usize..offset as usize + length as usize)
        }
        _ => None,
    }
}
