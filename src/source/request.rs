//! What a backup and a restore ask of a source.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::file_tree::seen::{SeenDraft, SeenFolder};
use super::postgres::DatabaseSwap;
use crate::archive::{ArchiveReader, LookedAt, SourceSummary};
use crate::model::JobId;

/// What a snapshot may build on. By default nothing: everything is read, and nothing is written down for the next one.
#[derive(Clone, Debug, Default)]
pub struct SnapshotRequest<'a> {
    /// The restore point whose entries are taken over where nothing changed; one of the writer's bases. `None`: all is read.
    pub base: Option<&'a Arc<ArchiveReader>>,
    /// Where it is written down what the files were like when they were read.
    pub seen: Option<&'a SeenFolder>,
    /// Read everything, and warn of a file whose content changed while nothing else says so.
    pub rescan: bool,
}

/// What came of a snapshot.
#[derive(Debug)]
pub struct SnapshotTaken {
    /// For the restore point.
    pub summary: SourceSummary,
    /// What is to be [kept](SeenDraft::keep) once the backup is published.
    pub seen: Option<SeenDraft>,
    /// What was read of the base's manifest.
    pub looked_at: LookedAt,
}

impl From<SourceSummary> for SnapshotTaken {
    fn from(summary: SourceSummary) -> Self {
        Self { summary, seen: None, looked_at: LookedAt::default() }
    }
}

/// How to lay out a restore point beside the live data.
#[derive(Clone, Debug)]
pub struct StageRequest<'a> {
    /// Names everything that is made beside the live data: `.NAME.carelog-restore-<job>`.
    pub job: JobId,
    /// What was just saved of the live data. What it proves to be the same in both is taken from there and not from the
    /// archive; without it everything comes from the archive.
    pub safety: Option<&'a SafetyBackup>,
    /// Members or folders of the source, by their full member path (`studies/2024/`, a slash at the end or not); the rest
    /// of the source stays as it is. Empty for all of it.
    pub paths: Vec<Vec<u8>>,
    /// What an earlier restore replaced, when that is to be live again and `archive` is the backup of it. Then a path that
    /// `archive` does not hold names what was not there: it is taken away.
    pub kept: Option<KeptData>,
    /// Members of a tree that are damaged in the archive stay as they are, instead of being an error;
    /// [`Staged::damaged`](super::Staged) names them.
    pub partial: bool,
    /// Worker threads; 0 for one per core.
    pub threads: usize,
}

impl StageRequest<'_> {
    /// All of the source, from the archive alone.
    #[must_use]
    pub const fn whole(job: JobId) -> Self {
        Self { job, safety: None, paths: Vec::new(), kept: None, partial: false, threads: 0 }
    }
}

/// What a restore replaced and laid aside. Files in it that are as the archive has them are taken from there and not from the
/// archive; it stays as it is.
#[derive(Clone, Debug)]
pub struct KeptData {
    /// Where it lies ([`SwapRecord::aside`](super::SwapRecord)).
    pub path: PathBuf,
    /// When nobody wrote to it any more. A file that has a second name in the live tree may have been changed through it
    /// since, and comes from the archive.
    pub since: Timestamp,
    /// Of a database, the swap by which it was replaced.
    pub database: Option<DatabaseSwap>,
    /// Whether `archive` holds all of it.
    pub is_saved: bool,
}

/// A backup of the live data, taken before it is replaced.
#[derive(Clone)]
pub struct SafetyBackup {
    /// Its archive.
    pub archive: Arc<ArchiveReader>,
    /// When it began to read: what was changed later may not be in it.
    pub created_at: Timestamp,
}

impl fmt::Debug for SafetyBackup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.archive.restore_point().metadata.id;
        f.debug_struct("SafetyBackup").field("id", &id).field("created_at", &self.created_at).finish()
    }
}
