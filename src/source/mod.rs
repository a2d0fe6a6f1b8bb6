//! What is backed up: one trait, [`Source`], with the steps check → snapshot → stage → commit → undo, and its kinds.
//!
//! A source knows where its live data is and how to read and replace it. It knows nothing of jobs, schedules or where
//! archives are kept. It never changes live data outside [`Staged::commit`], [`Staged::undo`] and what a
//! [`SwapRecord`] does, and it never leaves anything out of a backup without a warning that names it. Jobs call it.

mod apply;
mod attributes;
mod error;
mod escaped_path;
mod facts;
pub mod file_tree;
pub mod json_file;
mod local_owner;
mod place;
pub mod postgres;
mod request;
mod selection;
mod shortfalls;
mod shown;
mod sink;
mod steps;
mod swap;
mod swap_record;
#[cfg(test)]
mod testing;
mod warnings;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

pub use error::{SnapshotError, SourceError, StageError};
pub use file_tree::extract::{Damage, ExtractOptions, ExtractReport, Extraction};
pub use file_tree::seen::{SeenDraft, SeenFolder};
pub use file_tree::wanted::Wanted;
pub use file_tree::{FileTree, FileTreeOptions};

pub use json_file::JsonFile;
pub use postgres::DatabaseSwap;
pub use request::{KeptData, SafetyBackup, SnapshotRequest, SnapshotTaken, StageRequest};
pub use shown::shown;
pub use swap::SwapMethod;
pub use swap::root_metadata::RootMetadata;
pub use swap::thing::Thing;
pub use swap_record::{EntriesSwap, EntrySwap, Generation, RecordedSwap, RootSwap, SwapRecord};

use crate::archive::{ArchiveReader, ArchiveWriter, SourceMetadata};
use crate::model::{JobId, SourceKind, SourceName};
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
    fn snapshot(
        &self,
        writer: &mut ArchiveWriter,
        request: &SnapshotRequest<'_>,
        progress: &Progress,
    ) -> Result<SnapshotTaken, SnapshotError>;

    /// What a restore of `paths` (as in [`StageRequest::paths`]) from `archive` would do. Leaves everything as it is; to
    /// know what the file system can, it makes and removes two empty files where it would stage.
    ///
    /// # Errors
    /// [`StageError::Source`] with [`SourceError::Refused`] when the live place cannot be swapped;
    /// [`StageError::NoSuchMember`].
    fn plan(&self, archive: &ArchiveReader, paths: &[Vec<u8>], progress: &Progress) -> Result<SourcePlan, StageError>;

    /// As [`plan`](Self::plan) of all of it, when what an earlier restore replaced is to be live again and `archive` is the
    /// backup of that. What is brought back need not be there under the paths that were restored.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    fn plan_of_kept(
        &self,
        archive: &ArchiveReader,
        _kept: &KeptData,
        progress: &Progress,
    ) -> Result<SourcePlan, StageError> {
        self.plan(archive, &[], progress)
    }

    /// Lays the restore point out beside the live data, every byte that comes from the archive checked against its
    /// SHA-256. After an error nothing of it is left.
    ///
    /// # Errors
    /// [`StageError`].
    fn stage(
        &self,
        archive: &Arc<ArchiveReader>,
        request: &StageRequest<'_>,
        progress: &Progress,
    ) -> Result<Box<dyn Staged>, StageError>;

    /// Removes what lies beside the live data after a crash while `job` staged. Only for a job of which no [`SwapRecord`]
    /// was written down: afterwards the same place may hold what was replaced. Never touches live data.
    ///
    /// # Errors
    /// [`StageError`]; what could be removed is gone.
    fn sweep_staging(&self, job: JobId) -> Result<(), StageError>;

    /// Loads what `archive` holds of it into the database `name` of its server, which must not exist. Nothing live is
    /// touched. `job` names what is made meanwhile, so that [`sweep_staging`](Self::sweep_staging) finds it.
    ///
    /// # Errors
    /// [`StageError`]; then nothing of it is left. [`SourceError::Refused`] for what is no database.
    fn load_into(
        &self,
        _archive: &Arc<ArchiveReader>,
        name: &str,
        _job: JobId,
        _progress: &Progress,
    ) -> Result<LoadedDatabase, StageError> {
        let reason = format!("source '{}' is no database", self.name());
        Err(SourceError::Refused { path: name.into(), reason }.into())
    }

    /// What `swap` replaced and is kept, as a source that can be saved now; `None` where there is nothing more to save than
    /// before the swap. [`SwapRecord::sealed`] is to be called when that is done.
    ///
    /// # Errors
    /// [`StageError`].
    fn replaced(&self, _swap: &SwapRecord) -> Result<Option<Arc<dyn Source>>, StageError> {
        Ok(None)
    }
}

