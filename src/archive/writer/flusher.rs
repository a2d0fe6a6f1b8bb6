//! Has the disk write while frames are still compressed: otherwise all of it would wait for the fsync at the end.
//!
//! An error of the disk is told only once, to whoever syncs first: so it is kept here, and makes the archive fail.

use std::fs::File;
use std::io;
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Sender, bounded};

/// After so many bytes the disk is told to begin.
const FLUSH_BYTES: u64 = 64 * 1024 * 1024;

/// A thread that syncs a file now and then. Dropped without [`Flusher::finish`], it ends by itself.
#[derive(Debug)]
pub(super) struct Flusher {
    tell: Sender<()>,
    thread: JoinHandle<io::Result<()>>,
    unflushed_bytes: u64,
}

impl Flusher {
    pub(super) fn start(file: &File) -> io::Result<Self> {
        let file = file.try_clone()?;
        let (tell, told) = bounded::<()>(1);
        let work = move || told.iter().try_for_each(|()| file.sync_data());
        let thread = Builder::new().name("archive-flush".to_owned()).spawn(work)?;
        Ok(Self { tell, thread, unflushed_bytes: 0 })
    }

    /// Counts what was written.
    pub(super) fn written(&mut self, bytes: usize) {
        self.unflushed_bytes += bytes as u64;
        // While the last sync still runs nobody listens; the next one will do.
        if self.unflushed_bytes >= FLUSH_BYTES && self.tell.try_send(()).is_ok() {
            self.unflushed_bytes = 0;
        }
    }

    /// Waits for the sync that runs.
    ///
    /// # Errors
    /// What any of them met.
    pub(super) fn finish(self) -> io::Result<()> {
        drop(self.tell);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that syncs the archive panicked")))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn an_error_of_the_disk_is_not_lost() {
        // A pipe cannot be synced, so the first sync fails.
        let (_reader, writer) = io::pipe().unwrap();
        let mut flusher = Flusher::start(&File::from(std::os::fd::OwnedFd::from(writer))).unwrap();
        flusher.written(usize::try_from(FLUSH_BYTES).unwrap());
        assert!(flusher.finish().is_err());
    }

    #[test]
    fn a_sound_disk_is_synced_without_a_word() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"frame").unwrap();
        let mut flusher = Flusher::start(&file).unwrap();
        flusher.written(usize::try_from(FLUSH_BYTES).unwrap());
        flusher.written(5);
        flusher.finish().unwrap();
    }
}
