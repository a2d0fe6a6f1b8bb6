//! Takes over from the live tree to the staged one what a restore is to leave alone: what the backup left out by
//! configuration (caches, logs, temporary files), and around the members that were named all the rest.
//!
//! Files are linked, not copied: it takes no room and no time, and what the application writes to them afterwards is there
//! whether the restore stands or is undone. An excluded thing whose folder the backup does not hold stays with the
//! replaced tree.

use std::ffi::CStr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::super::apply::{Applier, failed, times};
use super::super::attributes::{Carrier, Owners, XattrReader};
use super::super::error::StageError;
use super::super::facts::Facts;
use super::super::shortfalls::Shortfalls;
use super::exclude::Rules;
use super::extract::paths::split_name;
use super::open::{Opener, directory_beneath};
use super::walk::{Step, Walk, WalkOptions};
use super::wanted::Wanted;
use crate::archive::Meta;
use crate::progress::Progress;

/// What is to be taken over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept<'a> {
    /// Of the time of the backup.
    pub(super) rules: &'a Rules,
    pub(super) wanted: &'a Wanted,
    /// The entries of the root are swapped one by one: those that are to be left alone just stay where they are.
    pub(super) by_entry: bool,
}

/// What was taken over.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// Things that are now in the staged tree; an excluded folder counts as one.
    pub(super) kept: u64,
    /// Excluded things whose folder is not in the backup.
    pub(super) left: u64,
    /// What could not be set as it was.
    pub(super) warnings: Vec<String>,
}

impl Kept<'_> {
    fn is_nothing(&self) -> bool {
        self.rules.is_empty() && self.wanted.is_everything()
    }

    /// Whether the thing at `path` needs no taking over because it is not moved.
    fn stays(&self, path: &[u8], is_excluded: bool) -> bool {
        let relative = &path[self.wanted.prefix().len()..];
        let end = relative.iter().position(|byte| *byte == b'/').unwrap_or(relative.len());
        let is_top = relative[end..].len() <= 1;
        let top = &path[..self.wanted.prefix().len() + end];
        self.by_entry
            && (is_top && is_excluded
                || !self.wanted.is_everything() && !self.wanted.has(top) && !self.wanted.leads_through(top))
    }
}

/// From the tree at `live` what is `kept`, into the tree at `staged`.
pub(super) fn carry_over(
    live: (OwnedFd, Facts),
    staged: BorrowedFd<'_>,
    kept: Kept<'_>,
    progress: &Progress,
) -> Result<Carried, StageError> {
    let mut carried = Carried::default();
    if kept.is_nothing() {
        return Ok(carried);
    }
    let prefix = kept.wanted.prefix();
    let options = WalkOptions { rules: kept.rules, one_file_system: true, report_excluded: true };
    let mut walk = Walk::new(live.0, live.1, prefix, options);
    let mut carrier = TreeCarrier::new(staged);
    // The folders of the rest, which get their metadata when everything is in them.
    let mut folders: Vec<(Vec<u8>, Meta)> = Vec::new();
    while let Some(step) = walk.next().map_err(|error| failed("walking through", prefix, error))? {
        progress.check_cancelled()?;
        match step {
            Step::Excluded { path, .. } if kept.stays(path, true) => {}
            Step::Excluded { path, directory, name, listed } => {
                match carrier.excluded(prefix, path, directory, name, listed)? {
                    Some(was_kept) => carried.kept += u64::from(was_kept),
                    None => carried.left += 1,
                }
            }
            // In a folder that is the backup's.
            Step::Other { path, directory, name, listed, .. }
                if kept.wanted.is_lost(path) && !kept.stays(path, false) =>
            {
                let was_kept = carrier.excluded(prefix, path, directory, name, listed)?;
                carried.kept += u64::from(was_kept == Some(true));
            }
            Step::Directory { path, .. } | Step::Other { path, .. } | Step::Unreadable { path, .. }
                if kept.wanted.has(path) || kept.stays(path, false) => {}
            Step::Directory { path, facts, fd } => {
                let meta = carrier.make_folder(&path[prefix.len()..], &facts, fd, path)?;
                folders.push((path[prefix.len()..].to_vec(), meta));
                carried.kept += 1;
            }
            Step::Other { path, directory, name, .. } => {
                let (folder, _) = split_name(&path[prefix.len()..]);
                let target = carrier.folder_of(folder, path)?;
                carried.kept += u64::from(link(directory, name.to_bytes(), target, name.to_bytes(), path)?);
            }
            Step::Unreadable { path, error, .. } => return Err(failed("keeping", path, error)),
        }
    }
    for (path, meta) in folders.iter().rev() {
        let fd = directory_beneath(staged, path).map_err(|error| failed("opening", path, error))?;
        carrier.applier.to_open(fd.as_fd(), meta, path, &carrier.shortfalls)?;
    }
    carried.warnings = carrier.shortfalls.into_warnings();
    Ok(carried)
}

