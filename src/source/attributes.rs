//! Reads owner names and extended attributes into a [`Meta`]. Used by every kind of source that is made of files.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use nix::unistd::{Gid, Group, Uid, User};
use rustix::io::Errno;

use super::facts::Facts;
use crate::archive::Meta;

/// Names of users and groups, each looked up once.
#[derive(Debug, Default)]
pub(super) struct Owners {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl Owners {
    /// What a manifest records of a thing, all but its extended attributes.
    pub(super) fn meta(&mut self, facts: &Facts) -> Meta {
        let (user, group) = self.of(facts.uid, facts.gid);
        Meta {
            mode: facts.mode,
            uid: facts.uid,
            gid: facts.gid,
            user: user.to_owned(),
            group: group.to_owned(),
            mtime: facts.mtime,
            xattrs: BTreeMap::new(),
        }
    }

    /// The names of a user and a group, empty where there is none.
    pub(super) fn of(&mut self, uid: u32, gid: u32) -> (&str, &str) {
        let user = self.users.entry(uid).or_insert_with(|| {
            User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.name).unwrap_or_default()
        });
        let group = self.groups.entry(gid).or_insert_with(|| {
            Group::from_gid(Gid::from_raw(gid)).ok().flatten().map(|group| group.name).unwrap_or_default()
        });
        (user, group)
    }
}

/// A thing that carries extended attributes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Carrier<'a> {
    /// Opened for reading or writing.
    Open(BorrowedFd<'a>),
    /// A link, pipe or device, which cannot be opened harmlessly: by its name in an open directory.
    Named(BorrowedFd<'a>, &'a [u8]),
}

impl Carrier<'_> {
    /// The kernel has no `listxattrat` before 6.13; the directory's entry under `/proc/self/fd` stands in for it. Only the
    /// last component is resolved in the directory, and a link there is not followed.
    fn proc_path(directory: BorrowedFd<'_>, name: &[u8]) -> Vec<u8> {
        let mut path = format!("/proc/self/fd/{}/", directory.as_raw_fd()).into_bytes();
        path.extend_from_slice(name);
        path
    }

    fn list(self, buffer: &mut [u8]) -> Result<usize, Errno> {
        match self {
            Self::Open(fd) => rustix::fs::flistxattr(fd, buffer),
            Self::Named(directory, name) => rustix::fs::llistxattr(Self::proc_path(directory, name), buffer),
        }
    }

    fn get(self, attribute: &[u8], buffer: &mut [u8]) -> Result<usize, Errno> {
        match self {
            Self::Open(fd) => rustix::fs::fgetxattr(fd, attribute, buffer),
            Self::Named(directory, name) => rustix::fs::lgetxattr(Self::proc_path(directory, name), attribute, buffer),
        }
    }

    /// Sets one attribute.
    pub(super) fn set(self, attribute: &[u8], value: &[u8]) -> io::Result<()> {
        let flags = rustix::fs::XattrFlags::empty();
        match self {
            Self::Open(fd) => rustix::fs::fsetxattr(fd, attribute, value, flags),
            Self::Named(directory, name) => {
                rustix::fs::lsetxattr(Self::proc_path(directory, name), attribute, value, flags)
            }
        }
        .map_err(io::Error::from)
    }
}

/// Reads extended attributes; keeps its buffers from one thing to the next.
#[derive(Debug)]
pub(super) struct XattrReader {
    names: Vec<u8>,
    value: Vec<u8>,
}

impl XattrReader {
    pub(super) fn new() -> Self {
        Self { names: vec![0; 1024], value: vec![0; 1024] }
    }

    /// Every extended attribute of `carrier` that this process may see, of all namespaces; POSIX ACLs in binary.
    pub(super) fn read(&mut self, carrier: Carrier<'_>) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        let mut found = BTreeMap::new();
        let length = match filled(&mut self.names, |buffer| carrier.list(buffer)) {
            Ok(length) => length,
            Err(Errno::NOTSUP | Errno::NODATA) => return Ok(found),
            Err(error) => return Err(error.into()),
        };
        for name in self.names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            match filled(&mut self.value, |buffer| carrier.get(name, buffer)) {
                Ok(length) => {
                    found.insert(name.to_vec(), self.value[..length].to_vec());
                }
                Err(Errno::NODATA) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(found)
    }
}

/// Calls `call` with ever larger buffers until the answer fits. The kernel's own limit is 64 KiB.
fn filled(buffer: &mut Vec<u8>, mut call: impl FnMut(&mut [u8]) -> Result<usize, Errno>) -> Result<usize, Errno> {
    loop {
        match call(buffer) {
            Err(Errno::RANGE) if buffer.len() < 1 << 20 => {
                let larger = buffer.len() * 4;
                buffer.resize(larger, 0);
            }
            other => return other,
        }
    }
}
