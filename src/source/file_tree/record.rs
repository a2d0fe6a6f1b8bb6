//! Writes down what the swap of a tree will move.

use std::collections::BTreeMap;
use std::ffi::{CStr, OsString};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::ffi::OsStringExt as _;

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::super::error::{SourceError, StageError};
use super::super::facts::{Facts, Identity};
use super::super::place::Place;
use super::super::swap::SwapMethod;
use super::super::swap::root_metadata::RootMetadata;
use super::super::swap::site::Site;
use super::super::swap_record::{EntriesSwap, EntrySwap, RecordedSwap, RootSwap, SwapRecord};
use super::exclude::{Rules, is_ours};
use super::listing::Listing;
use super::open_root;
use super::wanted::Wanted;
use crate::model::{SourceKind, SourceName};

/// What is recorded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recording<'a> {
    pub(super) name: &'a SourceName,
    pub(super) place: &'a Place,
    pub(super) site: &'a Site,
    pub(super) method: SwapMethod,
    pub(super) wanted: &'a Wanted,
}

/// The swap as it would be made now. `new_root` is what the root has to carry, `None` for what it carries.
pub(super) fn record_of(
    recording: Recording<'_>,
    rules: &Rules,
    new_root: Option<&RootMetadata>,
) -> Result<SwapRecord, StageError> {
    let Recording { name, place, site, method, .. } = recording;
    let swap = match method {
        SwapMethod::ExchangeRoot => RecordedSwap::ExchangeRoot(roots(place, site)?),
        SwapMethod::RenameRoot => RecordedSwap::RenameRoot(roots(place, site)?),
        SwapMethod::ExchangeEntries => RecordedSwap::ExchangeEntries(entries(recording, rules, new_root)?),
        SwapMethod::RenameEntries => RecordedSwap::RenameEntries(entries(recording, rules, new_root)?),
    };
    let (live, aside) = (place.path().to_owned(), site.path().to_owned());
    Ok(SwapRecord { source: name.clone(), kind: SourceKind::Files, live, aside, swap })
}

fn roots(place: &Place, site: &Site) -> Result<RootSwap, StageError> {
    let staged = site.open()?;
    let new = Facts::from(&rustix::fs::fstat(&staged).map_err(|error| place.failed("looking at", error))?).identity;
    Ok(RootSwap { folder: place.parent_identity()?, old: place.facts()?.map(|facts| facts.identity), new })
}

fn entries(
    recording: Recording<'_>,
    rules: &Rules,
    new_root: Option<&RootMetadata>,
) -> Result<EntriesSwap, StageError> {
    let Recording { place, site, wanted, .. } = recording;
    let (live, facts) = open_root(place.path())?;
    let staged = site.open()?;
    let mut found: BTreeMap<Vec<u8>, (Option<Identity>, Option<Identity>)> = BTreeMap::new();
    for_each_entry(place, staged.as_fd(), |name, _, entry| {
        found.entry(name.to_vec()).or_default().1 = Some(entry);
        Ok(())
    })?;
    for_each_entry(place, live.as_fd(), |name, kind, entry| {
        let member = [wanted.prefix(), name].concat();
        let is_left_alone =
            rules.exclude(name, kind == FileType::Directory) || !wanted.has(&member) && !wanted.leads_through(&member);
        if is_left_alone && !found.contains_key(name) {
            return Ok(());
        }
        if entry.device != facts.identity.device {
            return Err(StageError::Source(SourceError::Refused {
                path: place.path().join(OsString::from_vec(name.to_vec())),
                reason: "it lies on another file system and cannot be exchanged; unmount it, or restore with --to \
                         into another folder"
                    .to_owned(),
            }));
        }
        found.entry(name.to_vec()).or_default().0 = Some(entry);
        Ok(())
    })?;
    let failed = |error| StageError::Source(place.failed("looking at", error));
    let old_root = RootMetadata::of(live.as_fd()).map_err(failed)?;
    Ok(EntriesSwap {
        root: facts.identity,
        // One file under both names needs no swap: it was linked from there.
        entries: found
            .into_iter()
            .filter(|(_, (old, new))| old != new)
            .map(|(name, (old, new))| EntrySwap { name: OsString::from_vec(name).into(), old, new })
            .collect(),
        new_root: new_root.unwrap_or(&old_root).clone(),
        old_root,
    })
}

/// Calls `on` with name, kind and identity of everything in `folder` but our own places.
fn for_each_entry(
    place: &Place,
    folder: BorrowedFd<'_>,
    mut on: impl FnMut(&[u8], FileType, Identity) -> Result<(), StageError>,
) -> Result<(), StageError> {
    let failed = |error: Errno| StageError::Source(place.failed("listing", error));
    let mut names = Listing::default();
    names.read(folder, &mut Vec::new(), is_ours).map_err(failed)?;
    let named = |index| names.get(index).map(|(name, _): (&CStr, _)| name);
    for name in (0..).map_while(named) {
        match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => {
                let facts = Facts::from(&stat);
                on(name.to_bytes(), facts.kind, facts.identity)?;
            }
            Err(Errno::NOENT) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(())
}