/// Links one thing that is no directory. Whether it was: what the backup holds itself stays, and sockets are made anew by
/// who listens on them.
fn link(
    from: BorrowedFd<'_>,
    name: &[u8],
    to: BorrowedFd<'_>,
    new_name: &[u8],
    path: &[u8],
) -> Result<bool, StageError> {
    match rustix::fs::linkat(from, name, to, new_name, AtFlags::empty()) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST | Errno::NOENT) => Ok(false),
        Err(error) => Err(failed("keeping", path, error)),
    }
}

struct TreeCarrier<'a> {
    staged: BorrowedFd<'a>,
    /// The folder that was linked into last.
    folder: Option<(Vec<u8>, OwnedFd)>,
    everything: Rules,
    applier: Applier,
    owners: Owners,
    xattrs: XattrReader,
    shortfalls: Shortfalls,
}

impl<'a> TreeCarrier<'a> {
    fn new(staged: BorrowedFd<'a>) -> Self {
        Self {
            staged,
            folder: None,
            everything: Rules::none(),
            applier: Applier::for_target(staged),
            owners: Owners::default(),
            xattrs: XattrReader::new(),
            shortfalls: Shortfalls::default(),
        }
    }

    /// Takes over what a rule leaves out. Whether it was: not if the backup holds it itself; `None` when its folder is not
    /// in the staged tree.
    fn excluded(
        &mut self,
        prefix: &[u8],
        path: &[u8],
        directory: BorrowedFd<'_>,
        name: &CStr,
        listed: FileType,
    ) -> Result<Option<bool>, StageError> {
        if listed == FileType::Socket {
            return Ok(Some(false));
        }
        let relative = &path[prefix.len()..];
        let (folder, _) = split_name(relative.strip_suffix(b"/").unwrap_or(relative));
        let target = match directory_beneath(self.staged, folder) {
            Ok(target) => target,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            Err(error) => return Err(failed("opening the folder of", path, error)),
        };
        let looking = |error| failed("looking at", path, error);
        let before = Facts::from(&rustix::fs::fstat(&target).map_err(looking)?);
        let is_locked = !rustix::process::geteuid().is_root() && before.mode & 0o300 != 0o300;
        if is_locked {
            rustix::fs::fchmod(&target, Mode::RWXU).map_err(|error| failed("opening the folder of", path, error))?;
        }
        let was_kept = if listed == FileType::Directory {
            self.folder(directory, name.to_bytes(), target.as_fd(), path)?
        } else {
            link(directory, name.to_bytes(), target.as_fd(), name.to_bytes(), path)?
        };
        // The folder is the backup's, its mode and time too.
        if is_locked {
            rustix::fs::fchmod(&target, Mode::from_raw_mode(before.mode))
                .map_err(|error| failed("setting the mode of the folder of", path, error))?;
        }
        rustix::fs::futimens(&target, &times(before.mtime))
            .map_err(|error| failed("setting the time of the folder of", path, error))?;
        Ok(Some(was_kept))
    }

