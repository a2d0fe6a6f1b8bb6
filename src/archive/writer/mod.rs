//! Writes an archive: [`ArchiveWriter`] takes members in order and assembles frames; threads behind it hash, compress and
//! write (`pipeline`). Backup jobs create it, sources fill it.
//!
//! It never fsyncs or names a file; that is the store's business.

mod committer;
mod digester;
mod finish;
mod flusher;
mod large;
mod pipeline;
mod stream;
mod stream_spool;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::{Receiver, bounded};

use self::digester::Digest;
use self::pipeline::{Buffer, Mark, Pipeline};
use super::chunk::{Cutter, MIN_CHUNK};
use super::frame::{Codec, FRAME_TARGET};
use super::manifest::{Content, Entry, EntryKind, Meta, Segment};
use super::metadata::{Metadata, RestorePoint};
use super::pax::{self, Body, Member};
use crate::model::Sha256;
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

/// Where the bytes of a file member come from.
pub trait MemberContent {
    /// Reads some bytes, as [`io::Read::read`].
    ///
    /// # Errors
    /// What the source of the bytes says.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Called once after the last byte: false means that what was read may be torn and the member is to be discarded.
    ///
    /// # Errors
    /// As for reading.
    fn confirm(&mut self) -> io::Result<bool> {
        Ok(true)
    }
}

/// A member without content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Special {
    /// A directory (its path ends in `/`).
    Directory,
    /// A symbolic link to these bytes.
    Symlink(Vec<u8>),
    /// Another name of the earlier member with this path.
    Hardlink(Vec<u8>),
    /// A named pipe.
    Fifo,
    /// A character device: major, minor.
    CharDevice(u32, u32),
    /// A block device: major, minor.
    BlockDevice(u32, u32),
}

impl Special {
    fn body(&self) -> Body<'_> {
        match self {
            Self::Directory => Body::Directory,
            Self::Symlink(target) => Body::Symlink(target),
            Self::Hardlink(target) => Body::Hardlink(target),
            Self::Fifo => Body::Fifo,
            Self::CharDevice(major, minor) => Body::CharDevice(*major, *minor),
            Self::BlockDevice(major, minor) => Body::BlockDevice(*major, *minor),
        }
    }
}

impl From<&Special> for EntryKind {
    fn from(special: &Special) -> Self {
        match special {
            Special::Directory => Self::Directory,
            Special::Symlink(target) => Self::Symlink(target.clone()),
            Special::Hardlink(target) => Self::Hardlink(target.clone()),
            Special::Fifo => Self::Fifo,
            Special::CharDevice(major, minor) => Self::CharDevice(*major, *minor),
            Special::BlockDevice(major, minor) => Self::BlockDevice(*major, *minor),
        }
    }
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
    cutter: Cutter,
}

/// The frame that is being filled.
#[derive(Debug)]
struct Frame {
    raw: Buffer,
    marks: Vec<Mark>,
    /// Work for the digester, handed over with the frame.
    digests: Vec<FrameDigest>,
}

#[derive(Debug)]
enum FrameDigest {
    Bytes(Range<usize>),
    Finish(crossbeam_channel::Sender<Sha256>),
}

impl ArchiveWriter {
    /// Begins an archive in `file` (empty, at offset 0) with `metadata.json`.
    ///
    /// # Errors
    /// [`WriteError::Archive`].
    pub fn create(
        file: File,
        options: &WriterOptions,
        metadata: Metadata,
        progress: Progress,
    ) -> Result<Self, WriteError> {
        let (stop, spool_dir) = (progress.cancellation().child_token(), options.spool_dir.clone());
        let pipeline =
            Pipeline::start(file, options.codec, options.threads, spool_dir, stop).map_err(WriteError::Archive)?;
        let frame = Frame { raw: pipeline.buffer(), marks: Vec::new(), digests: Vec::new() };
        let cutter = Cutter::for_content();
        let mut writer = Self { pipeline, frame, codec: options.codec, metadata, progress, cutter };
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
        self.frame.marks.push(Mark::Entry(Box::new(entry), None));
        self.progress.add_files(1);
        self.flush_when_full()
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
        self.add(FileMember { path, meta, size, stored, segments: Some(segments), map }, content)
    }

    fn add(&mut self, file: FileMember<'_>, content: &mut dyn MemberContent) -> Result<(), WriteError> {
        if file.map.len() as u64 + file.stored > FRAME_TARGET as u64 {
            self.add_large(file, content)?;
        } else {
            self.add_small(file, content)?;
        }
        self.progress.add_files(1);
        Ok(())
    }

