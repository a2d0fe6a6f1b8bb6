//! Is there room for a backup? Asked before it begins, because a disk that fills up half-way helps nobody.

use std::sync::Arc;

use bytesize::ByteSize;

use super::context::Parts;
use super::failure::failure;
use crate::catalog::{BackupFilter, BackupRecord, JobError};
use crate::model::{ErrorCode, Mode, SourceName};
use crate::progress::Progress;
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
    /// Refuses what would leave less than is reserved.
    pub(super) fn require(self) -> Result<(), JobError> {
        if self.free_bytes >= self.needed_bytes.saturating_add(self.reserved_bytes) {
            return Ok(());
        }
        let size = |bytes| ByteSize::b(bytes).to_string();
        Err(failure(
            ErrorCode::Refused,
            format!(
                "not enough room for a backup: about {} are needed and {} have to stay free, {} are free",
                size(self.needed_bytes),
                size(self.reserved_bytes),
                size(self.free_bytes)
            ),
            "free space where the store is, remove a backup (`carelogctl delete`), or lower [backup] min_free",
        ))
    }
}

/// The first incremental takes this share of what the full took, by guess: one in so many bytes.
const FIRST_INCREMENTAL: u64 = 10;

/// Estimates a backup of `sources`: what the newest backup of its mode that holds each took. The first time there is none;
/// then what is to be read is counted, and of an incremental a share of the full is taken.
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

/// What a source takes in the newest archive of this mode that holds it: its share by content of that archive's size.
fn stored_size(parts: &Parts, source: &SourceName, mode: Mode) -> Result<Option<u64>, JobError> {
    let filter = BackupFilter { source: Some(source.clone()), ..BackupFilter::default() };
    let of_mode = |backup: &BackupRecord| backup.mode == mode;
    let Some(newest) = parts.catalog.newest_that(&filter, of_mode)? else { return Ok(None) };
    let share = newest.sources.iter().find(|held| held.name == *source).map_or(0, |held| held.size_bytes);
    let product = u128::from(newest.size_bytes) * u128::from(share);
    Ok(Some(u64::try_from(product / u128::from(newest.raw_bytes.max(1))).unwrap_or(u64::MAX)))
}
