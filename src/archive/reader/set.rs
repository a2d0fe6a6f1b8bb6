//! A restore point whose content lies in several archives: its own and those that it needs.
//!
//! Frames are numbered through: the own file's first, then those of each other archive in turn. So whoever reads frames
//! need not know in which file they lie.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::table::Table;
use super::{ArchiveReader, ChunkLocation, ReadError};
use crate::model::{BackupId, Sha256};

/// After so many chunks were looked up page by page, all are read into one table.
const MANY_LOOKUPS: u32 = 256;

/// The other archives that a restore point needs.
#[derive(Debug, Default)]
pub(super) struct Bases {
    archives: Vec<Base>,
    missing: Vec<BackupId>,
    lookups: AtomicU32,
    /// `None` inside when a page of an index cannot be read: the chunks in the others are found page by page.
    table: OnceLock<Option<Table>>,
}

#[derive(Debug)]
struct Base {
    archive: Arc<ArchiveReader>,
    /// Number of its first frame.
    first_frame: u32,
}

impl Bases {
    /// None at hand yet.
    pub(super) fn none(id: BackupId, needed: &[BackupId]) -> Self {
        Self { missing: needed.iter().copied().filter(|other| *other != id).collect(), ..Self::default() }
    }
}

impl ArchiveReader {
    /// Opens an archive together with others that it needs. Of `bases` those that the restore point names are kept;
    /// only what lies in their own files is read. Without all of them everything that lies in the others can be read.
    ///
    /// # Errors
    /// Any [`ReadError`].
    pub fn open_set(file: File, bases: Vec<Self>) -> Result<Self, ReadError> {
        Self::open(file)?.with_bases(bases.into_iter().map(Arc::new).collect())
    }

    /// As [`ArchiveReader::open_set`], for an archive that is open already.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] when they could not be one set.
    pub fn with_bases(mut self, bases: Vec<Arc<Self>>) -> Result<Self, ReadError> {
        let id = self.id();
        let mut given: HashMap<BackupId, Arc<Self>> = bases.into_iter().map(|base| (base.id(), base)).collect();
        let mut set = Bases::default();
        let mut next_frame = self.frames.len();
        for needed in self.restore_point.archives.iter().filter(|needed| **needed != id) {
            let Some(archive) = given.remove(needed) else {
                set.missing.push(*needed);
                continue;
            };
            let absurd = |_| ReadError::Damaged("the archives have more frames than there can be".to_owned());
            let first_frame = u32::try_from(next_frame).map_err(absurd)?;
            next_frame += archive.frames.len();
            set.archives.push(Base { archive, first_frame });
        }
        self.bases = set;
        Ok(self)
    }

    /// Id of the backup that the file was written for.
    #[must_use]
    pub const fn id(&self) -> BackupId {
        self.restore_point.metadata.id
    }

    /// The other archives that the restore point needs, as far as they were given.
    pub fn bases(&self) -> impl Iterator<Item = &Arc<Self>> {
        self.bases.archives.iter().map(|base| &base.archive)
    }

    /// The archives that the restore point needs and that were not given. What lies in them cannot be read.
    #[must_use]
    pub fn missing_archives(&self) -> &[BackupId] {
        &self.bases.missing
    }

    /// Reads and checks the whole index of this file and of the others that were opened with it, and keeps nothing of them.
    ///
    /// # Errors
    /// What reading an index says.
    pub(in crate::archive) fn check_indexes(&self) -> Result<(), ReadError> {
        self.with_first_frames().try_for_each(|(archive, _)| archive.index.drain(&archive.frames_in, drop))
    }

    /// The archive in which frame number `frame` lies, and the frame's number there.
    #[must_use]
    pub fn archive_of(&self, frame: u32) -> (&Self, u32) {
        let behind = self.bases.archives.partition_point(|base| base.first_frame <= frame);
        match behind.checked_sub(1).and_then(|at| self.bases.archives.get(at)) {
            Some(base) => (&base.archive, frame - base.first_frame),
            None => (self, frame),
        }
    }

    /// Where a chunk lies.
    ///
    /// # Errors
    /// [`ReadError::MissingArchive`] when it is in no archive at hand but may be in one that was not given,
    /// [`ReadError::MissingChunk`] when it is in none, or what reading the index says.
    pub fn locate(&self, id: &Sha256) -> Result<ChunkLocation, ReadError> {
        let set = &self.bases;
        if let Some(table) = set.table.get().or_else(|| self.table_when_worth_it()).and_then(Option::as_ref) {
            return table.find(id).ok_or_else(|| self.missing(id));
        }
        let mut broken = None;
        for (archive, first_frame) in self.with_first_frames() {
            match archive.index.find(&archive.frames_in, id) {
                Ok(found) => return Ok(ChunkLocation { frame: first_frame.saturating_add(found.frame), ..found }),
                Err(ReadError::MissingChunk(_)) => {}
                Err(error) => broken = broken.or(Some(error)),
            }
        }
        Err(broken.unwrap_or_else(|| self.missing(id)))
    }

    fn table_when_worth_it(&self) -> Option<&Option<Table>> {
        let before = self.bases.lookups.fetch_add(1, Ordering::Relaxed);
        (before >= MANY_LOOKUPS).then(|| self.bases.table.get_or_init(|| Table::of(self.with_first_frames()).ok()))
    }

    fn with_first_frames(&self) -> impl Iterator<Item = (&Self, u32)> + Clone {
        let bases = self.bases.archives.iter().map(|base| (&*base.archive, base.first_frame));
        std::iter::once((self, 0)).chain(bases)
    }

    fn missing(&self, chunk: &Sha256) -> ReadError {
        self.bases.missing.first().map_or(ReadError::MissingChunk(*chunk), |id| ReadError::MissingArchive { id: *id })
    }
}
