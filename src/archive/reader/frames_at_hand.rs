//! Decompressed frames that may be asked for again: what follows each other in a restore point lies in several archives
//! in turn, and a frame holds much of it.

use super::{ArchiveReader, ReadError};

/// Of a restore point of several archives so much is kept (bytes); of a single archive one frame.
const KEPT_BYTES: usize = 32 * 1024 * 1024;

/// A few frames, the one used last at the end.
#[derive(Debug, Default)]
pub(super) struct FramesAtHand {
    frames: Vec<(u32, Vec<u8>)>,
}

impl FramesAtHand {
    /// Frame number `frame`; it is also [`FramesAtHand::last`] from now on.
    pub(super) fn get(&mut self, archive: &ArchiveReader, frame: u32) -> Result<&[u8], ReadError> {
        if let Some(at) = self.frames.iter().position(|(number, _)| *number == frame) {
            self.frames[at..].rotate_left(1);
            return Ok(self.last());
        }
        let kept = if archive.bases().next().is_some() { KEPT_BYTES } else { 0 };
        let mut buffer = Vec::new();
        while self.frames.iter().map(|(_, bytes)| bytes.capacity()).sum::<usize>() > kept {
            buffer = self.frames.remove(0).1;
        }
        archive.read_frame(frame, &mut buffer)?;
        self.frames.push((frame, buffer));
        Ok(self.last())
    }

    /// The frame that was asked for last.
    pub(super) fn last(&self) -> &[u8] {
        self.frames.last().map_or(&[], |(_, bytes)| bytes)
    }
}