/// A restore point laid out beside the live data of its source, ready to take its place.
///
/// The steps in order: [`validate`](Self::validate); the application is stopped;
/// [`changed_since_safety`](Self::changed_since_safety); [`bring_up_to_date`](Self::bring_up_to_date);
/// [`record`](Self::record) is written down durably; [`commit`](Self::commit); [`compare`](Self::compare).
///
/// Dropping it changes nothing on disk: dropped after a commit, the replaced data stays at [`Staged::aside`].
pub trait Staged: Send + Debug {
    /// Everything that recovery needs to finish the swap or to take it back, without the archive.
    /// [`bring_up_to_date`](Self::bring_up_to_date) may change it: what counts is the last record before the commit.
    fn record(&self) -> SwapRecord;

    /// What lies beside the live data: before the commit the staged copy, after it what was replaced, if there was any.
    fn aside(&self) -> PathBuf;

    /// What could not be laid out as it was, each naming the thing.
    fn warnings(&self) -> &[String];

    /// The members that stay as they are because they are damaged in the archive, each with why. None unless that was asked
    /// for ([`StageRequest::partial`]).
    fn damaged(&self) -> &[Damage] {
        &[]
    }

    /// Holds what was staged against the manifest: metadata of everything, SHA-256 of all that came from the archive.
    ///
    /// # Errors
    /// [`StageError::Mismatch`] naming the first difference.
    fn validate(&mut self, progress: &Progress) -> Result<(), StageError>;

    /// What is live and not as the safety backup holds it, each named; empty when nothing changed, or when there is no
    /// safety backup. To be called when nobody writes any more.
    ///
    /// # Errors
    /// [`StageError`].
    fn changed_since_safety(&mut self, progress: &Progress) -> Result<Vec<String>, StageError>;

    /// Makes what is staged what has to be live: what was taken from the live data and changed since comes from the
    /// archive, and what the restore is to leave alone is taken over from the live data as it is now. To be called when
    /// nobody writes any more; [`commit`](Self::commit) does it itself if it was not.
    ///
    /// # Errors
    /// [`StageError`]; the live data is untouched.
    fn bring_up_to_date(&mut self, progress: &Progress) -> Result<(), StageError>;

    /// Puts the staged data in place of the live data, durably.
    ///
    /// # Errors
    /// [`StageError`]; where the swap takes several steps it may be half done: [`Staged::undo`] takes it back.
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
    /// [`StageError`]; what could be removed is gone.
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
    /// What the metadata of a backup that begins now has to say besides ([`SourceMetadata::details`]).
    pub details: BTreeMap<String, String>,
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
    /// Where the copy is laid out, if not beside what is replaced; of a database `None` when that is not known here.
    pub staged_in: Option<PathBuf>,
    /// Entries that are in the backup and not live; of a database tables.
    pub added: u64,
    /// Entries that differ.
    pub changed: u64,
    /// Entries that are live and not in the backup, nor left out of it by configuration.
    pub removed: u64,
    /// Bytes of content of what is added.
    pub added_bytes: u64,
    /// Bytes of content, by the backup, of what differs.
    pub changed_bytes: u64,
    /// Bytes of content of what is removed.
    pub removed_bytes: u64,
    /// Bytes of content that are laid out beside the live data; what is not taken from there needs as much space.
    pub bytes: u64,
    /// What a person should know before saying yes.
    pub notes: Vec<String>,
}

/// What was loaded into a new database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadedDatabase {
    /// Tables with rows of their own.
    pub tables: u64,
    /// The rows of all of them.
    pub rows: u64,
    /// What a person should know.
    pub warnings: Vec<String>,
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
