//! A swap of files with its folders open: which generation is live, and the steps that make the other one live.

use std::ffi::CString;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::super::error::{SourceError, StageError};
use super::super::place::{INNER, third_name_of};
use super::super::steps;
use super::super::swap::pair::{Folders, Pair, Standing};
use super::super::swap::site::DIRECTORY;
use super::super::swap::thing::Thing;
use super::{EntriesSwap, Generation, RecordedSwap, RootSwap, SwapRecord};

/// A record with its folders open.
pub(super) struct Opened<'a> {
    record: &'a SwapRecord,
    pub(super) folders: Folders,
    pub(super) pairs: Vec<Pair>,
}

impl<'a> Opened<'a> {
    pub(super) fn open(record: &'a SwapRecord) -> Result<Self, StageError> {
        match &record.swap {
            RecordedSwap::ExchangeRoot(swap) | RecordedSwap::RenameRoot(swap) => Self::open_roots(record, swap),
            RecordedSwap::ExchangeEntries(swap) | RecordedSwap::RenameEntries(swap) => Self::open_entries(record, swap),
            RecordedSwap::RenameDatabase(_) => Err(record.failed("opening as a folder", &record.live, Errno::NOTDIR)),
        }
    }

    fn open_roots(record: &'a SwapRecord, swap: &RootSwap) -> Result<Self, StageError> {
        let Some(parent) = record.live.parent() else {
            return Err(record.failed("opening the folder of", &record.live, Errno::NOENT));
        };
        let (live, device) = open_known(parent, swap.folder, OFlags::empty())?;
        let again = || {
            live.try_clone().map_err(|error| {
                StageError::Source(SourceError::Io { doing: "opening", path: parent.to_owned(), error })
            })
        };
        let aside = Some(again()?);
        let third = if record.method().is_by_rename() { Some(again()?) } else { None };
        let aside_name = record.aside_name();
        let pair = Pair {
            live_name: name_of(&record.live),
            third_name: third_name_of(&aside_name),
            aside_name,
            old: swap.old,
            new: Some(swap.new),
        };
        let folders = Folders { live, aside, third, device, path: record.live.clone() };
        Ok(Self { record, folders, pairs: vec![pair] })
    }

    fn open_entries(record: &'a SwapRecord, swap: &EntriesSwap) -> Result<Self, StageError> {
        let (live, device) = open_known(&record.live, swap.root, OFlags::NOFOLLOW)?;
        let inner = open_if_there(record, &live, INNER)?;
        let in_inner = |name: CString| match &inner {
            Some(inner) => open_if_there(record, inner, &name),
            None => Ok(None),
        };
        let aside = in_inner(record.aside_name())?;
        let third = if record.method().is_by_rename() { in_inner(third_name_of(&record.aside_name()))? } else { None };
        let pairs = swap.entries.iter().map(|entry| {
            let name = name_of(&entry.name);
            Pair { live_name: name.clone(), aside_name: name.clone(), third_name: name, old: entry.old, new: entry.new }
        });
        let pairs = pairs.collect();
        let folders = Folders { live, aside, third, device, path: record.live.clone() };
        Ok(Self { record, folders, pairs })
    }

    /// What the pairs agree on. What an application did to some of them since does not count.
    pub(super) fn generation(&self) -> Result<Generation, StageError> {
        let (mut certain, mut likely) = (None, self.pairs.is_empty().then_some(Generation::Old));
        for pair in &self.pairs {
            match pair.standing(&self.folders)? {
                Standing::Certain(found) if *certain.get_or_insert(found) != found => return Ok(Generation::Mixed),
                Standing::Certain(_) | Standing::Unknown => {}
                Standing::Likely(found) => likely = Some(found),
            }
        }
        certain.or(likely).ok_or_else(|| {
            StageError::Source(SourceError::Refused {
                path: self.record.live.clone(),
                reason: format!(
                    "neither what was there before the restore nor what it put there can be found, and neither at {}",
                    self.record.aside.display()
                ),
            })
        })
    }

