//! Takes files for the staged tree from the live one, where that is proved to be the same: the manifests of the restore
//! point and of the safety backup agree about the file, and it was not touched since before the safety backup began.
//!
//! Where the file system can, the staged file shares the blocks of the live one and is otherwise its own; elsewhere it is
//! a second name of the live file. Such a file changes with the live one until that is no longer written to, so that its
//! change time is noted and looked at again before the swap.

use std::collections::{HashMap, HashSet};
use std::iter::Peekable;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use jiff::Timestamp;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::super::error::StageError;
use super::super::facts::Facts;
use super::super::request::SafetyBackup;
use super::extract::paths::split_name;
use super::extract::shortcut::{Offer, Shortcut};
use super::open::directory_beneath;
use crate::archive::{ArchiveReader, Content, Entries, Entry, EntryKind, Mtime};

/// A file that was touched less than this before the safety backup began is not taken to be what was backed up: clocks
/// of file systems are coarse, and some are those of another machine.
const MARGIN_SECONDS: i64 = 2;

/// What was taken from the live tree.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// By inode, the change time that our own link gave it.
    linked: HashMap<u64, Linked>,
    /// Inodes of staged files that share the blocks of live ones.
    cloned: HashSet<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Linked {
    ctime: Mtime,
    is_confirmed: bool,
}

impl Taken {
    /// Whether the staged file with this inode came from the live tree.
    pub(super) fn has(&self, inode: u64) -> bool {
        self.is_linked(inode) || self.cloned.contains(&inode)
    }

    /// Whether the staged file with this inode is the live one.
    pub(super) fn is_linked(&self, inode: u64) -> bool {
        self.linked.contains_key(&inode)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.linked.is_empty() && self.cloned.is_empty()
    }

    /// Whether a live file that was linked is as it was then, `None` for one that was not linked; remembers if it is.
    pub(super) fn confirm(&mut self, live: &Facts) -> Option<bool> {
        let linked = self.linked.get_mut(&live.identity.inode)?;
        linked.is_confirmed = linked.ctime == live.ctime;
        Some(linked.is_confirmed)
    }

    /// Whether every linked file was found to be as it was.
    pub(super) fn is_all_confirmed(&self) -> bool {
        self.linked.values().all(|linked| linked.is_confirmed)
    }

    /// Whether the staged file is one that was linked and was touched since.
    pub(super) fn was_touched(&self, staged: &Facts) -> bool {
        self.linked.get(&staged.identity.inode).is_some_and(|linked| linked.ctime != staged.ctime)
    }
}

/// Whether something with this change time may have been touched after the safety backup began to read. The kernel's
/// change times lag behind the clock by up to a tick.
pub(super) fn may_be_later(ctime: Mtime, safety_began: Timestamp) -> bool {
    ctime >= mtime_of(safety_began - jiff::SignedDuration::from_millis(20))
}

pub(super) fn mtime_of(time: Timestamp) -> Mtime {
    let nanoseconds = time.as_nanosecond();
    Mtime {
        seconds: i64::try_from(nanoseconds.div_euclid(1_000_000_000)).unwrap_or(i64::MAX),
        nanoseconds: u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).unwrap_or(0),
    }
}

/// Offers the files of a live tree.
pub(super) struct Reuse<'a> {
    live: BorrowedFd<'a>,
    device: u64,
    /// Length of the root's member path.
    prefix: usize,
    safety: Peekable<Entries<'a>>,
    /// What was touched from then on is extracted.
    untouched_before: Mtime,
    can_clone: bool,
    /// The live folder of the last file; `None` within when there is none.
    folder: Option<(Vec<u8>, Option<OwnedFd>)>,
    taken: Taken,
}

impl<'a> Reuse<'a> {
    /// Of the tree at `live`, whose root is the member `prefix` in the safety backup.
    pub(super) fn of_live(live: BorrowedFd<'a>, facts: &Facts, prefix: &[u8], safety: &'a SafetyBackup) -> Self {
        let began = mtime_of(safety.created_at);
        let untouched_before = Mtime { seconds: began.seconds - MARGIN_SECONDS, ..began };
        Self::new(live, facts, prefix, &safety.archive, untouched_before)
    }

    /// Of the tree at `kept`, which was laid aside at `since` and is what `archive` was taken of.
    pub(super) fn of_kept(
        kept: BorrowedFd<'a>,
        facts: &Facts,
        prefix: &[u8],
        archive: &'a ArchiveReader,
        since: Timestamp,
    ) -> Self {
        Self::new(kept, facts, prefix, archive, mtime_of(since))
    }

    fn new(
        tree: BorrowedFd<'a>,
        facts: &Facts,
        prefix: &[u8],
        saved: &'a ArchiveReader,
        untouched_before: Mtime,
    ) -> Self {
        Self {
            live: tree,
            device: facts.identity.device,
            prefix: prefix.len(),
            safety: saved.entries(prefix).peekable(),
            untouched_before,
            can_clone: true,
            folder: None,
            taken: Taken::default(),
        }
    }

    pub(super) fn into_taken(self) -> Taken {
        self.taken
    }

