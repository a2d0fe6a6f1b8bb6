//! Which entries of a source a restore is about: all, or those that were named with all below them.

use std::collections::{HashMap, HashSet};

use super::super::error::StageError;
use super::super::local_owner::LocalOwners;
use super::super::selection::Selection;
use super::super::shown::shown;
use super::extract::Damage;
use crate::archive::{ArchiveReader, Entry, EntryKind, ReadError};

/// The wanted entries of the source whose member is `prefix` (`studies/`, `data.json`).
#[derive(Debug)]
pub struct Wanted {
    prefix: Vec<u8>,
    selection: Selection,
    /// Members that are damaged and not to be had, in their printable form.
    lost: HashSet<String>,
}

impl Wanted {
    /// What `paths` name in `archive`; everything when they name nothing or the source itself.
    ///
    /// # Errors
    /// [`StageError::NoSuchMember`], or the archive cannot be read.
    pub fn find(archive: &ArchiveReader, prefix: &[u8], paths: &[Vec<u8>]) -> Result<Self, StageError> {
        let wanted = Self::named(prefix, paths);
        for path in wanted.selection.paths() {
            let is_held = path.starts_with(prefix)
                && (archive.entry(path)?.is_some() || archive.entry(&[path, &b"/"[..]].concat())?.is_some());
            if !is_held {
                return Err(StageError::NoSuchMember { member: shown(path) });
            }
        }
        Ok(wanted)
    }

    /// What `paths` name, whether any archive holds it or not.
    #[must_use]
    pub fn named(prefix: &[u8], paths: &[Vec<u8>]) -> Self {
        let root = prefix.strip_suffix(b"/").unwrap_or(prefix);
        let selection = Selection::new(paths);
        if selection.paths().iter().any(|path| path == root) {
            return Self::everything(prefix);
        }
        Self { prefix: prefix.to_vec(), selection, lost: HashSet::new() }
    }

    pub(super) fn everything(prefix: &[u8]) -> Self {
        Self { prefix: prefix.to_vec(), selection: Selection::default(), lost: HashSet::new() }
    }

    /// From now on these are not wanted any more: they could not be had from the archive.
    pub(super) fn leave_out(&mut self, damaged: &[Damage]) {
        self.lost.extend(damaged.iter().map(|damage| damage.member.clone()));
    }

    pub(super) fn is_everything(&self) -> bool {
        self.selection.is_everything() && self.lost.is_empty()
    }

    /// Whether the member at `path` would be wanted, but could not be had from the archive.
    pub(super) fn is_lost(&self, path: &[u8]) -> bool {
        !self.lost.is_empty() && self.lost.contains(&shown(path))
    }

    /// The member of the source.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// Whether the restore is about the member at `path`.
    pub(super) fn has(&self, path: &[u8]) -> bool {
        self.selection.has(path) && !self.is_lost(path)
    }

    /// Whether the folder at `path` is only on the way to something wanted.
    pub(super) fn leads_through(&self, path: &[u8]) -> bool {
        self.selection.leads_through(path)
    }

    /// The wanted entries in path order, and the folders on the way to them, with their owners as they are here. A hard link
    /// to a file that is not wanted becomes that file.
    pub fn entries<'a>(&'a self, archive: &'a ArchiveReader) -> impl Iterator<Item = Result<Entry, ReadError>> + 'a {
        let mut stand_ins = HashMap::new();
        let mut owners = LocalOwners::default();
        let is_wanted = |entry: &Entry| {
            self.has(&entry.path) || entry.kind == EntryKind::Directory && self.leads_through(&entry.path)
        };
        archive.entries(&self.prefix).filter(move |entry| entry.as_ref().map_or(true, is_wanted)).map(move |entry| {
            let mut entry = self.complete(archive, entry?, &mut stand_ins)?;
            owners.translate(&mut entry.meta);
            Ok(entry)
        })
    }

    /// `stand_ins` holds, for each file that is not wanted, the first link to it, which takes its place.
    fn complete(
        &self,
        archive: &ArchiveReader,
        mut entry: Entry,
        stand_ins: &mut HashMap<Vec<u8>, Vec<u8>>,
    ) -> Result<Entry, ReadError> {
        let EntryKind::Hardlink(target) = &mut entry.kind else { return Ok(entry) };
        if self.has(target) {
            return Ok(entry);
        }
        if let Some(first) = stand_ins.get(target) {
            target.clone_from(first);
        } else if let Some(Entry { kind, .. }) = archive.entry(target)? {
            stand_ins.insert(std::mem::take(target), entry.path.clone());
            entry.kind = kind;
        }
        Ok(entry)
    }
}
