//! What the root of a tree carries itself. Where only its entries are exchanged, it has to be put on and put back.

use std::collections::BTreeMap;
use std::os::fd::{AsFd as _, BorrowedFd};

use rustix::fs::{Gid, Mode, Uid};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::super::apply::times;
use super::super::attributes::{Carrier, XattrReader};
use super::super::facts::Facts;
use crate::archive::escape::{escape, unescape};
use crate::archive::{Meta, Mtime};

/// Owner, mode, time and extended attributes of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootMetadata {
    mode: u32,
    uid: u32,
    gid: u32,
    mtime_seconds: i64,
    mtime_nanoseconds: u32,
    /// Names and values escaped like the paths of a manifest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    xattrs: BTreeMap<String, String>,
}

/// What restoring attributes is about; others (`security.selinux` above all) belong to the folder and not to its content.
const NAMESPACES: [&[u8]; 3] = [b"user.", b"trusted.", b"system.posix_acl_"];

impl RootMetadata {
    pub(in crate::source) fn of(folder: BorrowedFd<'_>) -> std::io::Result<Self> {
        let facts = Facts::from(&rustix::fs::fstat(folder)?);
        let xattrs = XattrReader::new().read(Carrier::Open(folder))?;
        let (mode, uid, gid) = (facts.mode, facts.uid, facts.gid);
        Ok(Self::from(&Meta { mode, uid, gid, mtime: facts.mtime, xattrs, ..Meta::default() }))
    }

    /// Puts all of it on `folder`. What only root may set stays as it is for others: then it was not changed either.
    pub(in crate::source) fn put_on(&self, folder: BorrowedFd<'_>) -> std::io::Result<()> {
        let now = Self::of(folder)?;
        if (now.uid, now.gid) != (self.uid, self.gid) {
            tolerate(rustix::fs::fchown(folder, Some(Uid::from_raw(self.uid)), Some(Gid::from_raw(self.gid))))?;
        }
        for name in now.xattrs.keys().filter(|name| !self.xattrs.contains_key(*name)) {
            let name = unescape(name).unwrap_or_default();
            tolerate(rustix::fs::fremovexattr(folder, name.as_slice()))?;
        }
        for (name, value) in self.xattrs.iter().filter(|(name, value)| now.xattrs.get(*name) != Some(*value)) {
            let (name, value) = (unescape(name).unwrap_or_default(), unescape(value).unwrap_or_default());
            let flags = rustix::fs::XattrFlags::empty();
            tolerate(rustix::fs::fsetxattr(folder, name.as_slice(), &value, flags))?;
        }
        rustix::fs::fchmod(folder, Mode::from_raw_mode(self.mode))?;
        let mtime = Mtime { seconds: self.mtime_seconds, nanoseconds: self.mtime_nanoseconds };
        rustix::fs::futimens(folder, &times(mtime))?;
        Ok(())
    }
}

impl From<&Meta> for RootMetadata {
    fn from(meta: &Meta) -> Self {
        let is_ours = |name: &[u8]| NAMESPACES.iter().any(|namespace| name.starts_with(namespace));
        let xattrs = meta.xattrs.iter().filter(|(name, _)| is_ours(name));
        Self {
            mode: meta.mode,
            uid: meta.uid,
            gid: meta.gid,
            mtime_seconds: meta.mtime.seconds,
            mtime_nanoseconds: meta.mtime.nanoseconds,
            xattrs: xattrs.map(|(name, value)| (escape(name).into_owned(), escape(value).into_owned())).collect(),
        }
    }
}

fn tolerate(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::PERM | Errno::NOTSUP | Errno::NODATA) => Ok(()),
        other => other,
    }
}

/// Does what changes names in `folder` and leaves the folder's own time as it was.
pub(in crate::source) fn keeping_time<T, E: From<Errno>>(
    folder: BorrowedFd<'_>,
    act: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    let before = Facts::from(&rustix::fs::fstat(folder.as_fd())?);
    let result = act();
    rustix::fs::futimens(folder, &times(before.mtime))?;
    result
}
