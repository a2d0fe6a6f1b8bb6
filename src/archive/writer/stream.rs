//! Streams whose length is known only at their end, a database's dump above all. One that fits a frame is read into memory
//! and is a small file from there; of a longer one the frames go through the same threads as all others, but into a
//! spool, until its header can be written.

use std::io;

use crossbeam_channel::bounded;

use super::digester::Digest;
use super::pipeline::{Mark, Whole};
use super::{ArchiveWriter, ContentCutter, FRAME_TARGET, FileMember, MemberContent, WriteError, member::confirm, pax};
use crate::archive::manifest::Meta;

impl ArchiveWriter {
    /// Adds a file of which nobody knows the size before `content` has ended; returns it (bytes). The member is the same,
    /// to the byte, as [`ArchiveWriter::add_file`] would have made of these bytes. Memory stays bounded; a stream longer
    /// than a frame needs, until the archive has it, its compressed size in the spool folder.
    ///
    /// After an error of the content the same path may be added again.
    ///
    /// # Errors
    /// Any [`WriteError`] but [`WriteError::Short`].
    pub fn add_stream(&mut self, path: &[u8], meta: Meta, content: &mut dyn MemberContent) -> Result<u64, WriteError> {
        if self.held.is_incremental() {
            let size = self.add_deduplicated(FileMember::plain(path, meta, 0), None, content)?;
            self.progress.add_files(1);
            return Ok(size);
        }
        // One byte more than fits a frame tells whether there is more.
        let mut head = vec![0; FRAME_TARGET + 1];
        let length = read_up_to(content, &mut head)?;
        head.truncate(length);
        let mut content = Begun { head: &head, rest: content };
        if length <= FRAME_TARGET {
            self.add_file(path, meta, length as u64, &mut content)?;
            return Ok(length as u64);
        }
        let size = self.add_spooled(path, meta, &mut content)?;
        self.progress.add_files(1);
        Ok(size)
    }

    fn add_spooled(&mut self, path: &[u8], meta: Meta, content: &mut dyn MemberContent) -> Result<u64, WriteError> {
        self.flush()?;
        self.frame.marks.push(Mark::BeginSpool);
        self.flush()?;
        let streamed = self
            .spool_content(ContentCutter::for_member(path), content)
            .and_then(|size| confirm(content).map(|()| size));
        match streamed {
            Ok(size) => {
                self.append_spooled(FileMember::plain(path, meta, size))?;
                Ok(size)
            }
            Err(error @ (WriteError::Content(_) | WriteError::Changed)) => {
                self.take_back(Mark::DropSpool)?;
                Err(error)
            }
            Err(lost) => Err(lost),
        }
    }

    /// Reads to the end, cutting chunks as they come; returns the size. The last frame is flushed.
    fn spool_content(&mut self, mut cutter: ContentCutter, content: &mut dyn MemberContent) -> Result<u64, WriteError> {
        let mut size = 0;
        loop {
            let raw = self.frame.raw.bytes_mut();
            let held = raw.len();
            raw.resize(FRAME_TARGET, 0);
            let got = read_up_to(content, &mut raw[held..])?;
            raw.truncate(held + got);
            size += got as u64;
            self.progress.add_bytes(got as u64);
            let at_end = held + got < FRAME_TARGET;
            self.flush_whole_chunks(&mut cutter, at_end)?;
            if at_end {
                return Ok(size);
            }
        }
    }

    fn append_spooled(&mut self, file: FileMember<'_>) -> Result<(), WriteError> {
        // By itself, so that the header's frame is the first one that goes into the archive again.
        self.frame.marks.push(Mark::CloseSpool);
        self.flush()?;
        file.append_header(self.frame.raw.bytes_mut());
        self.frame.marks.push(Mark::AppendSpool);
        self.flush()?;
        let (sender, receiver) = bounded(1);
        self.pipeline.digest(Digest::Finish(sender));
        pax::append_padding(self.frame.raw.bytes_mut(), file.stored);
        self.frame.marks.push(Mark::Entry(file.into_entry(), Whole::Digested(receiver)));
        Ok(())
    }
}

/// A content whose first bytes were read already.
struct Begun<'a> {
    head: &'a [u8],
    rest: &'a mut dyn MemberContent,
}

impl MemberContent for Begun<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.head.is_empty() { self.rest.read(buffer) } else { io::Read::read(&mut self.head, buffer) }
    }

    fn confirm(&mut self) -> io::Result<bool> {
        self.rest.confirm()
    }
}

/// Fills `buffer` as far as the content reaches.
pub(super) fn read_up_to(content: &mut dyn MemberContent, buffer: &mut [u8]) -> Result<usize, WriteError> {
    let mut got = 0;
    while got < buffer.len() {
        match content.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(length) => got += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(WriteError::Content(error)),
        }
    }
    Ok(got)
}
