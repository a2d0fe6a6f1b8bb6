//! Where a snapshot puts its members: the archive, or a recorder in tests.

use crate::archive::{ArchiveWriter, MemberContent, Meta, Segment, Special, WriteError};

/// Takes members in path order.
pub(super) trait Sink {
    fn add_special(&mut self, path: &[u8], meta: Meta, special: &Special) -> Result<(), WriteError>;

    /// An entry that is as the base has it, by its line in the base's manifest.
    fn add_unchanged_line(&mut self, path: &[u8], line: &[u8], stored_bytes: Option<u64>) -> Result<(), WriteError>;

    fn add_file(
        &mut self,
        path: &[u8],
        meta: Meta,
        size: u64,
        content: &mut dyn MemberContent,
    ) -> Result<(), WriteError>;

    fn add_sparse_file(
        &mut self,
        path: &[u8],
        meta: Meta,
        size: u64,
        segments: Vec<Segment>,
        content: &mut dyn MemberContent,
    ) -> Result<(), WriteError>;
}

impl Sink for ArchiveWriter {
    fn add_special(&mut self, path: &[u8], meta: Meta, special: &Special) -> Result<(), WriteError> {
        Self::add_special(self, path, meta, special)
    }

    fn add_unchanged_line(&mut self, path: &[u8], line: &[u8], stored_bytes: Option<u64>) -> Result<(), WriteError> {
        Self::add_unchanged_line(self, path, line, stored_bytes)
    }

    fn add_file(
        &mut self,
        path: &[u8],
        meta: Meta,
        size: u64,
        content: &mut dyn MemberContent,
    ) -> Result<(), WriteError> {
        Self::add_file(self, path, meta, size, content)
    }

    fn add_sparse_file(
        &mut self,
        path: &[u8],
        meta: Meta,
        size: u64,
        segments: Vec<Segment>,
        content: &mut dyn MemberContent,
    ) -> Result<(), WriteError> {
        Self::add_sparse_file(self, path, meta, size, segments, content)
    }
}
