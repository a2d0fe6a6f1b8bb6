//! Is there room for a backup? Asked before it begins, because a disk that fills up half-way helps nobody. Estimated from
//! the last backups of the same sources.

use std::sync::Arc;

use bytesize::ByteSize;

use super::context::Parts;
use super::failure::failure;
use crate::catalog::{BackupFilter, BackupRecord, JobError};
use crate::model::{BackupState, ErrorCode, Mode, SourceName};
use crate::progress::Progress;
use crate::retention;
use crate::source::Source;

/// How much an archive is likely to take, and how much there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// By estimate.
    pub(super) needed_bytes: u64,
    pub(super) free_bytes: u64,
    /// What has to stay free besides.
    pub(super) reserved_bytes: u64,
}

impl Room {
    /// Refuses what would leave less than is reserved. `what` it is for, in words.
    pub(super) fn require(self, what: &str) -> Result<(), JobError> {
        if self.free_bytes >= self.needed_bytes.saturating_add(self.reserved_bytes) {
            return Ok(());
        }
        let size = |bytes| ByteSize::b(bytes).to_string();
        Err(failure(
            ErrorCode::Refused,
            format!(
                "not enough room for {what}: about {} are needed and {} have to stay free, {} are free",
                size(self.needed_bytes),
                size(self.reserved_bytes),
                size(self.free_bytes)
            ),
            "free space where the store is, remove a backup (`carelogctl delete`, twice: the first puts it into the trash), \
             or lower [backup] min_free",
        ))
    }

    /// The same with what else is needed on the store's disk.
    pub(super) const fn and(self, bytes: u64) -> Self {
        Self { needed_bytes: self.needed_bytes.saturating_add(bytes), ..self }
    }
}

/// Refuses a backup that would let the archives take more than [retention] allows. Nothing is removed for it: which backups
/// count is for the rules to say. A safety backup is not asked.
pub(super) fn require_within_limit(parts: &Parts, room: Room) -> Result<(), JobError> {
    let policy = &parts.settings.retention;
    if policy.max_total_bytes.is_none() {
        return Ok(());
    }
    let is_there = |backup: &BackupRecord| backup.state != BackupState::Missing;
    let backups = parts.catalog.list_backups_alone(&BackupFilter { all: true, ..BackupFilter::default() })?;
    let used = backups.iter().filter(|backup| is_there(backup)).map(|backup| backup.size_bytes);
    let used = used.fold(room.needed_bytes, u64::saturating_add);
    let Some(excess) = retention::excess(policy, used) else { return Ok(()) };
    let size = |bytes| ByteSize::b(bytes).to_string();
    Err(failure(
        ErrorCode::Refused,
        format!(
            "the archives would take about {}, more than max_total_size = {}",
            size(excess.used_bytes),
            size(excess.most_bytes)
        ),
        "`carelogctl prune --dry-run` says what is kept and why; keep less, or raise [retention] max_total_size",
    ))
}

/// The first incremental takes this share of what the full took, by guess: one in so many bytes.
const FIRST_INCREMENTAL: u64 = 10;

/// So many backups are looked at: the last one may have been unusual.
const LOOK_BACK: usize = 3;

/// What is added to that: one in so many bytes, because data grows.
const GROWTH: u64 = 8;

/// Bytes of a manifest's line, which waits beside the archive until its source was read.
const LINE: u64 = 256;

/// Estimates a backup of `sources` by the last backups of its mode that hold each, and a little more: of an incremental by
/// what is usual, because one large import must not refuse all that follow it; of a full by the largest, and by how much
/// more the newest backup of any mode holds. The first time there is none; then what is to be read is counted, and of an
/// incremental a share of the full is taken.
pub(super) fn of_backup(
    parts: &Parts,
    sources: &[Arc<dyn Source>],
    mode: Mode,
    progress: &Progress,
) -> Result<Room, JobError> {
    let mut needed_bytes = 0_u64;
    for source in sources {
        let bytes = match (stored_size(parts, source.name(), mode)?, mode) {
            (Some(bytes), _) => bytes,
            (None, Mode::Full) => source.measure(progress)?.bytes,
            (None, Mode::Incremental) => match stored_size(parts, source.name(), Mode::Full)? {
                Some(bytes) => bytes / FIRST_INCREMENTAL,
                None => source.measure(progress)?.bytes,
            },
        };
        needed_bytes = needed_bytes.saturating_add(bytes);
    }
    let space = parts.store.space()?;
    let reserved_bytes = parts.settings.min_free.bytes_of(space.total_bytes);
    Ok(Room { needed_bytes, free_bytes: space.free_bytes, reserved_bytes })
}

