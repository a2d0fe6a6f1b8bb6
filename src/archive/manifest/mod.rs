//! The manifest: everything about each member that a restore needs, exactly. One JSON line per member, sorted by path.

mod line;
mod outline;

use std::collections::BTreeMap;

pub use line::BadLine;
pub use outline::{Outline, OutlineKind};

use crate::model::Sha256;

/// A member of the restore point. `path` is the member's name in the tar: relative, directories end in `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Raw bytes of the member path; sorted by these.
    pub path: Vec<u8>,
    /// Owner, mode, times, xattrs.
    pub meta: Meta,
    /// What it is.
    pub kind: EntryKind,
}

/// What a member is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file of a tree, or the one stream of a single-stream source.
    File(Content),
    /// A directory.
    Directory,
    /// A symbolic link; the target as raw bytes.
    Symlink(Vec<u8>),
    /// Another name of the member path given, which comes earlier.
    Hardlink(Vec<u8>),
    /// A named pipe.
    Fifo,
    /// A character device: major, minor.
    CharDevice(u32, u32),
    /// A block device: major, minor.
    BlockDevice(u32, u32),
}

/// The content of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Size of the file in bytes (with holes, where it has any).
    pub size: u64,
    /// SHA-256 of the content; of a sparse file, of its segments one after the other.
    pub sha256: Sha256,
    /// The chunks whose concatenation is the content (of a sparse file: its segments one after the other).
    pub chunks: Vec<ChunkRef>,
    /// Where the data of a sparse file lies; `None` for a file without holes.
    pub sparse: Option<Vec<Segment>>,
}

/// A chunk, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkRef {
    /// SHA-256 of its bytes.
    pub id: Sha256,
    /// Its length in bytes.
    pub length: u32,
}

/// A run of data in a sparse file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Offset in the file.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
}

/// A modification time: whole seconds since 1970 (may be negative) and nanoseconds past them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mtime {
    /// Seconds since 1970-01-01 UTC, rounded down.
    pub seconds: i64,
    /// 0 to 999,999,999.
    pub nanoseconds: u32,
}

/// What `stat` and the extended attributes say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Permission bits, 0 to 0o7777.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Owner's name, empty when the system knew none.
    pub user: String,
    /// Group's name, empty when the system knew none.
    pub group: String,
    /// Modification time.
    pub mtime: Mtime,
    /// Extended attributes by full name (`user.x`, `security.selinux`, `system.posix_acl_access` in the kernel's binary
    /// form).
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Entry {
    /// The content of a file; `None` for anything else.
    #[must_use]
    pub const fn content(&self) -> Option<&Content> {
        match &self.kind {
            EntryKind::File(content) => Some(content),
            _ => None,
        }
    }

    /// The path as text, for messages.
    #[must_use]
    pub fn display_path(&self) -> std::borrow::Cow<'_, str> {
        super::escape::escape(&self.path)
    }
}

impl Content {
    /// Bytes of data: the size without its holes.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.chunks.iter().map(|chunk| u64::from(chunk.length)).sum()
    }
}
