//! Files larger than a frame: their bytes start and end frames of their own, and are taken back out of the archive when
//! they cannot be read to the end.

use crossbeam_channel::bounded;

use super::digester::Digest;
use super::pipeline::{Mark, Whole};
use super::{
    ArchiveWriter, ContentCutter, FRAME_TARGET, FileMember, FrameDigest, MemberContent, WriteError, member::confirm,
    member::read_whole, pax, small::chunk_mark,
};

impl ArchiveWriter {
    pub(super) fn add_large(
        &mut self,
        file: FileMember<'_>,
        content: &mut dyn MemberContent,
    ) -> Result<(), WriteError> {
        self.flush()?;
        // Alone in an empty frame, so that the checkpoint is taken before the header is appended.
        self.frame.marks.push(Mark::Checkpoint);
        self.flush()?;
        file.append_header(self.frame.raw.bytes_mut());
        self.flush()?;
        let streamed = self.stream_content(file.cutter, file.stored, content).and_then(|()| confirm(content));
        match streamed {
            Ok(()) => {
                let (sender, receiver) = bounded(1);
                self.pipeline.digest(Digest::Finish(sender));
                pax::append_padding(self.frame.raw.bytes_mut(), file.stored + file.map.len() as u64);
                self.frame.marks.push(Mark::Entry(file.into_entry(), Whole::Digested(receiver)));
                Ok(())
            }
            Err(error @ (WriteError::Content(_) | WriteError::Short { .. } | WriteError::Changed)) => {
                self.take_back(Mark::Rollback)?;
                Err(error)
            }
            Err(lost) => Err(lost),
        }
    }

    /// Reads `stored` bytes, cutting chunks as they come; the last frame is flushed.
    fn stream_content(
        &mut self,
        mut cutter: ContentCutter,
        stored: u64,
        content: &mut dyn MemberContent,
    ) -> Result<(), WriteError> {
        let mut unread = stored;
        while unread > 0 || !self.frame.raw.bytes().is_empty() {
            let held = self.frame.raw.bytes().len();
            let wanted = usize::try_from(unread).unwrap_or(usize::MAX).min(FRAME_TARGET - held);
            let raw = self.frame.raw.bytes_mut();
            raw.resize(held + wanted, 0);
            read_whole(content, &mut raw[held..]).map_err(|error| at_offset(error, stored - unread, stored))?;
            unread -= wanted as u64;
            self.progress.add_bytes(wanted as u64);
            self.flush_whole_chunks(&mut cutter, unread == 0)?;
        }
        Ok(())
    }

    /// Sends the chunks whose end is certain as a frame; what follows them begins the next one.
    pub(super) fn flush_whole_chunks(&mut self, cutter: &mut ContentCutter, at_end: bool) -> Result<(), WriteError> {
        let mut end = 0;
        while let Some(length) = cutter.next_chunk(&self.frame.raw.bytes()[end..], at_end) {
            self.frame.marks.push(chunk_mark(end, length));
            end += length;
        }
        self.frame.digests.push(FrameDigest::Bytes(0..end));
        self.flush_up_to(end)
    }

    /// Forgets what was read of a content that failed; `mark` has the committer do the same.
    pub(super) fn take_back(&mut self, mark: Mark) -> Result<(), WriteError> {
        self.frame.raw.bytes_mut().clear();
        self.frame.marks.clear();
        self.frame.digests.clear();
        self.pipeline.digest(Digest::Reset);
        self.frame.marks.push(mark);
        self.flush()
    }
}

/// Counts `before` bytes into the length at which a content ended.
pub(super) fn at_offset(error: WriteError, before: u64, expected: u64) -> WriteError {
    match error {
        WriteError::Short { got, .. } => WriteError::Short { got: before + got, expected },
        other => other,
    }
}