/// What a source takes, by the last backups of this mode that hold it; `None` when there is none.
fn stored_size(parts: &Parts, source: &SourceName, mode: Mode) -> Result<Option<u64>, JobError> {
    let filter = BackupFilter { source: Some(source.clone()), ..BackupFilter::default() };
    let last = parts.catalog.newest_few_that(&filter, LOOK_BACK, |backup| backup.mode == mode)?;
    let expected = match mode {
        Mode::Incremental => median(last.iter().map(|backup| taken_by(source, backup)).collect()),
        Mode::Full => {
            let newest = parts.catalog.newest_that(&filter, |_any_mode| true)?;
            let content = newest.map_or(0, |newest| content_of(source, &newest));
            last.iter().map(|backup| grown(taken_by(source, backup), content_of(source, backup), content)).max()
        }
    };
    Ok(expected.map(|bytes| bytes.saturating_add(bytes / GROWTH)))
}

/// The middle one; of two the larger.
fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// What took `bytes` when there was so much content `then`, by what there is `now`.
fn grown(bytes: u64, then: u64, now: u64) -> u64 {
    if now <= then {
        return bytes;
    }
    u64::try_from(u128::from(bytes) * u128::from(now) / u128::from(then.max(1))).unwrap_or(u64::MAX)
}

fn content_of(source: &SourceName, backup: &BackupRecord) -> u64 {
    backup.sources.iter().find(|held| held.name == *source).map_or(0, |held| held.size_bytes)
}

/// What a source takes of a backup: its share by content of the archive's size, and its lines of the manifest on their way.
fn taken_by(source: &SourceName, backup: &BackupRecord) -> u64 {
    let Some(held) = backup.sources.iter().find(|held| held.name == *source) else { return 0 };
    let product = u128::from(backup.size_bytes) * u128::from(held.size_bytes);
    let share = u64::try_from(product / u128::from(backup.raw_bytes.max(1))).unwrap_or(u64::MAX);
    share.saturating_add(held.files.saturating_mul(LINE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::samples;

    #[test]
    fn too_little_room_is_refused_with_the_figures_and_the_next_step() {
        let room = Room { needed_bytes: 3 << 30, free_bytes: 4 << 30, reserved_bytes: 1 << 30 };
        assert!(room.require("a backup").is_ok());
        let refused = room.and(1).require("a backup").unwrap_err();
        assert_eq!(refused.code, ErrorCode::Refused);
        let figures = "a backup: about 3.0 GiB are needed and 1.0 GiB have to stay free, 4.0 GiB are free";
        assert!(refused.message.ends_with(figures), "{}", refused.message);
        assert!(refused.hint.contains("min_free"), "{}", refused.hint);
    }

    #[test]
    fn one_large_import_does_not_refuse_the_incrementals_behind_it() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![70]), Some(70));
        assert_eq!(median(vec![2, 70_000_000]), Some(70_000_000), "nobody knows yet which of the two is usual");
        assert_eq!(median(vec![2, 70_000_000, 3]), Some(3));
    }

    #[test]
    fn a_full_takes_as_much_more_as_there_is_more_content() {
        assert_eq!(grown(10, 100, 50), 10);
        assert_eq!(grown(10, 100, 1000), 100);
        assert_eq!(grown(u64::MAX, 1, u64::MAX), u64::MAX);
    }

    #[test]
    fn a_source_takes_its_share_of_an_archive_and_its_lines() {
        let mut backup = BackupRecord { size_bytes: 1000, raw_bytes: 4000, ..samples::backup(1) };
        (backup.sources[0].size_bytes, backup.sources[0].files) = (1000, 1);
        (backup.sources[1].size_bytes, backup.sources[1].files) = (3000, 7);
        let taken = |index: usize| taken_by(&backup.sources[index].name, &backup);
        assert_eq!((taken(0), taken(1)), (250 + LINE, 750 + 7 * LINE));
        assert_eq!(taken_by(&SourceName::new("other").unwrap(), &backup), 0);
        // What a damaged catalog says may be any number.
        let odd = BackupRecord { size_bytes: u64::MAX, raw_bytes: 0, ..backup };
        assert_eq!(taken_by(&odd.sources[1].name, &odd), u64::MAX);
    }
}
