//! Writes down what the swap of a tree will move.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::ffi::OsStringExt as _;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::super::error::{SourceError, StageError};
use super::super::place::Place;
use super::super::swap::SwapMethod;
use super::super::swap::root_metadata::RootMetadata;
use super::super::swap::site::Site;
use super::super::swap::thing::Thing;
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
        SwapMethod::RenameDatabase => {
            let reason = "a folder cannot be swapped as a database is".to_owned();
            return Err(SourceError::Refused { path: place.path().to_owned(), reason }.into());
        }
    };
    let (live, aside) = (place.path().to_owned(), site.path().to_owned());
    Ok(SwapRecord { source: name.clone(), kind: SourceKind::Files, live, aside, swap })
}

fn roots(place: &Place, site: &Site) -> Result<RootSwap, StageError> {
    let staged = site.open()?;
    let new = Thing::open(staged.as_fd()).map_err(|error| place.failed("looking at the staged copy of", error))?;
    Ok(RootSwap { folder: place.folder()?, old: place.thing()?, new })
}

fn entries(
    recording: Recording<'_>,
    rules: &Rules,
    new_root: Option<&RootMetadata>,
) -> Result<EntriesSwap, StageError> {
    let Recording { place, site, wanted, .. } = recording;
    let (live, _) = open_root(place.path())?;
    let root = Thing::open(live.as_fd()).map_err(|error| place.failed("looking at", error))?;
    let staged = site.open()?;
    let mut found: BTreeMap<Vec<u8>, (Option<Thing>, Option<Thing>)> = BTreeMap::new();
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
        if entry.device != root.device {
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
        root,
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
    mut on: impl FnMut(&[u8], FileType, Thing) -> Result<(), StageError>,
) -> Result<(), StageError> {
    let failed = |error: Errno| StageError::Source(place.failed("listing", error));
    let mut names = Listing::default();
    names.read(folder, &mut Vec::new(), is_ours).map_err(failed)?;
    for (name, kind) in (0..).map_while(|index| names.get(index)) {
        if let Some(thing) = Thing::at(folder, name).map_err(failed)? {
            on(name.to_bytes(), kind, thing)?;
        }
    }
    Ok(())
}
