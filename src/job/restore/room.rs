//! Is there room beside the live data? Asked before anything is touched, by what differs: the rest is taken from there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytesize::ByteSize;

use super::super::failure::failure;
use crate::catalog::JobError;
use crate::fsio;
use crate::model::{ErrorCode, SourceName};
use crate::source::{SourcePlan, SwapMethod};

/// How much is needed where it is scarcest, and how much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// By estimate.
    pub needed_bytes: u64,
    /// `None` when the file system does not say.
    pub free_bytes: Option<u64>,
}

impl Room {
    /// For all of `plans`. Of a source that is `unsaved` nothing can be taken from the live data.
    pub(super) fn of(plans: &[SourcePlan], unsaved: &BTreeSet<SourceName>) -> Self {
        let mut devices: BTreeMap<Option<u64>, Self> = BTreeMap::new();
        for plan in plans {
            let Some(place) = staging_place(plan) else { continue };
            let room = devices.entry(fsio::device_of(place).ok()).or_default();
            room.needed_bytes = room.needed_bytes.saturating_add(staged_bytes(plan, unsaved));
            // Some file systems, in memory or over a network, have no figures and say 0 of 0.
            let space = fsio::free_space(place).ok().filter(|space| space.total_bytes > 0);
            room.free_bytes = space.map(|space| space.free_bytes);
        }
        let spare = |room: &Self| room.free_bytes.map(|free| i128::from(free) - i128::from(room.needed_bytes));
        devices.into_values().min_by_key(|room| spare(room).unwrap_or(i128::MAX)).unwrap_or_default()
    }

    /// Whether it suffices, as far as that is known.
    #[must_use]
    pub fn suffices(self) -> bool {
        self.free_bytes.is_none_or(|free| free >= self.needed_bytes)
    }

    pub(super) fn require(self) -> Result<(), JobError> {
        if self.suffices() {
            return Ok(());
        }
        let size = |bytes| ByteSize::b(bytes).to_string();
        let message = format!(
            "not enough room beside the live data: about {} are needed, {} are free",
            size(self.needed_bytes),
            size(self.free_bytes.unwrap_or_default())
        );
        let hint = "nothing was changed; free space there, or restore with --to DIR on another disk";
        Err(failure(ErrorCode::Refused, message, hint))
    }
}

/// What of `plans` is laid out on this device.
pub(super) fn staged_on(device: Option<u64>, plans: &[SourcePlan], unsaved: &BTreeSet<SourceName>) -> u64 {
    let is_there = |plan: &&SourcePlan| {
        device.is_some() && staging_place(plan).is_some_and(|place| fsio::device_of(place).ok() == device)
    };
    plans.iter().filter(is_there).fold(0, |sum, plan| sum.saturating_add(staged_bytes(plan, unsaved)))
}

/// What a plan lays out beside the live data: all of what nothing can be taken of, otherwise what differs.
fn staged_bytes(plan: &SourcePlan, unsaved: &BTreeSet<SourceName>) -> u64 {
    match unsaved.contains(&plan.name) {
        true => plan.bytes,
        false => plan.added_bytes.saturating_add(plan.changed_bytes),
    }
}

/// The folder on whose file system the plan lays its data out, if it can be looked at from here.
fn staging_place(plan: &SourcePlan) -> Option<&Path> {
    let live = plan.destination.as_path();
    match plan.method {
        SwapMethod::RenameDatabase => plan.staged_in.as_deref(),
        method if method.is_by_entry() => Some(live),
        _ => Some(live.parent().unwrap_or(live)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_room_is_refused_with_the_figures() {
        let room = |free_bytes| Room { needed_bytes: 3 << 30, free_bytes };
        let refused = room(Some(1 << 30)).require().unwrap_err();
        assert_eq!(refused.code, ErrorCode::Refused);
        assert!(refused.message.contains("3.0 GiB are needed, 1.0 GiB are free"), "{}", refused.message);
        for enough in [Some(3 << 30), None] {
            assert!(room(enough).require().is_ok(), "{enough:?}");
        }
    }
}
