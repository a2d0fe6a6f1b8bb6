//! What is backed up: one trait, [`Source`], with the steps check → snapshot → stage → commit → undo, and its kinds.
//!
//! A source knows where its live data is and how to read and replace it. It knows nothing of jobs, schedules or where
//! archives are kept. It never changes live data outside [`Staged::commit`] and [`Staged::undo`], and it never leaves
//! anything out of a backup without a warning that names it. Jobs call it.

mod apply;
mod attributes;
mod error;
mod facts;
pub mod file_tree;
pub mod json_file;
mod place;
mod shortfalls;
mod shown;
mod sink;
mod swap;
#[cfg(test)]
mod testing;
mod warnings;

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

pub use error::{SnapshotError, SourceError, StageError};
pub use facts::Identity;
pub use file_tree::extract::{Damage, ExtractOptions, ExtractReport, Extraction};
pub use file_tree::{FileTree, FileTreeOptions};

pub use json_file::JsonFile;
pub use swap::SwapMethod;

use crate::archive::{ArchiveReader, ArchiveWriter, SourceMetadata, SourceSummary};
use crate::model::{SourceKind, SourceName};
use crate::progress::Progress;

/// One thing that is backed up.
pub trait Source: Send + Sync + Debug {
    /// Its name.
    fn name(&self) -> &SourceName;

    /// Its kind.
    fn kind(&self) -> SourceKind;

    /// What a restore has to know of it; goes into `metadata.json`.
    fn metadata(&self) -> SourceMetadata;

    /// What would prevent or spoil a backup of it now. Cheap: looks, does not read the content.
    ///
    /// # Errors
    /// [`SourceError`] when a backup could not succeed.
    fn check(&self) -> Result<CheckReport, SourceError>;

    /// How much there is to read, counted if need be: may take as long as a walk of a tree.
    ///
    /// # Errors
    /// [`SourceError`].
    fn measure(&self, progress: &Progress) -> Result<Estimate, SourceError>;

    /// Writes its members to `writer`, beginning with [`ArchiveWriter::begin_source`]. The writer counts the progress.
    ///
    /// # Errors
    /// [`SnapshotError`]; what could not be read of a tree is a warning in the summary instead.
    fn snapshot(&self, writer: &mut ArchiveWriter, progress: &Progress) -> Result<SourceSummary, SnapshotError>;

    /// What a restore from `archive` would do. Changes nothing.
    ///
    /// # Errors
    /// [`StageError::Source`] with [`SourceError::Refused`] when the live place cannot be swapped.
    fn plan(&self, archive: &ArchiveReader, progress: &Progress) -> Result<SourcePlan, StageError>;

    /// Lays the restore point out beside the live data, every byte checked against its SHA-256. After an error nothing of
    /// it is left.
    ///
    /// # Errors
    /// [`StageError`].
    fn stage(&self, archive: &Arc<ArchiveReader>, progress: &Progress) -> Result<Box<dyn Staged>, StageError>;
}

/// A restore point laid out beside the live data of its source, ready to take its place.
///
/// Dropping it changes nothing on disk: dropped after a commit, the replaced data stays at [`Staged::aside`].
pub trait Staged: Send + Debug {
    /// The roots that [`Staged::commit`] exchanges. A journal records them first: which of the two is live tells after a
    /// crash whether the exchange happened.
    fn identities(&self) -> Identities;

    /// What lies beside the live data: before the commit the staged copy, after it what was replaced, if there was any.
    fn aside(&self) -> PathBuf;

    /// What could not be laid out as it was, each naming the thing.
    fn warnings(&self) -> &[String];

    /// Reads back what was staged and compares it with the manifest: SHA-256 and metadata.
    ///
    /// # Errors
    /// [`StageError::Mismatch`] naming the first difference.
    fn validate(&mut self, progress: &Progress) -> Result<(), StageError>;

    /// Puts the staged data in place of the live data, durably. What the backup left out by configuration is taken over
    /// from the live data first.
    ///
    /// # Errors
    /// [`StageError`]; the live data is then as it was, except after [`StageError::NotDurable`].
    fn commit(&mut self) -> Result<(), StageError>;

    /// Compares what is live after the commit with the manifest, without reading a tree's content again.
    ///
    /// # Errors
    /// [`StageError`] when it could not be compared at all.
    fn compare(&mut self, progress: &Progress) -> Result<Comparison, StageError>;

    /// Puts the replaced data back. Without a commit there is nothing to undo, and it does nothing.
    ///
    /// # Errors
    /// [`StageError`].
    fn undo(&mut self) -> Result<(), StageError>;

    /// Removes what lies at [`Staged::aside`].
    ///
    /// # Errors
    /// [`StageError::Io`]; what could be removed is gone.
    fn discard(self: Box<Self>) -> Result<(), StageError>;
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// How much there is to read, where that is cheap to know.
    pub estimate: Option<Estimate>,
    /// The device (`st_dev`) that its data lies on; to be compared with the store's.
    pub device: Option<u64>,
    /// What may spoil a backup, each naming the thing.
    pub warnings: Vec<String>,
}

/// A size known without reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Bytes of content.
    pub bytes: u64,
    /// Files.
    pub files: u64,
}

/// What a restore of one source would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePlan {
    /// The source's name.
    pub name: SourceName,
    /// Its kind.
    pub kind: SourceKind,
    /// How the live data is replaced.
    pub method: SwapMethod,
    /// What is replaced.
    pub destination: PathBuf,
    /// Entries that are in the backup and not live.
    pub added: u64,
    /// Entries that differ.
    pub changed: u64,
    /// Entries that are live and not in the backup, nor left out of it by configuration.
    pub removed: u64,
    /// Bytes of content that are laid out beside the live data; the space that is needed there.
    pub bytes: u64,
    /// What a person should know before saying yes.
    pub notes: Vec<String>,
}

/// The inodes of both roots of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identities {
    /// What was live when it was staged; `None` when nothing was.
    pub live: Option<Identity>,
    /// What was staged.
    pub staged: Identity,
}

/// The result of comparing live data with what was meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Entries compared.
    pub entries: u64,
    /// Every difference, the first hundred by name.
    pub differences: Vec<String>,
}

impl Comparison {
    /// Whether nothing differs.
    #[must_use]
    pub const fn is_same(&self) -> bool {
        self.differences.is_empty()
    }
}
