//! What members are made of: where their bytes come from, what has none, and a file on its way in.

use std::io;

use super::WriteError;
use crate::archive::chunk::ContentCutter;
use crate::archive::manifest::{Content, Entry, EntryKind, Meta, Segment};
use crate::archive::pax::{self, Body, Member};
use crate::model::Sha256;

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
    pub(super) fn body(&self) -> Body<'_> {
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

/// A file on its way in.
#[derive(Debug)]
pub(super) struct FileMember<'a> {
    pub(super) path: &'a [u8],
    pub(super) meta: Meta,
    /// Size with holes.
    pub(super) size: u64,
    /// Bytes of content, without holes.
    pub(super) stored: u64,
    pub(super) segments: Option<Vec<Segment>>,
    /// The sparse map that precedes the content, empty for an ordinary file.
    pub(super) map: Vec<u8>,
    pub(super) cutter: ContentCutter,
}

impl<'a> FileMember<'a> {
    /// A file without holes.
    pub(super) fn plain(path: &'a [u8], meta: Meta, size: u64) -> Self {
        let cutter = ContentCutter::for_member(path);
        Self { path, meta, size, stored: size, segments: None, map: Vec::new(), cutter }
    }

    pub(super) fn append_header(&self, raw: &mut Vec<u8>) {
        let stored = self.stored + self.map.len() as u64;
        let body =
            if self.segments.is_some() { Body::Sparse { size: self.size, stored } } else { Body::File(self.size) };
        pax::append_header(raw, Member { path: self.path, meta: &self.meta, body });
        raw.extend_from_slice(&self.map);
    }

    /// The entry; the committer fills in SHA-256 and chunks.
    pub(super) fn into_entry(self) -> Box<Entry> {
        let content = Content { size: self.size, sha256: Sha256([0; 32]), chunks: Vec::new(), sparse: self.segments };
        Box::new(Entry { path: self.path.to_vec(), meta: self.meta, kind: EntryKind::File(content) })
    }
}

pub(super) fn read_whole(content: &mut dyn MemberContent, buffer: &mut [u8]) -> Result<(), WriteError> {
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

pub(super) fn confirm(content: &mut dyn MemberContent) -> Result<(), WriteError> {
    if content.confirm().map_err(WriteError::Content)? { Ok(()) } else { Err(WriteError::Changed) }
}
