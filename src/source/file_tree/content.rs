//! The bytes of one regular file, read at most once per attempt and checked for having kept still.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::fs::SeekFrom;
use rustix::io::Errno;

use super::super::facts::Facts;
use crate::archive::{MemberContent, Segment};

/// A file being read into an archive.
#[derive(Debug)]
pub(super) struct FileContent {
    fd: OwnedFd,
    facts: Facts,
    runs: Vec<Segment>,
    run: usize,
    done_in_run: u64,
    accept_changes: bool,
    changed: bool,
}

impl FileContent {
    /// The content of `fd` as far as `facts` say it goes; of a sparse file, only its `segments`.
    pub(super) fn new(fd: OwnedFd, facts: Facts, segments: Option<&[Segment]>) -> Self {
        let runs = match segments {
            Some(segments) => segments.to_vec(),
            None => vec![Segment { offset: 0, length: facts.size }],
        };
        Self { fd, facts, runs, run: 0, done_in_run: 0, accept_changes: false, changed: false }
    }

    /// Takes the content even if it changes while it is read; [`FileContent::has_changed`] tells afterwards.
    pub(super) const fn accept_changes(mut self) -> Self {
        self.accept_changes = true;
        self
    }

    pub(super) const fn has_changed(&self) -> bool {
        self.changed
    }
}

impl MemberContent for FileContent {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(run) = self.runs.get(self.run) {
            let left = run.length - self.done_in_run;
            if left == 0 {
                self.run += 1;
                self.done_in_run = 0;
                continue;
            }
            let wanted = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
            let at = run.offset + self.done_in_run;
            let got = loop {
                match rustix::io::pread(&self.fd, &mut buffer[..wanted], at) {
                    Err(Errno::INTR) => {}
                    other => break other?,
                }
            };
            self.done_in_run += got as u64;
            return Ok(got);
        }
        Ok(0)
    }

    fn confirm(&mut self) -> io::Result<bool> {
        let now = Facts::from(&rustix::fs::fstat(self.fd.as_fd())?);
        self.changed = !now.is_unchanged_since(&self.facts);
        Ok(self.accept_changes || !self.changed)
    }
}

/// Where the data of a file with holes lies; `None` if it has none after all.
pub(super) fn data_segments(fd: &OwnedFd, facts: &Facts) -> io::Result<Option<Vec<Segment>>> {
    if facts.allocated_bytes >= facts.size {
        return Ok(None);
    }
    let mut segments = Vec::new();
    let mut at = 0;
    while at < facts.size {
        let start = match rustix::fs::seek(fd, SeekFrom::Data(at)) {
            Ok(start) => start.min(facts.size),
            // No data behind this offset.
            Err(Errno::NXIO) => break,
            // A file system that does not tell where its holes are.
            Err(Errno::INVAL | Errno::NOTSUP) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let end = match rustix::fs::seek(fd, SeekFrom::Hole(start)) {
            Ok(end) => end.min(facts.size),
            // Cut short in between; reading will notice.
            Err(Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        if end > start {
            segments.push(Segment { offset: start, length: end - start });
        }
        at = end.max(start + 1);
    }
    let is_whole = matches!(segments.as_slice(), [only] if only.offset == 0 && only.length == facts.size);
    Ok((!is_whole).then_some(segments))
}
