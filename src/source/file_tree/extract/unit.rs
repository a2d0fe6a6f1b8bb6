//! What a worker is given: everything to write that lies in one frame.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use super::layout::Layout;
use crate::archive::{ChunkRef, Meta};

/// Work on one frame; `frame` is `None` for files without content.
#[derive(Debug, Default)]
pub(super) struct Unit {
    pub(super) frame: Option<u32>,
    pub(super) tasks: Vec<Task>,
}

/// One thing to write from a frame.
#[derive(Debug)]
pub(super) enum Task {
    /// A file whose content lies wholly in the frame: made, written and finished at once.
    Whole(WholeFile),
    /// A piece of a file whose content lies in several frames.
    Piece(std::sync::Arc<SpanningFile>, Piece),
}

/// A file to make below the target.
#[derive(Debug)]
pub(super) struct FileToMake {
    /// Its full member path, for messages.
    pub(super) member: Vec<u8>,
    /// Where its path below the target begins in `member`: behind what is stripped.
    pub(super) start: usize,
    pub(super) meta: Meta,
    pub(super) layout: Layout,
}

/// See [`Task::Whole`].
#[derive(Debug)]
pub(super) struct WholeFile {
    pub(super) file: FileToMake,
    pub(super) pieces: Vec<Piece>,
}

/// A chunk of a content in a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) chunk: ChunkRef,
    /// Offset in the decompressed frame.
    pub(super) frame_offset: u32,
    /// Offset in the content.
    pub(super) content_offset: u64,
}

/// See [`Task::Piece`].
#[derive(Debug)]
pub(super) struct SpanningFile {
    pub(super) file: FileToMake,
    pub(super) fd: OwnedFd,
    /// Pieces not yet dealt with; who brings it to zero finishes the file.
    pub(super) pieces_left: AtomicUsize,
    pub(super) is_damaged: AtomicBool,
}

impl FileToMake {
    /// Its path below the target.
    pub(super) fn path(&self) -> &[u8] {
        &self.member[self.start..]
    }
}
