//! Holds a live tree against the manifest: a merge of two sorted sequences, in constant memory.
//!
//! Looks at what `stat` and `readlink` say, not at content.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType};

use super::super::error::StageError;
use super::super::facts::{Facts, Identity};
use super::super::shown::shown;
use super::exclude::Rules;
use super::walk::{Step, Walk, WalkOptions};
use crate::archive::{Entry, EntryKind, ReadError};
use crate::progress::Progress;

/// One difference.
#[derive(Debug)]
pub(super) enum Difference<'d> {
    OnlyInBackup(&'d Entry),
    OnlyLive {
        path: &'d [u8],
        /// Of a regular file; 0 for anything else.
        size_bytes: u64,
    },
    Changed {
        entry: &'d Entry,
        what: &'static str,
        /// What is live, where it could be looked at.
        found: Option<Identity>,
    },
    /// Live and left out by the rules.
    Excluded {
        path: &'d [u8],
    },
}

impl Difference<'_> {
    /// The member path.
    pub(super) fn path(&self) -> &[u8] {
        match self {
            Self::OnlyInBackup(entry) | Self::Changed { entry, .. } => &entry.path,
            Self::OnlyLive { path, .. } | Self::Excluded { path } => path,
        }
    }

    /// The member and what is different about it, of what is live as against the backup.
    pub(super) fn in_words(&self) -> (String, String) {
        match self {
            Self::OnlyInBackup(entry) => (shown(&entry.path), "is missing".to_owned()),
            Self::OnlyLive { path, .. } => (shown(path), "is not in the backup".to_owned()),
            Self::Changed { entry, what, .. } => (shown(&entry.path), format!("differs from the backup: {what}")),
            Self::Excluded { path } => (shown(path), "is left out of the backup by configuration".to_owned()),
        }
    }
}

/// One live thing, kept while the manifest catches up.
struct Live {
    path: Vec<u8>,
    facts: Option<Facts>,
    target: Option<Vec<u8>>,
    excluded: bool,
}

