//! Writes an archive: [`ArchiveWriter`] takes members in order and assembles frames; threads behind it hash, compress and
//! write (`pipeline`). Backup jobs create it, sources fill it.
//!
//! It never fsyncs or names a file; that is the store's business.

mod committer;
mod deduplicated;
mod digester;
mod finish;
mod flusher;
mod held;
mod large;
mod lines;
mod manifest;
mod member;
mod pipeline;
mod small;
mod stream;
mod stream_spool;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use self::digester::Digest;
use self::held::Held;
use self::lines::{LINES_TARGET, Lines};
use self::member::FileMember;
pub use self::member::{MemberContent, Special};
use self::pipeline::{Buffer, Mark, Pipeline, Whole};
use super::chunk::ContentCutter;
use super::frame::{Codec, FRAME_TARGET};
use super::manifest::{Entry, Meta, Segment};
use super::metadata::{Metadata, RestorePoint};
use super::pax::{self, Body, Member};
use super::reader::ArchiveReader;
use crate::model::{BackupId, Mode, Sha256};
use crate::progress::{Cancelled, Progress};

/// How to write.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// Compression of frames.
    pub codec: Codec,
    /// Worker threads that hash and compress; 0 for one per core.
    pub threads: usize,
    /// Where unnamed files may lie while the archive is written: the folder of the archive, whose space was checked.
    pub spool_dir: PathBuf,
    /// The restore points whose content need not be written again, each opened with the archives that it needs. Empty for
    /// a full.
    pub bases: Vec<Arc<ArchiveReader>>,
}

