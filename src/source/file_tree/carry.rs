//! Takes what a backup left out by configuration over from the live tree to the staged one, so that a restore leaves it
//! alone: caches, logs, temporary files.
//!
//! Files are linked, not copied: it takes no room and no time, and what the application writes to them afterwards is there
//! whether the restore stands or is undone. A thing whose folder the backup does not hold stays with the replaced tree.

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
use crate::archive::Meta;

/// What was taken over.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// Excluded files and whole excluded folders that are now in the staged tree.
    pub(super) kept: u64,
    /// Those whose folder is not in the backup.
    pub(super) left: u64,
    /// What could not be set as it was.
    pub(super) warnings: Vec<String>,
}

/// From the tree at `live`, what `rules` leave out, into the tree at `staged`.
pub(super) fn carry_over(
    live: (OwnedFd, Facts),
    staged: BorrowedFd<'_>,
    prefix: &[u8],
    rules: &Rules,
) -> Result<Carried, StageError> {
    let mut carried = Carried::default();
    if rules.is_empty() {
        return Ok(carried);
    }
    let options = WalkOptions { rules, one_file_system: true, report_excluded: true };
    let mut walk = Walk::new(live.0, live.1, prefix, options);
    let mut carrier = TreeCarrier::new(staged);
    while let Some(step) = walk.next().map_err(|error| failed("walking through", prefix, error))? {
        let Step::Excluded { path, directory, name, listed } = step else { continue };
        let relative = &path[prefix.len()..];
        let (folder, _) = split_name(relative.strip_suffix(b"/").unwrap_or(relative));
        let target = match directory_beneath(staged, folder) {
            Ok(target) => target,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {
                carried.left += 1;
                continue;
            }
            Err(error) => return Err(failed("opening the folder of", path, error)),
        };
        let before = Facts::from(&rustix::fs::fstat(&target).map_err(|error| failed("looking at", path, error))?);
        let kept = if listed == FileType::Directory {
            carrier.folder(directory, name.to_bytes(), target.as_fd(), path)?
        } else {
            link(directory, name.to_bytes(), target.as_fd(), name.to_bytes(), path)?
        };
        // The folder is the backup's, its time too.
        rustix::fs::futimens(&target, &times(before.mtime))
            .map_err(|error| failed("setting the time of", path, error))?;
        carried.kept += u64::from(kept);
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

struct TreeCarrier {
    everything: Rules,
    applier: Applier,
    owners: Owners,
    xattrs: XattrReader,
    shortfalls: Shortfalls,
}

impl TreeCarrier {
    fn new(staged: BorrowedFd<'_>) -> Self {
        Self {
            everything: Rules::none(),
            applier: Applier::for_target(staged),
            owners: Owners::default(),
            xattrs: XattrReader::new(),
            shortfalls: Shortfalls::default(),
        }
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
