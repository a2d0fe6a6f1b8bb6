//! Makes links, pipes and devices.

use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, Mode, makedev};
use rustix::io::Errno;

use super::super::super::apply::failed;
use super::super::super::error::StageError;
use super::super::super::shortfalls::Shortfall;
use super::super::super::shown::shown;
use super::Shared;
use crate::archive::{Entry, EntryKind};

/// Makes `entry` as `name` in `directory`. Whether it was made: a device cannot be by everyone.
pub(super) fn make(
    shared: &Shared<'_>,
    directory: BorrowedFd<'_>,
    name: &[u8],
    entry: &Entry,
) -> Result<bool, StageError> {
    let private = Mode::RUSR | Mode::WUSR;
    let node = |kind, device| rustix::fs::mknodat(directory, name, kind, private, device);
    let made = match &entry.kind {
        EntryKind::Symlink(target) => rustix::fs::symlinkat(target, directory, name),
        EntryKind::Fifo => node(FileType::Fifo, 0),
        EntryKind::CharDevice(major, minor) => node(FileType::CharacterDevice, makedev(*major, *minor)),
        EntryKind::BlockDevice(major, minor) => node(FileType::BlockDevice, makedev(*major, *minor)),
        EntryKind::File(_) | EntryKind::Directory | EntryKind::Hardlink(_) => return Ok(false),
    };
    match made {
        Ok(()) => {}
        Err(Errno::PERM) if matches!(entry.kind, EntryKind::CharDevice(..) | EntryKind::BlockDevice(..)) => {
            shared.tally.shortfalls.note(Shortfall::Device, &shown(&entry.path), "");
            return Ok(false);
        }
        Err(error) => return Err(failed("making", &entry.path, error)),
    }
    let is_link = matches!(entry.kind, EntryKind::Symlink(_));
    shared.applier.to_named(directory, name, is_link, &entry.meta, &entry.path, &shared.tally.shortfalls)?;
    Ok(true)
}