    pub(super) fn bring(&self, goal: Generation, was_swapped: bool) -> Result<(), StageError> {
        let mut bring = |pair: &Pair| pair.bring(&self.folders, goal, was_swapped);
        match goal {
            Generation::Old => self.pairs.iter().rev().try_for_each(&mut bring)?,
            Generation::New | Generation::Mixed => self.pairs.iter().try_for_each(&mut bring)?,
        }
        let (renamed, done) = match goal {
            Generation::Old => ("source.swap.back.renamed", "source.swap.back.done"),
            Generation::New | Generation::Mixed => ("source.swap.forward.renamed", "source.swap.forward.done"),
        };
        self.pass(renamed)?;
        self.put_on_root(goal)?;
        self.folders.sync()?;
        self.pass(done)
    }

    /// Gives the root what it has to carry, unless all that lay aside is gone: then that was done long ago.
    fn put_on_root(&self, goal: Generation) -> Result<(), StageError> {
        let (RecordedSwap::ExchangeEntries(swap) | RecordedSwap::RenameEntries(swap)) = &self.record.swap else {
            return Ok(());
        };
        if self.folders.aside.is_none() {
            return Ok(());
        }
        let metadata = if goal == Generation::Old { &swap.old_root } else { &swap.new_root };
        metadata.put_on(self.folders.live.as_fd()).map_err(|error| {
            let path = self.record.live.clone();
            StageError::Source(SourceError::Io { doing: "setting owner, mode and time of", path, error })
        })
    }

    pub(super) fn has_aside(&self) -> Result<bool, StageError> {
        if self.record.method().is_by_entry() {
            return Ok(self.folders.aside.is_some() || self.folders.third.is_some());
        }
        for name in [self.record.aside_name(), third_name_of(&self.record.aside_name())] {
            match rustix::fs::statat(&self.folders.live, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => return Ok(true),
                Err(Errno::NOENT) => {}
                Err(error) => return Err(self.record.failed("looking at", &self.record.aside, error)),
            }
        }
        Ok(false)
    }

    fn pass(&self, point: &'static str) -> Result<(), StageError> {
        let path = self.record.live.clone();
        steps::pass(point).map_err(|error| StageError::Source(SourceError::Io { doing: "swapping", path, error }))
    }
}

/// Opens the folder at `path` if it is the one that was recorded: an unmounted disk leaves another one in its place.
fn open_known(path: &Path, recorded: Thing, flags: OFlags) -> Result<(OwnedFd, u64), StageError> {
    let failed = |error: Errno| match error {
        Errno::NOENT => StageError::Source(SourceError::NotFound { path: path.to_owned() }),
        error => StageError::Source(SourceError::Io { doing: "opening", path: path.to_owned(), error: error.into() }),
    };
    let flags = flags | OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(path, flags, Mode::empty()).map_err(failed)?;
    let found = Thing::open(folder.as_fd()).map_err(failed)?;
    if found.is(&recorded) {
        return Ok((folder, found.device));
    }
    Err(StageError::Source(SourceError::Refused {
        path: path.to_owned(),
        reason: "this is not the folder in which the restore was made: is its file system mounted?".to_owned(),
    }))
}

fn open_if_there(record: &SwapRecord, folder: &OwnedFd, name: &std::ffi::CStr) -> Result<Option<OwnedFd>, StageError> {
    match rustix::fs::openat(folder, name, DIRECTORY, Mode::empty()) {
        Ok(opened) => Ok(Some(opened)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(record.failed("opening", &record.aside, error)),
    }
}

pub(super) fn name_of(path: &Path) -> CString {
    use std::os::unix::ffi::OsStrExt as _;
    CString::new(path.file_name().unwrap_or_default().as_bytes()).unwrap_or_default()
}
