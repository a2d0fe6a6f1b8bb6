//! What a backup builds on: for each source a restore point whose content is not stored again.
//!
//! A restore point that cannot be relied on is no base: whatever is wrong with any of its archives, the backup becomes a
//! full one and says so. Nothing here writes.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use jiff::SignedDuration;

use super::archives;
use super::context::Parts;
use super::failure::failure;
use crate::archive::ArchiveReader;
use crate::archive::verify::{Depth, verify};
use crate::catalog::{BackupFilter, BackupRecord, JobError};
use crate::clock;
use crate::model::{BackupId, BackupState, Class, ErrorCode, Mode, SourceKind, SourceName, VerifyResult};
use crate::progress::Progress;
use crate::source::Source;
use crate::store::Lease;

/// What may be built on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BuildOn {
    /// Nothing: a full.
    Nothing,
    /// Of each source the newest restore point that is no safety backup.
    Newest,
    /// The same, but nothing when the newest full of any of them is too old.
    NewestUnlessFullIsDue,
    /// Of each source the newest of which every byte was found to be sound: those that passed a verification, and the one
    /// that the job itself has just read. What is saved before a restore must not hang on bytes that nobody has looked at.
    Sound {
        /// What the job has read.
        just_read: Option<BackupId>,
    },
    /// This one.
    Only(BackupId),
}

/// The restore points that a backup builds on, open and kept from being removed.
#[derive(Debug, Default)]
pub(super) struct Bases {
    of_sources: BTreeMap<SourceName, BackupId>,
    opened: BTreeMap<BackupId, Base>,
    /// The newest of them.
    pub(super) parent: Option<BackupId>,
    /// What would have been built on, when that could not be relied on.
    pub(super) rejected: Option<BackupId>,
    /// Why it is not built on what it could be.
    pub(super) warnings: Vec<String>,
}

#[derive(Debug)]
struct Base {
    record: BackupRecord,
    archive: Arc<ArchiveReader>,
    _lease: Lease,
}

impl Bases {
    /// Chooses what a backup of `sources` builds on. None when anything of it cannot be relied on.
    pub(super) fn choose(parts: &Parts, sources: &[Arc<dyn Source>], build_on: BuildOn) -> Result<Self, JobError> {
        let mut bases = Self::default();
        if build_on == BuildOn::NewestUnlessFullIsDue && is_full_due(parts, sources)? {
            return Ok(bases);
        }
        for source in sources {
            let Some(record) = candidate(parts, source, build_on)? else { continue };
            let id = record.id;
            if let Entry::Vacant(vacant) = bases.opened.entry(id) {
                match Base::open(parts, &record) {
                    Ok(base) => vacant.insert(base),
                    Err(why) => return Ok(Self::none(&record, &why)),
                };
            }
            bases.of_sources.insert(source.name().clone(), id);
        }
        bases.parent = bases.newest(parts)?;
        Ok(bases)
    }

    /// None, because what would have been built on cannot be used.
    fn none(record: &BackupRecord, why: &str) -> Self {
        let warning = format!("everything was stored again, because {} cannot be built on: {why}", record.filename);
        Self { warnings: vec![warning], rejected: Some(record.id), ..Self::default() }
    }

    /// By the order in which they were taken, whatever the clock said.
    fn newest(&self, parts: &Parts) -> Result<Option<BackupId>, JobError> {
        if self.opened.len() < 2 {
            return Ok(self.opened.keys().next().copied());
        }
        let every = BackupFilter { all: true, ..BackupFilter::default() };
        let newest = parts.catalog.newest_that(&every, |backup| self.opened.contains_key(&backup.id))?;
        Ok(newest.map(|backup| backup.id))
    }

    /// After a backup on these bases has failed: none at all, if it is they that are to blame.
    pub(super) fn none_if_damaged(&self, progress: &Progress) -> Option<Self> {
        for base in self.opened.values() {
            let found = verify(&base.archive, None, Depth::Quick, progress);
            let why = match found {
                Ok(report) => report.damage.into_iter().next(),
                Err(error) => Some(error.to_string()),
            };
            if let Some(why) = why {
                return Some(Self::none(&base.record, &why));
            }
        }
        None
    }

    /// The archives, each opened with those that it needs.
    pub(super) fn archives(&self) -> Vec<Arc<ArchiveReader>> {
        self.opened.values().map(|base| Arc::clone(&base.archive)).collect()
    }

    /// What one source builds on.
    pub(super) fn of(&self, source: &SourceName) -> Option<Arc<ArchiveReader>> {
        self.of_sources.get(source).and_then(|id| self.opened.get(id)).map(|base| Arc::clone(&base.archive))
    }

    /// Every file that a backup on these bases may need.
    pub(super) fn files(&self) -> Vec<Arc<ArchiveReader>> {
        let mut files: BTreeMap<BackupId, Arc<ArchiveReader>> = BTreeMap::new();
        for archive in self.archives() {
            for other in archive.bases() {
                files.entry(other.id()).or_insert_with(|| Arc::clone(other));
            }
            files.insert(archive.id(), archive);
        }
        files.into_values().collect()
    }

    /// What a backup on these bases is.
    pub(super) fn mode(&self) -> Mode {
        if self.opened.is_empty() { Mode::Full } else { Mode::Incremental }
    }
}

