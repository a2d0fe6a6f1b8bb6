//! Where a tree is staged, and where afterwards lies what was replaced: beside the root, or in a folder within it.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use super::super::apply::drop_inherited_acls;
use super::super::error::{SourceError, StageError};
use super::super::file_tree::remove::remove_tree;
use super::super::place::{INNER, Place, third_name_of};
use super::SwapMethod;
use super::root_metadata::keeping_time;
use crate::model::JobId;

/// A name in an open folder for what is staged, and the name of the third place where one is needed.
#[derive(Debug)]
pub(in crate::source) struct Site {
    folder: OwnedFd,
    name: CString,
    path: PathBuf,
    /// The live root, where the site is in it.
    root: Option<OwnedFd>,
}

impl Site {
    /// Of the thing at `place`, with `root` open where its entries are swapped one by one.
    pub(in crate::source) fn of(
        place: &Place,
        root: Option<BorrowedFd<'_>>,
        method: SwapMethod,
        job: JobId,
    ) -> Result<Self, SourceError> {
        let failed = |error: std::io::Error| place.failed("opening the folder of", error);
        match root.filter(|_| method.is_by_entry()) {
            None => {
                let folder = place.parent().try_clone_to_owned().map_err(failed)?;
                let name = place.staging_name(job);
                let path = place.sibling_path(&name);
                Ok(Self { folder, name, path, root: None })
            }
            Some(root) => {
                let root = root.try_clone_to_owned().map_err(failed)?;
                let folder = inner_folder(place, root.as_fd())?;
                let path = place.path().join(".carelog-restore").join(job.to_string());
                Ok(Self { folder, name: CString::new(job.to_string()).unwrap_or_default(), path, root: Some(root) })
            }
        }
    }

    pub(in crate::source) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the folder that is staged in: for us alone, and without what its parent would hand down.
    pub(in crate::source) fn make(&self, method: SwapMethod) -> Result<OwnedFd, StageError> {
        if method == SwapMethod::RenameEntries {
            self.make_private(&third_name_of(&self.name))?;
        }
        self.make_private(&self.name)
    }

    fn make_private(&self, name: &CStr) -> Result<OwnedFd, StageError> {
        let failed = |error: Errno| self.failed("making the staging folder", error);
        rustix::fs::mkdirat(&self.folder, name, Mode::RWXU).map_err(failed)?;
        let made = rustix::fs::openat(&self.folder, name, DIRECTORY, Mode::empty()).map_err(failed)?;
        make_ours(made.as_fd()).map_err(failed)?;
        Ok(made)
    }

    /// Opens what lies there.
    pub(in crate::source) fn open(&self) -> Result<OwnedFd, StageError> {
        rustix::fs::openat(&self.folder, &self.name, DIRECTORY, Mode::empty())
            .map_err(|error| self.failed("opening the staging folder", error))
    }

    /// Removes what lies there and the third place, durably.
    pub(in crate::source) fn remove(&self) -> Result<(), StageError> {
        match &self.root {
            Some(root) => remove_inner(root.as_fd(), &self.name),
            None => {
                remove_tree(self.folder.as_fd(), &self.name)?;
                remove_tree(self.folder.as_fd(), &third_name_of(&self.name))?;
                make_removal_durable(self.folder.as_fd())
            }
        }
    }

    fn failed(&self, doing: &'static str, error: Errno) -> StageError {
        StageError::Source(SourceError::Io { doing, path: self.path.clone(), error: error.into() })
    }
}

pub(in crate::source) const DIRECTORY: OFlags = OFlags::from_bits_retain(
    OFlags::RDONLY.bits() | OFlags::DIRECTORY.bits() | OFlags::NOFOLLOW.bits() | OFlags::CLOEXEC.bits(),
);

/// The folder within a root in which everything of ours lies; made if need be. The root keeps its time.
pub(in crate::source) fn inner_folder(place: &Place, root: BorrowedFd<'_>) -> Result<OwnedFd, SourceError> {
    let failed = |error: Errno| SourceError::Io {
        doing: "making the staging folder",
        path: place.path().join(".carelog-restore"),
        error: error.into(),
    };
    let made = keeping_time(root, || match rustix::fs::mkdirat(root, INNER, Mode::RWXU) {
        Err(Errno::EXIST) => Ok(()),
        other => other,
    });
    made.map_err(failed)?;
    let folder = rustix::fs::openat(root, INNER, DIRECTORY, Mode::empty()).map_err(failed)?;
    make_ours(folder.as_fd()).map_err(failed)?;
    Ok(folder)
}

/// Removes what lies under `name` and in its third place in the folder within `root`, and that folder too when nothing
/// lies in it any more. Durable, even if all but that was done before.
pub(in crate::source) fn remove_inner(root: BorrowedFd<'_>, name: &CStr) -> Result<(), StageError> {
    if let Some(inner) = open_inner(root)? {
        remove_tree(inner.as_fd(), &third_name_of(name))?;
        remove_tree(inner.as_fd(), name)?;
        make_removal_durable(inner.as_fd())?;
        remove_if_empty(root)?;
    }
    make_removal_durable(root)
}

fn open_inner(root: BorrowedFd<'_>) -> Result<Option<OwnedFd>, StageError> {
    match rustix::fs::openat(root, INNER, DIRECTORY, Mode::empty()) {
        Ok(inner) => Ok(Some(inner)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => {
            Err(StageError::Io { doing: "opening", path: ".carelog-restore".to_owned(), error: error.into() })
        }
    }
}

/// Makes durable that names were removed from `folder`. Before that no journal may say that they are gone: what came back
/// after a power cut would stay for good.
pub(in crate::source) fn make_removal_durable(folder: BorrowedFd<'_>) -> Result<(), StageError> {
    rustix::fs::fsync(folder).map_err(|error| StageError::Io {
        doing: "making durable the removal of",
        path: "what a restore laid aside".to_owned(),
        error: error.into(),
    })
}

/// Removes the folder within `root` when nothing lies in it any more.
pub(in crate::source) fn remove_if_empty(root: BorrowedFd<'_>) -> Result<(), StageError> {
    let removed = keeping_time(root, || match rustix::fs::unlinkat(root, INNER, AtFlags::REMOVEDIR) {
        Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
        other => other,
    });
    let path = ".carelog-restore".to_owned();
    removed.map_err(|error: Errno| StageError::Io { doing: "removing", path, error: error.into() })
}

fn make_ours(folder: BorrowedFd<'_>) -> Result<(), Errno> {
    drop_inherited_acls(folder)?;
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    rustix::fs::fchown(folder, Some(Uid::from_raw(uid.as_raw())), Some(Gid::from_raw(gid.as_raw())))?;
    rustix::fs::fchmod(folder, Mode::RWXU)
}

/// Removes what a crash left while `job` staged, durably: beside `place`, and in the root if there is one.
pub(in crate::source) fn sweep(place: &Place, root: Option<BorrowedFd<'_>>, job: JobId) -> Result<(), StageError> {
    let name = place.staging_name(job);
    for name in [third_name_of(&name), name] {
        place.remove_sibling(&name)?;
    }
    super::choose::sweep_probes(place)?;
    make_removal_durable(place.parent())?;
    let Some(root) = root else { return Ok(()) };
    if let Some(inner) = open_inner(root)? {
        super::choose::sweep_probes_in(inner.as_fd())?;
    }
    remove_inner(root, &CString::new(job.to_string()).unwrap_or_default())
}
