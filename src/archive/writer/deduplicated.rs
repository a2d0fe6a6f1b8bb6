//! Files of an incremental: only the chunks that neither a base nor the archive itself has are written.
//!
//! Here content is hashed where it is read, because only then it is known what is to be written; the workers compress.
//! Nothing is in the archive before the content was read to its end, so that there is nothing to take back: what is new
//! waits in memory, and beyond a frame in a spool, like a stream.

use std::sync::Arc;

use crossbeam_channel::bounded;

use super::digester::Digest;
use super::pipeline::{Buffer, Mark, Whole};
use super::stream::read_up_to;
use super::{
    ArchiveWriter, ContentCutter, FRAME_TARGET, FileMember, MemberContent, WriteError, large::at_offset,
    member::confirm, member::read_whole, offset_u32, pax,
};
use crate::archive::manifest::ChunkRef;
use crate::archive::pax::{Body, Member};
use crate::model::Sha256;

/// Where the new chunks of files lie of which others are elsewhere, and the new part of the manifest.
pub(super) const DELTA: &[u8] = b".carelog/delta/";

/// What is new of a content, until its header can be written.
pub(super) struct Delta {
    /// New chunks that wait, at most a frame.
    waiting: Buffer,
    /// The chunks in order; offsets count from the beginning of what waits.
    marks: Vec<Mark>,
    /// Bytes of new chunks.
    bytes: u64,
    /// Whether every chunk is new.
    is_all_new: bool,
    /// Whether new chunks went to a spool.
    is_spooled: bool,
    /// The new chunks.
    remembered: Vec<Sha256>,
}

/// A content that was read to its end.
struct Read {
    length: u64,
    whole: Whole,
}

impl ArchiveWriter {
    /// Adds a file; with a size that was `announced`, or as long as `content` is. Returns its length without holes.
    pub(super) fn add_deduplicated(
        &mut self,
        file: FileMember<'_>,
        announced: Option<u64>,
        content: &mut dyn MemberContent,
    ) -> Result<u64, WriteError> {
        let mut delta = self.new_delta();
        let read = self.read_into(&mut delta, file.cutter, announced, content);
        match read.and_then(|read| confirm(content).map(|()| read)) {
            Ok(Read { length, whole }) => {
                let file = if announced.is_some() { file } else { FileMember::plain(file.path, file.meta, length) };
                let is_all_new = delta.is_all_new;
                if delta.is_all_new || delta.bytes > 0 {
                    self.append_delta(&mut delta, |writer, bytes| writer.append_header_of(&file, is_all_new, bytes))?;
                }
                self.frame.marks.append(&mut delta.marks);
                self.frame.marks.push(Mark::Entry(file.into_entry(), whole));
                self.flush_when_full()?;
                Ok(length)
            }
            Err(error @ (WriteError::Content(_) | WriteError::Short { .. } | WriteError::Changed)) => {
                self.give_up(&delta)?;
                Err(error)
            }
            Err(lost) => Err(lost),
        }
    }

    /// The header of a whole file, or of the `bytes` in it that are new.
    fn append_header_of(&mut self, file: &FileMember<'_>, is_all_new: bool, bytes: u64) {
        if is_all_new {
            file.append_header(self.frame.raw.bytes_mut());
        } else {
            let (path, meta) = ([DELTA, file.path].concat(), self.own_meta());
            let member = Member { path: &path, meta: &meta, body: Body::File(bytes) };
            pax::append_header(self.frame.raw.bytes_mut(), member);
        }
    }

    pub(super) fn new_delta(&self) -> Delta {
        Delta {
            waiting: self.pipeline.buffer(),
            marks: Vec::new(),
            bytes: 0,
            is_all_new: true,
            is_spooled: false,
            remembered: Vec::new(),
        }
    }

    fn read_into(
        &mut self,
        delta: &mut Delta,
        mut cutter: ContentCutter,
        announced: Option<u64>,
        content: &mut dyn MemberContent,
    ) -> Result<Read, WriteError> {
        let mut window = self.pipeline.buffer();
        let mut length = 0;
        loop {
            let held = window.bytes().len();
            let room = FRAME_TARGET - held;
            let wanted = announced.map_or(room, |size| usize::try_from(size - length).unwrap_or(room).min(room));
            window.bytes_mut().resize(held + wanted, 0);
            let got = match announced {
                Some(size) => read_whole(content, &mut window.bytes_mut()[held..])
                    .map_err(|error| at_offset(error, length, size))
                    .map(|()| wanted)?,
                None => read_up_to(content, &mut window.bytes_mut()[held..])?,
            };
            window.bytes_mut().truncate(held + got);
            let is_first = length == 0;
            length += got as u64;
            self.progress.add_bytes(got as u64);
            let at_end = announced.map_or(got < wanted, |size| length == size);
            let end = self.take_chunks(delta, &mut cutter, window.bytes(), at_end)?;
            if at_end && is_first {
                let whole = delta.only_chunk().unwrap_or_else(|| Sha256::of(window.bytes()));
                return Ok(Read { length, whole: Whole::Is(whole) });
            }
            let mut next = self.pipeline.buffer();
            next.bytes_mut().extend_from_slice(&window.bytes()[end..]);
            let taken = Arc::new(std::mem::replace(&mut window, next));
            self.pipeline.digest(Digest::Bytes(taken, 0..end));
            if at_end {
                let (sender, receiver) = bounded(1);
                self.pipeline.digest(Digest::Finish(sender));
                return Ok(Read { length, whole: Whole::Digested(receiver) });
            }
            self.progress.check_cancelled()?;
        }
    }

