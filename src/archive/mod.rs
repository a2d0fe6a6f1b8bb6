//! The archive format, version 1: an ordinary compressed tar, cut into frames that can be read and written in parallel,
//! with a manifest, an index and a trailer through which any file is reached in a handful of seeks. docs/FORMAT.md has
//! the bytes.
//!
//! Nothing here knows jobs, stores or configuration. Sources write through [`ArchiveWriter`]; verify, restore and extract
//! read through [`ArchiveReader`]. The reader distrusts every byte.

pub mod chunk;
pub mod escape;
pub mod frame;
pub mod index;
pub mod manifest;
pub mod metadata;
pub mod pax;
pub mod reader;
#[cfg(test)]
mod testing;
pub mod trailer;
pub mod verify;
pub mod writer;

pub use frame::Codec;
pub use manifest::{ChunkRef, Content, Entry, EntryKind, Meta, Mtime, Outline, OutlineKind, Segment};
pub use metadata::{Metadata, RestorePoint, SourceMetadata, SourceSummary, Totals};
pub use reader::{
    ArchiveReader, ChunkLocation, ContentReader, Entries, LookedAt, ManifestText, ReadError, checked_chunk,
};
pub use writer::{ArchiveWriter, Finished, MemberContent, Special, WriteError, WriterOptions};