    /// Whether the safety backup holds just the same file.
    fn is_saved_alike(&mut self, entry: &Entry, content: &Content) -> Result<bool, StageError> {
        while let Some(saved) = self.safety.next_if(|saved| saved.as_ref().is_ok_and(|saved| saved.path < entry.path)) {
            saved?;
        }
        match self.safety.next_if(|saved| saved.as_ref().map_or(true, |saved| saved.path == entry.path)) {
            Some(Err(error)) => Err(error.into()),
            Some(Ok(Entry { meta, kind: EntryKind::File(saved), .. })) => {
                let carried = |meta: &crate::archive::Meta| (meta.mode, meta.uid, meta.gid, meta.mtime);
                Ok(saved.sha256 == content.sha256
                    && saved.size == content.size
                    && saved.sparse == content.sparse
                    && carried(&meta) == carried(&entry.meta)
                    && meta.xattrs == entry.meta.xattrs)
            }
            Some(Ok(_)) | None => Ok(false),
        }
    }

    fn open_folder(&mut self, path: &[u8]) -> Option<BorrowedFd<'_>> {
        if self.folder.as_ref().is_none_or(|(last, _)| last != path) {
            self.folder = Some((path.to_vec(), directory_beneath(self.live, path).ok()));
        }
        self.folder.as_ref().and_then(|(_, fd)| fd.as_ref()).map(|fd| fd.as_fd())
    }

    /// Whether a live file is what the entry describes and was left alone since before the safety backup.
    fn is_untouched(&self, live: &Facts, entry: &Entry, content: &Content) -> bool {
        let meta = &entry.meta;
        live.kind == FileType::RegularFile
            && live.identity.device == self.device
            && live.size == content.size
            && live.mtime == meta.mtime
            && live.mode == meta.mode
            && (live.uid, live.gid) == (meta.uid, meta.gid)
            && live.ctime < self.untouched_before
    }
}

impl Shortcut for Reuse<'_> {
    fn offer(&mut self, entry: &Entry, directory: BorrowedFd<'_>, name: &[u8]) -> Result<Offer, StageError> {
        let EntryKind::File(content) = &entry.kind else { return Ok(Offer::Nothing) };
        if !self.is_saved_alike(entry, content)? {
            return Ok(Offer::Nothing);
        }
        let (folder, _) = split_name(&entry.path[self.prefix..]);
        let Some(folder) = self.open_folder(folder) else { return Ok(Offer::Nothing) };
        // Borrowed from the cache, which is not touched meanwhile.
        let Ok(folder) = folder.try_clone_to_owned() else { return Ok(Offer::Nothing) };
        let Ok(before) = look(folder.as_fd(), name) else { return Ok(Offer::Nothing) };
        if !self.is_untouched(&before, entry, content) {
            return Ok(Offer::Nothing);
        }
        if self.can_clone && content.size > 0 {
            match clone(folder.as_fd(), directory, name) {
                Ok((live, staged)) => {
                    // Looked at again behind the cloning: a change in between would show.
                    let now = rustix::fs::fstat(&live).map(|stat| Facts::from(&stat));
                    let same = now.is_ok_and(|now| now.is_unchanged_since(&before));
                    let own = rustix::fs::fstat(&staged).map(|stat| Facts::from(&stat).identity.inode);
                    if let (true, Ok(inode)) = (same, own) {
                        self.taken.cloned.insert(inode);
                        return Ok(Offer::Content(staged));
                    }
                    unlink(directory, name);
                    return Ok(Offer::Nothing);
                }
                Err(Errno::NOTSUP | Errno::INVAL | Errno::XDEV | Errno::NOTTY | Errno::NOSYS) => self.can_clone = false,
                Err(_) => return Ok(Offer::Nothing),
            }
        }
        // Too many names, another's file, a file that may not be changed: whatever forbids it, the archive has it too.
        if rustix::fs::linkat(&folder, name, directory, name, AtFlags::empty()).is_err() {
            return Ok(Offer::Nothing);
        }
        match look(directory, name) {
            Ok(after)
                if after.identity == before.identity && after.size == before.size && after.mtime == before.mtime =>
            {
                let linked = Linked { ctime: after.ctime, is_confirmed: false };
                self.taken.linked.insert(after.identity.inode, linked);
                Ok(Offer::Complete)
            }
            _ => {
                unlink(directory, name);
                Ok(Offer::Nothing)
            }
        }
    }

    fn linked_again(&mut self, before: &Facts, after: &Facts) {
        if let Some(linked) = self.taken.linked.get_mut(&after.identity.inode)
            && linked.ctime == before.ctime
        {
            linked.ctime = after.ctime;
        }
    }
}

fn look(directory: BorrowedFd<'_>, name: &[u8]) -> Result<Facts, Errno> {
    rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| Facts::from(&stat))
}

/// Makes `name` in `to` a file of its own with the blocks of `name` in `from`. Returns both, open.
fn clone(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &[u8]) -> Result<(OwnedFd, OwnedFd), Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let live = rustix::fs::openat(from, name, flags, Mode::empty())?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let staged = rustix::fs::openat(to, name, flags, Mode::RUSR | Mode::WUSR)?;
    if let Err(error) = rustix::fs::ioctl_ficlone(&staged, &live) {
        unlink(to, name);
        return Err(error);
    }
    Ok((live, staged))
}

/// Of what was just made here; if it cannot be removed, making it again will say so.
fn unlink(directory: BorrowedFd<'_>, name: &[u8]) {
    let _removed = rustix::fs::unlinkat(directory, name, AtFlags::empty());
}
