//! `metadata.json`, what is known when an archive begins, and `restore-point.json`, what is known when it ends.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{BackupId, Class, Mode, Requester, Scope, Sha256, SourceKind, SourceName};

/// The format version that this code writes.
pub const FORMAT_VERSION: u32 = 1;

/// `metadata.json`: what is known at the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Version of the format, [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The backup's id.
    pub id: BackupId,
    /// Backup or safety backup.
    pub class: Class,
    /// What it covers.
    pub scope: Scope,
    /// Full or incremental.
    pub mode: Mode,
    /// The restore point that an incremental builds on.
    pub parent_id: Option<BackupId>,
    /// When the backup began, UTC.
    pub created_at: Timestamp,
    /// Name of the host it was taken on.
    pub host: String,
    /// Version of the program that wrote it.
    pub program_version: String,
    /// Who asked for it.
    pub requested_by: Requester,
    /// What the person who asked wrote down.
    pub description: String,
    /// The sources in it, in the order of their members.
    pub sources: Vec<SourceMetadata>,
}

/// What a restore has to know of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceMetadata {
    /// Its name.
    pub name: SourceName,
    /// Its kind.
    pub kind: SourceKind,
    /// Where it was, for people: a path, or a database URL without secrets.
    pub location: String,
    /// What was left out, as configured.
    pub exclude: Vec<String>,
    /// What else is worth knowing of what was read, such as the version of a database server.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

impl SourceMetadata {
    /// The member path under which the source lies: `NAME/` for a tree, `NAME.json` for a JSON file, `NAME.sql` for a
    /// database. Entries of a tree start with it; the main stream of any other source is exactly it.
    #[must_use]
    pub fn member(&self) -> String {
        match self.kind {
            SourceKind::Files => format!("{}/", self.name),
            SourceKind::Json => format!("{}.json", self.name),
            SourceKind::Postgres => format!("{}.sql", self.name),
        }
    }

    /// Every member of the source, in the order of the archive; of a tree the root, below which the others are.
    #[must_use]
    pub fn members(&self) -> Vec<String> {
        match self.kind {
            SourceKind::Files | SourceKind::Json => vec![self.member()],
            SourceKind::Postgres => vec![self.globals_member(), self.member()],
        }
    }

    /// Of a database, the member that makes an empty one like it.
    #[must_use]
    pub fn globals_member(&self) -> String {
        format!("{}.globals.sql", self.name)
    }
}

/// What a source came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSummary {
    /// Its name.
    pub name: SourceName,
    /// Its kind.
    pub kind: SourceKind,
    /// Bytes of content.
    pub size_bytes: u64,
    /// Entries that are files or streams.
    pub files: u64,
    /// Rows per table, elements per top-level collection, files: what a person can compare before and after.
    pub counts: BTreeMap<String, u64>,
    /// What was left out or may be inconsistent, each naming the thing.
    pub warnings: Vec<String>,
}

/// Sums over all sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Manifest entries of any kind.
    pub entries: u64,
    /// Entries that are files or streams.
    pub files: u64,
    /// Bytes of content of the restore point.
    pub raw_bytes: u64,
    /// Bytes of content that lie in this archive (all, in a full).
    pub new_bytes: u64,
}

/// A chunk of `manifest.jsonl`; chunks end at line ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestChunk {
    /// Its SHA-256.
    pub id: Sha256,
    /// Its length in bytes.
    pub length: u32,
    /// Path of its first entry, escaped as in the manifest.
    pub first: String,
}

/// Where a frame lies in the archive file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameLocation {
    /// Offset of its first byte.
    pub position: u64,
    /// Stored (compressed) length.
    pub stored: u32,
    /// Length after decompression.
    pub raw: u32,
}

/// A page of `.carelog/index`: a frame of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexPage {
    /// Where it lies.
    pub frame: FrameLocation,
    /// SHA-256 of its raw bytes.
    pub sha256: Sha256,
    /// The first chunk in it; `None` for the frame table.
    pub first: Option<Sha256>,
}

/// `restore-point.json`: everything a reader needs to find the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestorePoint {
    /// A copy of `metadata.json`, so that the catalog can be rebuilt from one read.
    pub metadata: Metadata,
    /// When the last source was read, UTC.
    pub finished_at: Timestamp,
    /// What each source came to.
    pub sources: Vec<SourceSummary>,
    /// Sums.
    pub totals: Totals,
    /// Bytes of `manifest.jsonl`.
    pub manifest_bytes: u64,
    /// The manifest's chunks in order.
    pub manifest: Vec<ManifestChunk>,
    /// The index's pages: first the frame table, then chunk pages in order.
    pub index: Vec<IndexPage>,
    /// Parameters of content-defined chunking, for the record.
    pub chunking: Chunking,
    /// Every archive that this restore point needs, itself included.
    pub archives: Vec<BackupId>,
}

/// Parameters of content-defined chunking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunking {
    /// Name and year of the algorithm.
    pub algorithm: String,
    /// No chunk but a last one is smaller (bytes).
    pub min: u64,
    /// Aimed at (bytes).
    pub average: u64,
    /// No chunk is larger (bytes).
    pub max: u64,
}
