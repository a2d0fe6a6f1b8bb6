//! Gives what was made its owner, mode, attributes and time.

use std::os::fd::{AsFd as _, BorrowedFd};

use rustix::fs::{AtFlags, Gid, Mode, Timespec, Timestamps, UTIME_OMIT, Uid};
use rustix::io::Errno;

use super::attributes::Carrier;
use super::error::StageError;
use super::facts::Facts;
use super::shortfalls::{Shortfall, Shortfalls};
use super::shown::{Shown, shown};
use crate::archive::{Meta, Mtime};

/// What a directory hands down to what is made in it, to be taken off again.
const INHERITED_ACLS: [&[u8]; 2] = [b"system.posix_acl_access", b"system.posix_acl_default"];

/// Applies metadata; knows what new files get by themselves.
#[derive(Debug)]
pub(super) struct Applier {
    uid: u32,
    gid: u32,
    /// The target hands down its group or ACLs, so that nothing new can be taken to be as made.
    target_hands_down: bool,
}

impl Applier {
    pub(super) fn for_target(target: BorrowedFd<'_>) -> Self {
        let sets_group = rustix::fs::fstat(target).map_or(true, |stat| Facts::from(&stat).mode & 0o2000 != 0);
        let mut probe = [0; 1024];
        let has_default_acl = !matches!(
            rustix::fs::fgetxattr(target, INHERITED_ACLS[1], &mut probe[..]),
            Err(Errno::NODATA | Errno::NOTSUP)
        );
        Self {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            target_hands_down: sets_group || has_default_acl,
        }
    }

    /// To an open file or directory. The order matters: a change of owner takes away set-id bits and capabilities; an ACL
    /// changes the mode's group bits; everything may change the time.
    pub(super) fn to_open(
        &self,
        fd: BorrowedFd<'_>,
        meta: &Meta,
        member: &[u8],
        shortfalls: &Shortfalls,
    ) -> Result<(), StageError> {
        if self.target_hands_down
            && let Err(error) = drop_inherited_acls(fd)
        {
            shortfalls.note(Shortfall::Attributes, &shown(member), &format!(" ({error})"));
        }
        if self.target_hands_down || (meta.uid, meta.gid) != (self.uid, self.gid) {
            let owner = (Some(Uid::from_raw(meta.uid)), Some(Gid::from_raw(meta.gid)));
            owner_set(rustix::fs::fchown(fd, owner.0, owner.1), member, shortfalls)?;
        }
        for (name, value) in &meta.xattrs {
            attribute_set(Carrier::Open(fd).set(name, value), name, member, shortfalls);
        }
        rustix::fs::fchmod(fd, Mode::from_raw_mode(meta.mode))
            .map_err(|error| failed("setting the mode of", member, error))?;
        rustix::fs::futimens(fd, &times(meta.mtime)).map_err(|error| failed("setting the time of", member, error))
    }

    /// To a link, pipe or device by its name in an open directory; never through a link.
    pub(super) fn to_named(
        &self,
        directory: BorrowedFd<'_>,
        name: &[u8],
        is_link: bool,
        meta: &Meta,
        member: &[u8],
        shortfalls: &Shortfalls,
    ) -> Result<(), StageError> {
        if self.target_hands_down || (meta.uid, meta.gid) != (self.uid, self.gid) {
            let owner = (Some(Uid::from_raw(meta.uid)), Some(Gid::from_raw(meta.gid)));
            let set = rustix::fs::chownat(directory, name, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW);
            owner_set(set, member, shortfalls)?;
        }
        for (attribute, value) in &meta.xattrs {
            attribute_set(Carrier::Named(directory, name).set(attribute, value), attribute, member, shortfalls);
        }
        if !is_link {
            // There is no chmod that refuses links on all kernels; a handle that is no link can be asked to.
            let handle = rustix::fs::openat(
                directory,
                name,
                rustix::fs::OFlags::PATH | rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::CLOEXEC,
                Mode::empty(),
            )
            .map_err(|error| failed("opening", member, error))?;
            let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&handle.as_fd()));
            rustix::fs::chmod(link, Mode::from_raw_mode(meta.mode))
                .map_err(|error| failed("setting the mode of", member, error))?;
        }
        rustix::fs::utimensat(directory, name, &times(meta.mtime), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|error| failed("setting the time of", member, error))
    }
}

/// Takes off the ACLs that a new thing got from the directory it was made in.
pub(super) fn drop_inherited_acls(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    for acl in INHERITED_ACLS {
        match rustix::fs::fremovexattr(fd, acl) {
            Ok(()) | Err(Errno::NODATA | Errno::NOTSUP) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn owner_set(set: Result<(), Errno>, member: &[u8], shortfalls: &Shortfalls) -> Result<(), StageError> {
    match set {
        Ok(()) => Ok(()),
        Err(Errno::PERM | Errno::INVAL) => {
            shortfalls.note(Shortfall::Owner, &shown(member), "");
            Ok(())
        }
        Err(error) => Err(failed("setting the owner of", member, error)),
    }
}

fn attribute_set(set: std::io::Result<()>, attribute: &[u8], member: &[u8], shortfalls: &Shortfalls) {
    if let Err(error) = set {
        shortfalls.note(Shortfall::Attributes, &shown(member), &format!(" ({}: {error})", Shown(attribute)));
    }
}

pub(super) fn times(mtime: Mtime) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: mtime.seconds, tv_nsec: mtime.nanoseconds.into() },
    }
}

pub(super) fn failed(doing: &'static str, member: &[u8], error: Errno) -> StageError {
    StageError::Io { doing, path: shown(member), error: error.into() }
}