impl Base {
    /// Opens it, or says why it cannot be built on.
    fn open(parts: &Parts, record: &BackupRecord) -> Result<Self, String> {
        let opened = archives::lease(parts, record.id).and_then(|(record, lease)| {
            require_sound(parts, &record)?;
            let archive = archives::open_restore_point(parts, &record)?;
            if let Some(damage) = archives::trailer_damage(&archive) {
                return Err(failure(ErrorCode::Corruption, damage, ""));
            }
            require_whole(&record, &archive)?;
            Ok(Self { record, archive, _lease: lease })
        });
        opened.map_err(|error| error.message)
    }
}

/// Refuses what is known to be damaged, also where it does not hurt this restore point: content that is stored there
/// would not be stored again.
fn require_sound(parts: &Parts, record: &BackupRecord) -> Result<(), JobError> {
    let others = record.needs.iter().map(|id| parts.catalog.backup(*id)).collect::<Result<Vec<_>, _>>()?;
    for archive in others.iter().chain([record]) {
        let is_bad = matches!(archive.state, BackupState::Corrupt | BackupState::Missing)
            || archive.verify_result == Some(VerifyResult::Failed);
        if is_bad {
            let state = if archive.state == BackupState::Missing { "missing" } else { "damaged" };
            return Err(failure(ErrorCode::Corruption, format!("{} is {state}", archive.filename), ""));
        }
    }
    Ok(())
}

/// Refuses what was cut short or replaced since the catalog learned of it.
fn require_whole(record: &BackupRecord, archive: &ArchiveReader) -> Result<(), JobError> {
    if archive.size_bytes() == record.size_bytes {
        return Ok(());
    }
    let message = format!("it has {} bytes and had {}", archive.size_bytes(), record.size_bytes);
    Err(failure(ErrorCode::Corruption, message, ""))
}

fn candidate(parts: &Parts, source: &Arc<dyn Source>, build_on: BuildOn) -> Result<Option<BackupRecord>, JobError> {
    let is_sound = |record: &BackupRecord, just_read| {
        record.verify_result == Some(VerifyResult::Passed) || Some(record.id) == just_read
    };
    let record = match build_on {
        BuildOn::Nothing => None,
        BuildOn::Only(id) => Some(parts.catalog.backup(id)?),
        // The newest, whatever its state: to build on an older one would hide what happened to it.
        BuildOn::Newest | BuildOn::NewestUnlessFullIsDue => {
            let filter = BackupFilter { all: true, ..holding(source) };
            let newest = parts.catalog.newest_that(&filter, |record| record.state.is_restore_point())?;
            match newest {
                Some(newest) if is_empty_in(&newest, source) => {
                    let is_kept = |record: &BackupRecord| record.state.is_restore_point();
                    let before = parts.catalog.newest_few_that(&filter, EMPTY_DAYS, is_kept)?;
                    before.into_iter().find(|record| !is_empty_in(record, source)).or(Some(newest))
                }
                newest => newest,
            }
        }
        BuildOn::Sound { just_read } => {
            parts.catalog.newest_that(&holding(source), |record| is_sound(record, just_read))?
        }
    };
    Ok(record.filter(|record| holds(record, source.name(), source.kind())))
}

/// A tree that was not mounted for a few nights, and is back, is not stored again: the base is the newest backup of it that
/// holds anything, among so many.
const EMPTY_DAYS: usize = 64;

fn is_empty_in(record: &BackupRecord, source: &Arc<dyn Source>) -> bool {
    record.sources.iter().any(|held| held.name == *source.name() && held.files == 0)
}

/// The available backups that hold a source; no safety backups.
fn holding(source: &Arc<dyn Source>) -> BackupFilter {
    BackupFilter { source: Some(source.name().clone()), class: Some(Class::Backup), ..BackupFilter::default() }
}

fn holds(record: &BackupRecord, name: &SourceName, kind: SourceKind) -> bool {
    record.sources.iter().any(|held| held.name == *name && held.kind == kind)
}

/// Warns when the newest backup of any of `sources` is dated ahead of the clock: one of the two is wrong.
pub(super) fn ahead_of_clock(parts: &Parts, sources: &[Arc<dyn Source>]) -> Result<Option<String>, JobError> {
    let now = parts.clock.now();
    for source in sources {
        let newest = parts.catalog.newest_that(&BackupFilter { all: true, ..holding(source) }, |_| true)?;
        if let Some(newest) = newest.filter(|newest| newest.created_at > clock::latest_credible(now)) {
            return Ok(Some(format!(
                "the backup before this one, {}, is dated {:.0}, ahead of this machine's clock, which says {now:.0}: look \
                 which of the two is wrong (`date`)",
                newest.filename, newest.created_at
            )));
        }
    }
    Ok(None)
}

/// Whether the newest full of any source is older than it may be.
fn is_full_due(parts: &Parts, sources: &[Arc<dyn Source>]) -> Result<bool, JobError> {
    let Some(full_every) = parts.settings.full_every else { return Ok(false) };
    let full_every = SignedDuration::try_from(full_every).unwrap_or(SignedDuration::MAX);
    let now = parts.clock.now();
    for source in sources {
        let filter = BackupFilter { all: true, ..holding(source) };
        let newest = parts.catalog.newest_that(&filter, |record| record.mode == Mode::Full)?;
        // Of one that is dated ahead of the clock nobody can tell how old it is.
        let is_old = |full: &BackupRecord| {
            now.duration_since(full.created_at) > full_every || full.created_at > clock::latest_credible(now)
        };
        if newest.is_some_and(|full| is_old(&full)) {
            return Ok(true);
        }
    }
    Ok(false)
}
