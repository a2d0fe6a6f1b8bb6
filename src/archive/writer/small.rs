//! Adds a file that fits a frame.

use crossbeam_channel::bounded;

use super::member::{FileMember, confirm, read_whole};
use super::pipeline::{Mark, Whole};
use super::{ArchiveWriter, FrameDigest, MemberContent, WriteError, offset_u32};
use crate::archive::chunk::ContentCutter;
use crate::archive::frame::FRAME_TARGET;
use crate::archive::pax;

impl ArchiveWriter {
    /// A file that fits a frame: read straight into it, and simply cut off again when reading fails.
    pub(super) fn add_small(
        &mut self,
        file: FileMember<'_>,
        content: &mut dyn MemberContent,
    ) -> Result<(), WriteError> {
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
        let whole = self.mark_chunks(file.cutter, start, stored);
        self.frame.marks.push(Mark::Entry(file.into_entry(), whole));
        self.progress.add_bytes(stored as u64);
        self.flush_when_full()
    }

    /// Marks the chunks of a content that lies whole in the frame. More than one: its SHA-256 is the digester's work.
    pub(super) fn mark_chunks(&mut self, mut cutter: ContentCutter, start: usize, length: usize) -> Whole {
        let (mut offset, end) = (start, start + length);
        let mut chunks = 0;
        while let Some(chunk) = cutter.next_chunk(&self.frame.raw.bytes()[offset..end], true) {
            self.frame.marks.push(chunk_mark(offset, chunk));
            offset += chunk;
            chunks += 1;
        }
        if chunks <= 1 {
            return Whole::OfChunks;
        }
        let (sender, receiver) = bounded(1);
        self.frame.digests.push(FrameDigest::Bytes(start..end));
        self.frame.digests.push(FrameDigest::Finish(sender));
        Whole::Digested(receiver)
    }
}

pub(super) fn chunk_mark(offset: usize, length: usize) -> Mark {
    Mark::Chunk { offset: offset_u32(offset), length: offset_u32(length) }
}