/// Why a member or an archive could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The member's own content could not be read; the archive is unharmed, the member is not in it and may be tried again.
    #[error("reading the content: {0}")]
    Content(#[source] io::Error),
    /// The content ended before its announced size; as above.
    #[error("the content ended after {got} of {expected} bytes")]
    Short {
        /// Bytes delivered.
        got: u64,
        /// Bytes announced.
        expected: u64,
    },
    /// [`MemberContent::confirm`] said that the content changed while it was read; as above.
    #[error("it changed while it was read")]
    Changed,
    /// The archive file could not be written: the archive is lost.
    #[error("writing the archive: {0}")]
    Archive(#[source] io::Error),
    /// Cancelled: the archive is lost.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// What a finished archive came to.
#[derive(Debug)]
pub struct Finished {
    /// The archive file, written but not yet fsynced, positioned at its end.
    pub file: File,
    /// Size of the archive in bytes.
    pub size_bytes: u64,
    /// SHA-256 of the archive file.
    pub sha256: Sha256,
    /// What was written as `restore-point.json`.
    pub restore_point: RestorePoint,
}

/// Writes one archive, member by member. Per source, paths must come in ascending byte order.
#[derive(Debug)]
pub struct ArchiveWriter {
    pipeline: Pipeline,
    frame: Frame,
    codec: Codec,
    metadata: Metadata,
    progress: Progress,
    held: Held,
}

/// So many marks are sent on with a frame that is not full: files whose content lies elsewhere fill none.
const MOST_MARKS: usize = 8192;

/// The frame that is being filled.
#[derive(Debug)]
struct Frame {
    raw: Buffer,
    marks: Vec<Mark>,
    /// Bytes of manifest lines among the marks.
    lines_bytes: usize,
    /// Work for the digester, handed over with the frame.
    digests: Vec<FrameDigest>,
}

#[derive(Debug)]
enum FrameDigest {
    Bytes(Range<usize>),
    Finish(crossbeam_channel::Sender<Sha256>),
}

impl ArchiveWriter {
    /// Begins an archive in `file` (empty, at offset 0) with `metadata.json`. With bases it is an incremental whatever
    /// `metadata` says, and the newest of them its parent; without it is a full.
    ///
    /// # Errors
    /// [`WriteError::Archive`].
    pub fn create(
        file: File,
        options: &WriterOptions,
        mut metadata: Metadata,
        progress: Progress,
    ) -> Result<Self, WriteError> {
        let held = Held::new(&options.bases);
        metadata.parent_id = held.parent();
        metadata.mode = if held.is_incremental() { Mode::Incremental } else { Mode::Full };
        let (stop, spool_dir) = (progress.cancellation().child_token(), options.spool_dir.clone());
        let pipeline =
            Pipeline::start(file, options.codec, options.threads, spool_dir, stop).map_err(WriteError::Archive)?;
        let frame = Frame { raw: pipeline.buffer(), marks: Vec::new(), lines_bytes: 0, digests: Vec::new() };
        let mut writer = Self { pipeline, frame, codec: options.codec, metadata, progress, held };
        let json = serde_json::to_vec_pretty(&writer.metadata).map_err(|e| WriteError::Archive(e.into()))?;
        let meta = writer.own_meta();
        let raw = writer.frame.raw.bytes_mut();
        append_member(raw, b"metadata.json", &meta, &json);
        Ok(writer)
    }

    /// Begins the next source; its members follow. Call before its first member, in the order of the metadata.
    pub fn begin_source(&mut self) {
        self.frame.marks.push(Mark::NextSource);
    }

    /// Adds a member without content.
    ///
    /// # Errors
    /// [`WriteError::Archive`], [`WriteError::Cancelled`].
    pub fn add_special(&mut self, path: &[u8], meta: Meta, special: &Special) -> Result<(), WriteError> {
        pax::append_header(self.frame.raw.bytes_mut(), Member { path, meta: &meta, body: special.body() });
        let entry = Entry { path: path.to_vec(), meta, kind: special.into() };
        self.frame.marks.push(Mark::Entry(Box::new(entry), Whole::OfChunks));
        self.progress.add_files(1);
        self.flush_when_full()
    }

    /// Adds an entry of which everything is as a base has it, by the line of the base's manifest itself, its line end
    /// included: only that is written. Its chunks have to lie where a base finds them. `stored_bytes` is the length of a
    /// file's content without its holes, `None` for anything else.
    ///
    /// # Errors
    /// [`WriteError::Archive`], [`WriteError::Cancelled`].
    pub fn add_unchanged_line(
        &mut self,
        path: &[u8],
        line: &[u8],
        stored_bytes: Option<u64>,
    ) -> Result<(), WriteError> {
        if !matches!(self.frame.marks.last(), Some(Mark::Unchanged(_))) {
            self.frame.marks.push(Mark::Unchanged(Box::new(Lines::beginning_with(path))));
        }
        if let Some(Mark::Unchanged(lines)) = self.frame.marks.last_mut() {
            lines.push_line(line, stored_bytes);
            self.frame.lines_bytes += line.len();
        }
        self.progress.add_files(1);
        self.progress.add_bytes(stored_bytes.unwrap_or(0));
        self.flush_when_full()
    }

    /// Id of the backup that is written.
    #[must_use]
    pub const fn id(&self) -> BackupId {
        self.metadata.id
    }

    /// Adds a file of `size` bytes. After an error of the content the same path may be added again.
    ///
    /// # Errors
    /// Any [`WriteError`].
    pub fn add_file(
        &mut self,
        path: &[u8],
        meta: Meta,
        size: u64,
        content: &mut dyn MemberContent,
    ) -> Result<(), WriteError> {
        self.add(FileMember::plain(path, meta, size), content)
    }

    /// Adds a sparse file of `size` bytes of which only `segments` (ascending, not touching) hold data; `content` delivers
    /// these, one after the other.
    ///
    /// # Errors
    /// Any [`WriteError`].
    pub fn add_sparse_file(
        &mut self,
        path: &[u8],
        meta: Meta,
        size: u64,
        segments: Vec<Segment>,
        content: &mut dyn MemberContent,
    ) -> Result<(), WriteError> {
        let stored = segments.iter().map(|segment| segment.length).sum();
        let map = pax::sparse_map(size, &segments);
        let file = FileMember { stored, segments: Some(segments), map, ..FileMember::plain(path, meta, size) };
        self.add(file, content)
    }

    fn add(&mut self, file: FileMember<'_>, content: &mut dyn MemberContent) -> Result<(), WriteError> {
        if self.held.is_incremental() {
            let announced = file.stored;
            self.add_deduplicated(file, Some(announced), content)?;
        } else if file.map.len() as u64 + file.stored > FRAME_TARGET as u64 {
            self.add_large(file, content)?;
        } else {
            self.add_small(file, content)?;
        }
        self.progress.add_files(1);
        Ok(())
    }

    fn flush_when_full(&mut self) -> Result<(), WriteError> {
        let Frame { raw, marks, lines_bytes, .. } = &self.frame;
        let is_full = raw.bytes().len() >= FRAME_TARGET || *lines_bytes >= LINES_TARGET || marks.len() >= MOST_MARKS;
        if is_full { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        self.flush_up_to(self.frame.raw.bytes().len())
    }

    /// Sends the first `end` bytes as a frame; the rest begins the next one. Every frame asks whether the job was
    /// cancelled.
    fn flush_up_to(&mut self, end: usize) -> Result<(), WriteError> {
        self.progress.check_cancelled()?;
        if end == 0 && self.frame.marks.is_empty() {
            return Ok(());
        }
        let mut next = self.pipeline.buffer();
        let raw = self.frame.raw.bytes_mut();
        next.bytes_mut().extend_from_slice(&raw[end..]);
        raw.truncate(end);
        let raw = Arc::new(std::mem::replace(&mut self.frame.raw, next));
        for digest in self.frame.digests.drain(..) {
            self.pipeline.digest(match digest {
                FrameDigest::Bytes(range) => Digest::Bytes(Arc::clone(&raw), range),
                FrameDigest::Finish(sender) => Digest::Finish(sender),
            });
        }
        self.frame.lines_bytes = 0;
        let sent = self.pipeline.send(raw, std::mem::take(&mut self.frame.marks));
        sent.map_err(|error| archive_error(error, &self.progress))
    }

    /// What stands in the headers of the members that are ours.
    fn own_meta(&self) -> Meta {
        let seconds = self.metadata.created_at.as_second();
        Meta { mode: 0o600, mtime: super::manifest::Mtime { seconds, nanoseconds: 0 }, ..Meta::default() }
    }
}

/// What became of the archive: a committer that gave up because of a cancellation has not failed.
fn archive_error(error: io::Error, progress: &Progress) -> WriteError {
    progress.check_cancelled().map_or_else(WriteError::Cancelled, |()| WriteError::Archive(error))
}

/// Appends one of our own members whole.
fn append_member(raw: &mut Vec<u8>, path: &[u8], meta: &Meta, content: &[u8]) {
    pax::append_header(raw, Member { path, meta, body: Body::File(content.len() as u64) });
    raw.extend_from_slice(content);
    pax::append_padding(raw, content.len() as u64);
}

/// Offsets within a frame are far below 4 GiB: a frame is cut at about [`FRAME_TARGET`].
fn offset_u32(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
