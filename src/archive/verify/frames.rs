//! Reads an archive once from end to end: the calling thread hashes the file and hands each frame to workers, which
//! decompress it and check its chunks.

use std::collections::{BTreeSet, HashSet};
use std::io::Read as _;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use sha2::Digest as _;

use super::{FileReport, VerifyError};
use crate::archive::index::IndexedChunk;
use crate::archive::metadata::FrameLocation;
use crate::archive::reader::{ArchiveReader, ChunkLocation, ReadError, checked_chunk};
use crate::model::Sha256;
use crate::progress::Progress;

/// A frame on its way to a worker: its stored bytes and the chunks that lie in it.
struct Job<'a> {
    location: FrameLocation,
    stored: Vec<u8>,
    chunks: &'a [IndexedChunk],
}

/// What a worker found in one frame.
#[derive(Default)]
struct Found {
    chunks: u64,
    damage: Vec<String>,
    bad_chunks: Vec<Sha256>,
}

pub(super) fn read_all(
    archive: &ArchiveReader,
    threads: usize,
    progress: &Progress,
) -> Result<FileReport, VerifyError> {
    let threads = if threads == 0 { std::thread::available_parallelism()?.get() } else { threads };
    let (chunks, mut damage) = match archive.chunks_in_file_order() {
        Ok(chunks) => (chunks, Vec::new()),
        Err(broken) => (Vec::new(), vec![broken.to_string()]),
    };
    let (jobs, jobs_in) = bounded::<Job<'_>>(threads);
    let (spare, spare_in) = bounded::<Vec<u8>>(threads * 2 + 1);
    let (found, found_in) = unbounded::<Found>();
    let (sha256, unplaced) = std::thread::scope(|scope| {
        for _ in 0..threads {
            let (jobs, spare, found) = (jobs_in.clone(), spare.clone(), found.clone());
            scope.spawn(move || run_worker(archive, &jobs, &spare, &found));
        }
        drop((jobs_in, found));
        let fed = feed(archive, &chunks, &jobs, &spare_in, progress);
        // The workers end when nobody can send any more.
        drop(jobs);
        fed
    })?;
    let sha256 = Some(sha256);
    let mut report = FileReport { id: archive.id(), sha256, chunks: 0, damage: Vec::new(), bad_chunks: HashSet::new() };
    for one in found_in {
        report.chunks += one.chunks;
        damage.extend(one.damage);
        report.bad_chunks.extend(one.bad_chunks);
    }
    if let Some(chunk) = unplaced.first() {
        damage.push(format!("the index: it places chunk {} in frame {}, which does not exist", chunk.id, chunk.frame));
        report.bad_chunks.extend(unplaced.iter().map(|chunk| chunk.id));
    }
    damage.sort();
    report.damage = damage;
    Ok(report)
}

/// Reads only these frames of the file, one after the other; `None` when nothing is wrong with them.
pub(super) fn read_some(
    archive: &ArchiveReader,
    frames: &BTreeSet<u32>,
    progress: &Progress,
) -> Result<Option<FileReport>, VerifyError> {
    let (chunks, damage) = match archive.chunks_in_file_order() {
        Ok(chunks) => (chunks, Vec::new()),
        Err(ReadError::Io(error)) => return Err(error.into()),
        Err(broken) => (Vec::new(), vec![broken.to_string()]),
    };
    let mut found = Found { damage, ..Found::default() };
    let mut raw = Vec::new();
    for number in frames {
        progress.check_cancelled()?;
        let Some(location) = archive.frames().get(*number as usize) else { continue };
        let start = chunks.partition_point(|chunk| chunk.frame < *number);
        let end = chunks.partition_point(|chunk| chunk.frame <= *number);
        let mut stored = vec![0; location.stored as usize];
        PositionedReader { archive, position: location.position }.read_exact(&mut stored)?;
        check_frame(archive, &Job { location: *location, stored, chunks: &chunks[start..end] }, &mut raw, &mut found);
    }
    let Found { chunks, damage, bad_chunks } = found;
    let report =
        FileReport { id: archive.id(), sha256: None, chunks, damage, bad_chunks: bad_chunks.into_iter().collect() };
    Ok((!report.damage.is_empty()).then_some(report))
}

/// Reads the file from its first to its last byte; returns its hash and the chunks that lie in no frame of it.
fn feed<'a>(
    archive: &ArchiveReader,
    mut chunks: &'a [IndexedChunk],
    jobs: &Sender<Job<'a>>,
    spare: &Receiver<Vec<u8>>,
    progress: &Progress,
) -> Result<(Sha256, &'a [IndexedChunk]), VerifyError> {
    let mut file = PositionedReader { archive, position: 0 };
    let mut hasher = sha2::Sha256::new();
    for (number, location) in archive.frames().iter().enumerate() {
        progress.check_cancelled()?;
        let mut stored = spare.try_recv().unwrap_or_default();
        stored.resize(location.stored as usize, 0);
        file.read_exact(&mut stored)?;
        hasher.update(&stored);
        progress.add_bytes(u64::from(location.stored));
        let end = chunks.iter().position(|chunk| chunk.frame as usize != number).unwrap_or(chunks.len());
        let (here, later) = chunks.split_at(end);
        chunks = later;
        // Workers end only when this sender does.
        let _sent = jobs.send(Job { location: *location, stored, chunks: here });
    }
    let mut rest = vec![0; 1 << 20];
    loop {
        progress.check_cancelled()?;
        let length = file.read(&mut rest)?;
        if length == 0 {
            return Ok((Sha256::finish(hasher), chunks));
        }
        hasher.update(&rest[..length]);
        progress.add_bytes(length as u64);
    }
}

fn run_worker(archive: &ArchiveReader, jobs: &Receiver<Job<'_>>, spare: &Sender<Vec<u8>>, found: &Sender<Found>) {
    let mut raw = Vec::new();
    let mut mine = Found::default();
    for job in jobs {
        check_frame(archive, &job, &mut raw, &mut mine);
        let _kept = spare.try_send(job.stored);
    }
    let _sent = found.send(mine);
}

fn check_frame(archive: &ArchiveReader, job: &Job<'_>, raw: &mut Vec<u8>, found: &mut Found) {
    if let Err(broken) = archive.decompress(&job.location, &job.stored, raw) {
        found.damage.push(broken.to_string());
        found.bad_chunks.extend(job.chunks.iter().map(|chunk| chunk.id));
        return;
    }
    for chunk in job.chunks {
        found.chunks += 1;
        let location = ChunkLocation { frame: chunk.frame, offset: chunk.offset, length: chunk.length };
        if let Err(broken) = checked_chunk(raw, &location, &chunk.id) {
            found.damage.push(broken.to_string());
            found.bad_chunks.push(chunk.id);
        }
    }
}

/// Reads a file that others read too, without moving its cursor.
struct PositionedReader<'a> {
    archive: &'a ArchiveReader,
    position: u64,
}

impl std::io::Read for PositionedReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        use std::os::unix::fs::FileExt as _;
        let length = self.archive.file().read_at(buffer, self.position)?;
        self.position += length as u64;
        Ok(length)
    }
}