/// Calls `on` for every difference between the tree at `root` (`None`: nothing is there) and `entries`, in path order.
/// `with_owners` is whether owners are compared. Returns the number of entries. Sockets are no difference: no backup holds them.
pub(super) fn differences(
    root: Option<(OwnedFd, Facts)>,
    prefix: &[u8],
    rules: &Rules,
    with_owners: bool,
    entries: impl Iterator<Item = Result<Entry, ReadError>>,
    progress: &Progress,
    on: &mut dyn FnMut(Difference<'_>),
) -> Result<u64, StageError> {
    differences_and_suspects(root, prefix, rules, with_owners, entries, progress, &mut |_| None, on)
}

/// As [`differences`]; `suspect` is asked about each live thing of which nothing differs, and may say what does.
#[expect(clippy::too_many_arguments, reason = "one call more than the function above")]
pub(super) fn differences_and_suspects(
    root: Option<(OwnedFd, Facts)>,
    prefix: &[u8],
    rules: &Rules,
    with_owners: bool,
    entries: impl Iterator<Item = Result<Entry, ReadError>>,
    progress: &Progress,
    suspect: &mut dyn FnMut(&Facts) -> Option<&'static str>,
    on: &mut dyn FnMut(Difference<'_>),
) -> Result<u64, StageError> {
    let options = WalkOptions { rules, one_file_system: true, report_excluded: true };
    let rights = Rights::ours(with_owners);
    let mut walk = root.map(|(fd, facts)| Walk::new(fd, facts, prefix, options));
    let mut live = next_live(walk.as_mut(), prefix)?;
    let mut count = 0;
    for entry in entries {
        progress.check_cancelled()?;
        let entry = entry?;
        count += 1;
        while let Some(found) = live.take_if(|found| found.path < entry.path) {
            report_live(&found, on);
            live = next_live(walk.as_mut(), prefix)?;
        }
        match live.take_if(|found| found.path == entry.path) {
            None => on(Difference::OnlyInBackup(&entry)),
            Some(found) => {
                let what = what_differs(&found, &entry, rights);
                if let Some(what) = what.or_else(|| found.facts.as_ref().and_then(&mut *suspect)) {
                    let found = found.facts.map(|facts| facts.identity);
                    on(Difference::Changed { entry: &entry, what, found });
                }
                live = next_live(walk.as_mut(), prefix)?;
            }
        }
    }
    while let Some(found) = live {
        progress.check_cancelled()?;
        report_live(&found, on);
        live = next_live(walk.as_mut(), prefix)?;
    }
    Ok(count)
}

fn report_live(found: &Live, on: &mut dyn FnMut(Difference<'_>)) {
    let path = found.path.as_slice();
    let regular = found.facts.as_ref().filter(|facts| facts.kind == FileType::RegularFile);
    let size_bytes = regular.map_or(0, |facts| facts.size);
    on(if found.excluded { Difference::Excluded { path } } else { Difference::OnlyLive { path, size_bytes } });
}

fn next_live(walk: Option<&mut Walk<'_>>, prefix: &[u8]) -> Result<Option<Live>, StageError> {
    let Some(walk) = walk else { return Ok(None) };
    loop {
        let step = walk.next().map_err(|error| StageError::Io {
            doing: "walking through",
            path: shown(prefix),
            error: error.into(),
        })?;
        let live = match step {
            None => return Ok(None),
            Some(Step::Directory { path, facts, .. }) => {
                Live { path: path.to_vec(), facts: Some(facts), target: None, excluded: false }
            }
            Some(Step::Excluded { path, .. }) => {
                Live { path: path.to_vec(), facts: None, target: None, excluded: true }
            }
            // What was in it cannot be compared: a difference of its own, for which the directory stands.
            Some(Step::Unreadable { path, .. }) => {
                Live { path: path.to_vec(), facts: None, target: None, excluded: false }
            }
            Some(Step::Other { path, directory, name, .. }) => {
                let facts =
                    rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).ok().map(|stat| Facts::from(&stat));
                match facts {
                    // Gone since it was listed: as if it had never been there.
                    None => continue,
                    Some(facts) if facts.kind == FileType::Socket => continue,
                    Some(facts) => {
                        let target = (facts.kind == FileType::Symlink)
                            .then(|| rustix::fs::readlinkat(directory, name, Vec::new()).ok())
                            .flatten()
                            .map(std::ffi::CString::into_bytes);
                        Live { path: path.to_vec(), facts: Some(facts), target, excluded: false }
                    }
                }
            }
        };
        return Ok(Some(live));
    }
}

fn what_differs(live: &Live, entry: &Entry, rights: Rights) -> Option<&'static str> {
    if live.excluded {
        // In the backup although the rules leave it out: they were others then, and the backup's copy is the one meant.
        return Some("left out by the rules of today");
    }
    let Some(facts) = &live.facts else { return Some("cannot be read") };
    match &entry.kind {
        EntryKind::File(_) if facts.kind != FileType::RegularFile => return Some("kind"),
        EntryKind::Hardlink(_) if facts.kind == FileType::Directory => return Some("kind"),
        EntryKind::File(content) if facts.size != content.size => return Some("size"),
        // The size of a second name is compared under the first.
        EntryKind::Hardlink(_) | EntryKind::File(_) => {}
        EntryKind::Directory if facts.kind != FileType::Directory => return Some("kind"),
        EntryKind::Directory => {}
        EntryKind::Symlink(target) => {
            if facts.kind != FileType::Symlink {
                return Some("kind");
            }
            if live.target.as_ref() != Some(target) {
                return Some("link target");
            }
        }
        EntryKind::Fifo if facts.kind != FileType::Fifo => return Some("kind"),
        EntryKind::Fifo => {}
        EntryKind::CharDevice(major, minor) => {
            if facts.kind != FileType::CharacterDevice || facts.device != (*major, *minor) {
                return Some("device");
            }
        }
        EntryKind::BlockDevice(major, minor) => {
            if facts.kind != FileType::BlockDevice || facts.device != (*major, *minor) {
                return Some("device");
            }
        }
    }
    metadata_differs(facts, entry, rights)
}

/// Which parts of the metadata this process can bring back at all.
#[derive(Clone, Copy, Debug)]
struct Rights {
    owners: bool,
    mode_bits: u32,
}

impl Rights {
    /// Without root owners cannot be given away, and the kernel takes the bits that depend on them.
    fn ours(with_owners: bool) -> Self {
        let is_root = rustix::process::geteuid().is_root();
        Self { owners: is_root && with_owners, mode_bits: if is_root { 0o7777 } else { 0o1777 } }
    }
}

fn metadata_differs(facts: &Facts, entry: &Entry, rights: Rights) -> Option<&'static str> {
    let meta = &entry.meta;
    if rights.owners && (facts.uid, facts.gid) != (meta.uid, meta.gid) {
        return Some("owner");
    }
    // The mode of a link is not used and not kept by every file system.
    if facts.kind != FileType::Symlink && facts.mode & rights.mode_bits != meta.mode & rights.mode_bits {
        return Some("mode");
    }
    (facts.mtime != meta.mtime).then_some("modification time")
}
