//! Chooses how live data is swapped: by where file systems are mounted, and by trying what the one at hand can.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd as _, BorrowedFd};

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use uuid::Uuid;

use super::super::error::{SourceError, StageError};
use super::super::facts::Facts;
use super::super::place::Place;
use super::SwapMethod;
use super::mounts;
use super::site::{inner_folder, remove_if_empty};

/// What is at the place that is to be swapped.
#[derive(Clone, Copy, Debug)]
pub(in crate::source) enum Live<'a> {
    /// A file, or nothing.
    File,
    /// The open root of a tree.
    Tree(BorrowedFd<'a>),
}

/// The method for what is at `place`.
///
/// # Errors
/// [`SourceError::Refused`] naming what is in the way.
pub(in crate::source) fn choose(place: &Place, live: Live<'_>) -> Result<SwapMethod, SourceError> {
    let refused = |reason: String| Err(SourceError::Refused { path: place.path().to_owned(), reason });
    let is_mount = mounts_allow(place)?;
    let root = match live {
        Live::File if is_mount => {
            return refused(
                "the file itself is a mount point and cannot be exchanged; mount its folder instead, or restore with \
                 --to into another folder"
                    .to_owned(),
            );
        }
        Live::File => {
            require_one_device(place)?;
            None
        }
        Live::Tree(root) => Some(root),
    };
    let crosses = root.map(|root| lies_on_another_device(place, root)).transpose()?.unwrap_or(false);
    if let Some(root) = root.filter(|_| is_mount || crosses) {
        return by_entry(place, root);
    }
    match can_exchange(place.parent(), place) {
        Ok(true) => Ok(SwapMethod::ExchangeRoot),
        Ok(false) => Ok(SwapMethod::RenameRoot),
        Err(error @ (Errno::ACCESS | Errno::PERM | Errno::ROFS)) => match root {
            Some(root) => by_entry(place, root),
            None => {
                refused(format!("the folder that it is in cannot be written ({error}); give carelogd the right to"))
            }
        },
        Err(error) => Err(place.failed("trying an exchange beside", error)),
    }
}

fn by_entry(place: &Place, root: BorrowedFd<'_>) -> Result<SwapMethod, SourceError> {
    let folder = match inner_folder(place, root) {
        Ok(folder) => folder,
        Err(SourceError::Io { error, .. }) => {
            let reason = format!(
                "neither the folder nor the one above it can be written ({error}); give carelogd the right to, or \
                 restore with --to into another folder"
            );
            return Err(SourceError::Refused { path: place.path().to_owned(), reason });
        }
        Err(error) => return Err(error),
    };
    let can = can_exchange(folder.as_fd(), place);
    // It is made again where it is needed; what cannot be removed now is in use.
    let _kept = remove_if_empty(root);
    match can {
        Ok(true) => Ok(SwapMethod::ExchangeEntries),
        Ok(false) => Ok(SwapMethod::RenameEntries),
        Err(error) => Err(place.failed("trying an exchange in", error)),
    }
}

/// Whether the thing at `place` is a mount point.
///
/// # Errors
/// [`SourceError::Refused`] when something is mounted below it.
fn mounts_allow(place: &Place) -> Result<bool, SourceError> {
    let (at, below) = mounts::at_and_below(place.path())?;
    let Some(first) = below.first() else { return Ok(at) };
    let more = if below.len() > 1 { format!(" (and {} more)", below.len() - 1) } else { String::new() };
    Err(SourceError::Refused {
        path: place.path().to_owned(),
        reason: format!(
            "{}{more} is a mount point below it, which cannot be exchanged along with it; unmount it, or restore with \
             --to into another folder",
            first.display()
        ),
    })
}

/// A file that numbers its device otherwise than its folder could not be told from one on another disk, once it is swapped.
fn require_one_device(place: &Place) -> Result<(), SourceError> {
    let Some(file) = place.facts()? else { return Ok(()) };
    let folder = rustix::fs::fstat(place.parent()).map_err(|error| place.failed("looking at the folder of", error))?;
    if file.identity.device == Facts::from(&folder).identity.device {
        return Ok(());
    }
    let reason = "the file lies on another file system than its folder, as below an overlay of two disks, and cannot be \
                  exchanged; put the folder on a disk or volume of its own, or restore with --to into another folder";
    Err(SourceError::Refused { path: place.path().to_owned(), reason: reason.to_owned() })
}

/// A subvolume is no mount and yet cannot take part in an exchange with a folder beside it.
fn lies_on_another_device(place: &Place, root: BorrowedFd<'_>) -> Result<bool, SourceError> {
    let device = |fd: BorrowedFd<'_>| {
        rustix::fs::fstat(fd)
            .map(|stat| Facts::from(&stat).identity.device)
            .map_err(|error| place.failed("looking at", error))
    };
    Ok(device(root)? != device(place.parent())?)
}

/// In the names of the two files by which an exchange is tried.
const PROBE: &str = ".carelog-restore-probe-";

/// Whether the file system of `folder` can exchange two names: tried on two empty files.
fn can_exchange(folder: BorrowedFd<'_>, place: &Place) -> Result<bool, Errno> {
    let tag = Uuid::now_v7().simple().to_string();
    let probe = |end: &str| CString::new(format!(".{PROBE}{tag}{end}")).unwrap_or_default();
    let (one, other) = (probe("-a"), probe("-b"));
    let make = |name: &CStr| {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(folder, name, flags, Mode::RUSR | Mode::WUSR).map(drop)
    };
    let tried = make(&one)
        .and_then(|()| make(&other))
        .and_then(|()| rustix::fs::renameat_with(folder, &one, folder, &other, RenameFlags::EXCHANGE));
    for name in [&one, &other] {
        if let Err(error) = rustix::fs::unlinkat(folder, name, AtFlags::empty())
            && error != Errno::NOENT
        {
            tracing::warn!(path = %place.path().display(), %error, "a file by which an exchange was tried stays beside it");
        }
    }
    match tried {
        Ok(()) => Ok(true),
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes what a crash left of such a try beside `place`.
pub(in crate::source) fn sweep_probes(place: &Place) -> Result<(), StageError> {
    sweep_probes_in(place.parent())
}

/// Removes what a crash left of such a try in `folder`.
pub(in crate::source) fn sweep_probes_in(folder: BorrowedFd<'_>) -> Result<(), StageError> {
    let failed = |error: Errno| StageError::Io {
        doing: "sweeping the remains of a try to exchange",
        path: PROBE.to_owned(),
        error: error.into(),
    };
    let own = rustix::fs::openat(folder, c".", super::site::DIRECTORY, Mode::empty()).map_err(failed)?;
    let prefix = format!(".{PROBE}");
    for entry in rustix::fs::Dir::new(own).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_bytes().starts_with(prefix.as_bytes()) {
            match rustix::fs::unlinkat(folder, entry.file_name(), AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
    Ok(())
}