    /// Makes the folder at `relative` in the staged tree if it is not there, and says what it carries in the live one.
    fn make_folder(
        &mut self,
        relative: &[u8],
        facts: &Facts,
        live: BorrowedFd<'_>,
        path: &[u8],
    ) -> Result<Meta, StageError> {
        if !relative.is_empty() {
            let (above, name) = split_name(relative.strip_suffix(b"/").unwrap_or(relative));
            match rustix::fs::mkdirat(self.folder_of(above, path)?, name, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(failed("making", path, error)),
            }
        }
        let mut meta = self.owners.meta(facts);
        let xattrs = self.xattrs.read(Carrier::Open(live));
        meta.xattrs = xattrs.map_err(|error| StageError::Io {
            doing: "reading extended attributes of",
            path: super::super::shown::shown(path),
            error,
        })?;
        Ok(meta)
    }

    /// The folder at `relative` in the staged tree, open; its metadata is applied at the end.
    fn folder_of(&mut self, relative: &[u8], path: &[u8]) -> Result<BorrowedFd<'_>, StageError> {
        if self.folder.as_ref().is_none_or(|(last, _)| last != relative) {
            let fd = directory_beneath(self.staged, relative)
                .map_err(|error| failed("opening the folder of", path, error))?;
            if !rustix::process::geteuid().is_root() {
                rustix::fs::fchmod(&fd, Mode::RWXU).map_err(|error| failed("opening the folder of", path, error))?;
            }
            self.folder = Some((relative.to_vec(), fd));
        }
        Ok(self.folder.as_ref().map_or(self.staged, |(_, fd)| fd.as_fd()))
    }

    /// Makes the folder `name` of `from` again in `to`, with links to everything below it.
    fn folder(
        &mut self,
        from: BorrowedFd<'_>,
        name: &[u8],
        to: BorrowedFd<'_>,
        path: &[u8],
    ) -> Result<bool, StageError> {
        let c_name = std::ffi::CString::new(name).unwrap_or_default();
        let source = Opener::new().directory(from, &c_name).map_err(|error| failed("opening", path, error))?;
        let facts = Facts::from(&rustix::fs::fstat(&source).map_err(|error| failed("looking at", path, error))?);
        match rustix::fs::mkdirat(to, name, Mode::RWXU) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Ok(false),
            Err(error) => return Err(failed("making", path, error)),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let root =
            rustix::fs::openat(to, name, flags, Mode::empty()).map_err(|error| failed("opening", path, error))?;
        let mut made: Vec<(Vec<u8>, Meta)> = Vec::new();
        let options = WalkOptions { rules: &self.everything, one_file_system: true, report_excluded: false };
        let mut walk = Walk::new(source, facts, b"", options);
        while let Some(step) = walk.next().map_err(|error| failed("walking through", path, error))? {
            match step {
                Step::Directory { path: below, facts, fd } => {
                    if !below.is_empty() {
                        let (folder, name) = split_name(below.strip_suffix(b"/").unwrap_or(below));
                        let parent = directory_beneath(root.as_fd(), folder)
                            .map_err(|error| failed("opening the folder of", path, error))?;
                        rustix::fs::mkdirat(parent, name, Mode::RWXU).map_err(|error| failed("making", path, error))?;
                    }
                    let mut meta = self.owners.meta(&facts);
                    meta.xattrs = self.xattrs.read(Carrier::Open(fd)).unwrap_or_default();
                    made.push((below.to_vec(), meta));
                }
                Step::Other { listed: FileType::Socket, .. } | Step::Excluded { .. } => {}
                Step::Other { path: below, directory, name, .. } => {
                    let (folder, _) = split_name(below);
                    let parent = directory_beneath(root.as_fd(), folder)
                        .map_err(|error| failed("opening the folder of", path, error))?;
                    link(directory, name.to_bytes(), parent.as_fd(), name.to_bytes(), path)?;
                }
                Step::Unreadable { error, .. } => return Err(failed("keeping", path, error)),
            }
        }
        for (below, meta) in made.iter().rev() {
            let fd = directory_beneath(root.as_fd(), below).map_err(|error| failed("opening", path, error))?;
            self.applier.to_open(fd.as_fd(), meta, path, &self.shortfalls)?;
        }
        Ok(true)
    }
}
