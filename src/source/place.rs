//! Where the live data of a source is: a name in an open directory. Everything that stages, swaps or removes goes through
//! the directory's descriptor, so that renaming a parent meanwhile steers nothing elsewhere.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::error::{SourceError, StageError};
use super::facts::Facts;
use super::file_tree::remove::remove_tree;
use super::swap::thing::Thing;
use crate::model::JobId;

/// Longest name that Linux file systems take, in bytes.
const NAME_MAX: usize = 255;

/// A name in an open directory.
#[derive(Debug)]
pub(super) struct Place {
    parent: OwnedFd,
    name: CString,
    path: PathBuf,
}

impl Place {
    /// The place of `path`; its parent has to exist.
    pub(super) fn of(path: &Path) -> Result<Self, SourceError> {
        let unusable = || SourceError::Refused {
            path: path.to_owned(),
            reason: "not the path of a thing in a folder; name an absolute path below /".to_owned(),
        };
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(unusable()) };
        let name = CString::new(name.as_bytes()).map_err(|_| unusable())?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let parent = rustix::fs::open(parent, flags, Mode::empty()).map_err(|error| match error {
            Errno::NOENT => SourceError::NotFound { path: parent.to_owned() },
            error => SourceError::Io { doing: "opening", path: parent.to_owned(), error: error.into() },
        })?;
        Ok(Self { parent, name, path: path.to_owned() })
    }

    pub(super) fn parent(&self) -> BorrowedFd<'_> {
        self.parent.as_fd()
    }

    pub(super) fn name(&self) -> &CStr {
        &self.name
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is there now; `None` when nothing is. A link is not followed.
    pub(super) fn facts(&self) -> Result<Option<Facts>, SourceError> {
        match rustix::fs::statat(&self.parent, self.name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Facts::from(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.failed("looking at", error)),
        }
    }

    /// Which folder it is in.
    pub(super) fn folder(&self) -> Result<Thing, SourceError> {
        Thing::open(self.parent.as_fd()).map_err(|error| self.failed("looking at the folder of", error))
    }

    /// Which thing is there now; `None` when nothing is.
    pub(super) fn thing(&self) -> Result<Option<Thing>, SourceError> {
        Thing::at(self.parent.as_fd(), &self.name).map_err(|error| self.failed("looking at", error))
    }

    /// Which thing is the sibling `name`.
    pub(super) fn sibling(&self, name: &CStr) -> Result<Thing, SourceError> {
        let path = || self.sibling_path(name);
        match Thing::at(self.parent.as_fd(), name) {
            Ok(Some(thing)) => Ok(thing),
            Ok(None) => Err(SourceError::NotFound { path: path() }),
            Err(error) => Err(SourceError::Io { doing: "looking at", path: path(), error: error.into() }),
        }
    }

    /// As an error about this place.
    pub(super) fn failed(&self, doing: &'static str, error: impl Into<io::Error>) -> SourceError {
        SourceError::Io { doing, path: self.path.clone(), error: error.into() }
    }

    /// The name beside this one under which `job` stages: `.NAME.carelog-restore-JOB`, with room for a third name.
    pub(super) fn staging_name(&self, job: JobId) -> CString {
        let ending = [STAGED_MARK, job.to_string().as_bytes()].concat();
        let kept = self.name.as_bytes();
        let kept = &kept[..kept.len().min(NAME_MAX - 1 - ending.len() - THIRD.len())];
        // None of the parts holds a NUL; an empty name would be refused by the kernel.
        CString::new([b".", kept, &ending].concat()).unwrap_or_default()
    }

    /// Removes the file or tree `name` beside this one, if it is there.
    pub(super) fn remove_sibling(&self, name: &CStr) -> Result<(), StageError> {
        let failed = |error: Errno| StageError::Io {
            doing: "removing",
            path: self.sibling_path(name).display().to_string(),
            error: error.into(),
        };
        match rustix::fs::statat(&self.parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if Facts::from(&stat).kind == FileType::Directory => remove_tree(self.parent.as_fd(), name),
            Ok(_) => rustix::fs::unlinkat(&self.parent, name, AtFlags::empty()).map_err(failed),
            Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    /// The path of a sibling, for messages.
    pub(super) fn sibling_path(&self, name: &CStr) -> PathBuf {
        let name = std::ffi::OsString::from_vec(name.to_bytes().to_vec());
        self.path.with_file_name(name)
    }
}

/// What stands between the name of the live thing and the random digits in the name of what is staged or was replaced.
const STAGED_MARK: &[u8] = b".carelog-restore-";

/// Ends the name that a thing has between its two places where names cannot be exchanged.
const THIRD: &[u8] = b".swap";

/// The folder within a root in which is staged what is swapped entry by entry.
pub(super) const INNER: &CStr = c".carelog-restore";

/// The third name that belongs to the staging name `name`.
pub(super) fn third_name_of(name: &CStr) -> CString {
    CString::new([name.to_bytes(), THIRD].concat()).unwrap_or_default()
}

/// Whether a name is one that staging gives. Such things are never backed up: they are copies of a source, or its past.
pub(super) fn is_staging_name(name: &[u8]) -> bool {
    name == INNER.to_bytes()
        || name.starts_with(b".") && name.windows(STAGED_MARK.len()).any(|window| window == STAGED_MARK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staged_sibling_is_recognised_and_fits_whatever_the_name() {
        for name in ["studies", &"x".repeat(NAME_MAX)] {
            let place = Place::of(&Path::new("/tmp").join(name)).unwrap();
            let job = JobId::generate();
            let sibling = place.staging_name(job);
            assert!(third_name_of(&sibling).to_bytes().len() <= NAME_MAX);
            assert!(is_staging_name(sibling.to_bytes()), "{sibling:?}");
            assert!(sibling.to_bytes().ends_with(job.to_string().as_bytes()));
            assert_eq!(sibling, place.staging_name(job));
            assert_ne!(sibling, place.staging_name(JobId::generate()));
        }
        assert!(!is_staging_name(b"studies"));
        assert!(!is_staging_name(b"my.carelog-restore-notes"));
    }

    #[test]
    fn the_root_of_the_file_system_is_no_place() {
        assert!(matches!(Place::of(Path::new("/")), Err(SourceError::Refused { .. })));
    }
}