    /// A file that fits a frame: read straight into it, and simply cut off again when reading fails.
    fn add_small(&mut self, file: FileMember<'_>, content: &mut dyn MemberContent) -> Result<(), WriteError> {
        let stored = usize::try_from(file.stored).unwrap_or(usize::MAX);
        if self.frame.raw.bytes().len() + stored > FRAME_TARGET {
            self.flush()?;
        }
        let raw = self.frame.raw.bytes_mut();
        let mark = raw.len();
        file.append_header(raw);
        let start = raw.len();
        raw.resize(start + stored, 0);
        if let Err(error) = read_whole(content, &mut raw[start..]).and_then(|()| confirm(content)) {
            raw.truncate(mark);
            return Err(error);
        }
        pax::append_padding(raw, file.stored + file.map.len() as u64);
        let whole = self.mark_chunks(start, stored);
        self.frame.marks.push(Mark::Entry(file.into_entry(), whole));
        self.progress.add_bytes(stored as u64);
        self.flush_when_full()
    }

    /// Marks the chunks of a content that lies whole in the frame. More than one: its SHA-256 is the digester's work.
    fn mark_chunks(&mut self, start: usize, length: usize) -> Option<Receiver<Sha256>> {
        if length == 0 {
            return None;
        }
        if length <= MIN_CHUNK {
            self.frame.marks.push(chunk_mark(start, length));
            return None;
        }
        let mut offset = start;
        let mut chunks = 0;
        while offset < start + length {
            let chunk = self.cutter.first_chunk(&self.frame.raw.bytes()[offset..start + length]);
            self.frame.marks.push(chunk_mark(offset, chunk));
            offset += chunk;
            chunks += 1;
        }
        (chunks > 1).then(|| {
            let (sender, receiver) = bounded(1);
            self.frame.digests.push(FrameDigest::Bytes(start..start + length));
            self.frame.digests.push(FrameDigest::Finish(sender));
            receiver
        })
    }

    fn flush_when_full(&mut self) -> Result<(), WriteError> {
        if self.frame.raw.bytes().len() < FRAME_TARGET { Ok(()) } else { self.flush() }
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
        let sent = self.pipeline.send(raw, std::mem::take(&mut self.frame.marks));
        sent.map_err(|error| archive_error(error, &self.progress))
    }

    /// What stands in the headers of the members that are ours.
    fn own_meta(&self) -> Meta {
        let seconds = self.metadata.created_at.as_second();
        Meta { mode: 0o600, mtime: super::manifest::Mtime { seconds, nanoseconds: 0 }, ..Meta::default() }
    }
}

/// A file on its way in.
#[derive(Debug)]
struct FileMember<'a> {
    path: &'a [u8],
    meta: Meta,
    /// Size with holes.
    size: u64,
    /// Bytes of content, without holes.
    stored: u64,
    segments: Option<Vec<Segment>>,
    /// The sparse map that precedes the content, empty for an ordinary file.
    map: Vec<u8>,
}

impl<'a> FileMember<'a> {
    /// A file without holes.
    const fn plain(path: &'a [u8], meta: Meta, size: u64) -> Self {
        Self { path, meta, size, stored: size, segments: None, map: Vec::new() }
    }

    fn append_header(&self, raw: &mut Vec<u8>) {
        let stored = self.stored + self.map.len() as u64;
        let body =
            if self.segments.is_some() { Body::Sparse { size: self.size, stored } } else { Body::File(self.size) };
        pax::append_header(raw, Member { path: self.path, meta: &self.meta, body });
        raw.extend_from_slice(&self.map);
    }

    /// The entry; the committer fills in SHA-256 and chunks.
    fn into_entry(self) -> Box<Entry> {
        let content = Content { size: self.size, sha256: Sha256([0; 32]), chunks: Vec::new(), sparse: self.segments };
        Box::new(Entry { path: self.path.to_vec(), meta: self.meta, kind: EntryKind::File(content) })
    }
}

fn read_whole(content: &mut dyn MemberContent, buffer: &mut [u8]) -> Result<(), WriteError> {
    let mut got = 0;
    while got < buffer.len() {
        match content.read(&mut buffer[got..]) {
            Ok(0) => return Err(WriteError::Short { got: got as u64, expected: buffer.len() as u64 }),
            Ok(length) => got += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(WriteError::Content(error)),
        }
    }
    Ok(())
}

/// What became of the archive: a committer that gave up because of a cancellation has not failed.
fn archive_error(error: io::Error, progress: &Progress) -> WriteError {
    progress.check_cancelled().map_or_else(WriteError::Cancelled, |()| WriteError::Archive(error))
}

fn confirm(content: &mut dyn MemberContent) -> Result<(), WriteError> {
    if content.confirm().map_err(WriteError::Content)? { Ok(()) } else { Err(WriteError::Changed) }
}

/// Appends one of our own members whole.
fn append_member(raw: &mut Vec<u8>, path: &[u8], meta: &Meta, content: &[u8]) {
    pax::append_header(raw, Member { path, meta, body: Body::File(content.len() as u64) });
    raw.extend_from_slice(content);
    pax::append_padding(raw, content.len() as u64);
}

fn chunk_mark(offset: usize, length: usize) -> Mark {
    Mark::Chunk { offset: offset_u32(offset), length: offset_u32(length) }
}

/// Offsets within a frame are far below 4 GiB: a frame is cut at about [`FRAME_TARGET`].
fn offset_u32(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