    /// Cuts the chunks whose end is certain; returns where the last one ends.
    fn take_chunks(
        &mut self,
        delta: &mut Delta,
        cutter: &mut ContentCutter,
        bytes: &[u8],
        at_end: bool,
    ) -> Result<usize, WriteError> {
        let mut end = 0;
        while let Some(length) = cutter.next_chunk(&bytes[end..], at_end) {
            let chunk = &bytes[end..end + length];
            let id = Sha256::of(chunk);
            if self.held.has(&id) {
                delta.is_all_new = false;
                delta.marks.push(Mark::HeldChunk(ChunkRef { id, length: offset_u32(length) }));
            } else {
                self.make_room(delta, length, FRAME_TARGET)?;
                let offset = offset_u32(delta.waiting.bytes().len());
                delta.waiting.bytes_mut().extend_from_slice(chunk);
                delta.marks.push(Mark::HashedChunk { offset, length: offset_u32(length), id });
                delta.bytes += length as u64;
                delta.remembered.push(id);
                self.held.remember(id, length);
            }
            end += length;
        }
        Ok(end)
    }

    /// Adds a chunk of the manifest that is new; frames of these hold about `frame` bytes.
    pub(super) fn add_new_manifest_chunk(
        &mut self,
        delta: &mut Delta,
        chunk: &[u8],
        frame: usize,
        mark: impl FnOnce(u32) -> Mark,
    ) -> Result<(), WriteError> {
        self.make_room(delta, chunk.len(), frame)?;
        delta.marks.push(mark(offset_u32(delta.waiting.bytes().len())));
        delta.waiting.bytes_mut().extend_from_slice(chunk);
        delta.bytes += chunk.len() as u64;
        Ok(())
    }

    /// Sends what waits to the spool if `length` bytes more would not fit a frame of `frame` bytes.
    fn make_room(&mut self, delta: &mut Delta, length: usize, frame: usize) -> Result<(), WriteError> {
        let waiting = delta.waiting.bytes().len();
        if waiting > 0 && waiting + length > frame { self.spool(delta) } else { Ok(()) }
    }

    fn spool(&mut self, delta: &mut Delta) -> Result<(), WriteError> {
        if !delta.is_spooled {
            self.flush()?;
            self.frame.marks.push(Mark::BeginSpool);
            self.flush()?;
            delta.is_spooled = true;
        }
        // The frame at hand is empty: nothing else is added while a content is read.
        std::mem::swap(&mut self.frame.raw, &mut delta.waiting);
        self.frame.marks.append(&mut delta.marks);
        self.flush()
    }

    /// Writes the member of the new chunks: its header, which `header` appends for so many bytes, and the chunks. Marks
    /// may be left over, of chunks that are elsewhere.
    pub(super) fn append_delta(
        &mut self,
        delta: &mut Delta,
        header: impl FnOnce(&mut Self, u64),
    ) -> Result<(), WriteError> {
        if delta.is_spooled {
            if !delta.waiting.bytes().is_empty() {
                self.spool(delta)?;
            }
            // By itself, so that the header's frame is the first one that goes into the archive again.
            self.frame.marks.push(Mark::CloseSpool);
            self.flush()?;
            header(self, delta.bytes);
            self.frame.marks.push(Mark::AppendSpool);
            self.flush()?;
        } else {
            let waiting = delta.waiting.bytes();
            if self.frame.raw.bytes().len() + waiting.len() > FRAME_TARGET {
                self.flush()?;
            }
            header(self, delta.bytes);
            let raw = self.frame.raw.bytes_mut();
            let start = offset_u32(raw.len());
            raw.extend_from_slice(delta.waiting.bytes());
            delta.marks.iter_mut().for_each(|mark| mark.move_by(start));
        }
        // What precedes the chunks in their member, the map of a sparse file, is whole blocks.
        pax::append_padding(self.frame.raw.bytes_mut(), delta.bytes);
        Ok(())
    }

    fn give_up(&mut self, delta: &Delta) -> Result<(), WriteError> {
        for id in &delta.remembered {
            self.held.forget(id);
        }
        if delta.is_spooled {
            return self.take_back(Mark::DropSpool);
        }
        self.pipeline.digest(Digest::Reset);
        Ok(())
    }
}

impl Delta {
    /// Bytes of new chunks.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn push_mark(&mut self, mark: Mark) {
        self.marks.push(mark);
    }

    pub(super) const fn marks_mut(&mut self) -> &mut Vec<Mark> {
        &mut self.marks
    }

    /// The chunk, if there is exactly one.
    fn only_chunk(&self) -> Option<Sha256> {
        match self.marks[..] {
            [Mark::HeldChunk(ChunkRef { id, .. }) | Mark::HashedChunk { id, .. }] if !self.is_spooled => Some(id),
            _ => None,
        }
    }
}
