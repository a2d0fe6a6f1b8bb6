//! Says what a restore of a tree would do, and refuses where it could not be done whole.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use super::super::SourcePlan;
use super::super::error::{SourceError, StageError};
use super::super::facts::Facts;
use super::super::place::Place;
use super::super::swap::SwapMethod;
use super::super::swap::choose::{Live, choose};
use super::diff::{Difference, differences};
use super::exclude::Rules;
use super::wanted::Wanted;
use super::{FileTree, open_root};
use crate::archive::{ArchiveReader, Entry, EntryKind, SourceMetadata, SourceSummary};
use crate::model::SourceKind;
use crate::progress::Progress;

/// What an archive says of one of its sources.
pub(super) struct Held<'a> {
    pub(super) metadata: &'a SourceMetadata,
    pub(super) summary: Option<&'a SourceSummary>,
    /// The rules of the time of the backup: what it left out is not its business.
    pub(super) rules: Rules,
}

impl<'a> Held<'a> {
    pub(super) fn of(tree: &FileTree, archive: &'a ArchiveReader) -> Result<Self, StageError> {
        let point = archive.restore_point();
        let metadata = point
            .metadata
            .sources
            .iter()
            .find(|source| source.name == tree.name && source.kind == SourceKind::Files)
            .ok_or_else(|| StageError::NotInBackup { name: tree.name.to_string() })?;
        let summary = point.sources.iter().find(|source| source.name == tree.name);
        let rules = Rules::new(&metadata.exclude)?;
        Ok(Self { metadata, summary, rules })
    }
}

pub(super) fn plan(
    tree: &FileTree,
    archive: &ArchiveReader,
    paths: &[Vec<u8>],
    progress: &Progress,
) -> Result<SourcePlan, StageError> {
    let method = method_for(tree)?;
    let held = Held::of(tree, archive)?;
    let prefix = held.metadata.member();
    let wanted = Wanted::find(archive, prefix.as_bytes(), paths)?;
    let live = live_root(&tree.root)?;
    let mut notes = Vec::new();
    match (&live, method.is_by_entry()) {
        (None, _) => notes.push(format!("{} does not exist and is made", tree.root.display())),
        (Some(_), true) => notes.push(
            "the folder is a mount point or the one above it cannot be written, so its entries are replaced one by one; \
             services and containers that hold one of them open go on seeing the replaced data until they are restarted"
                .to_owned(),
        ),
        (Some(_), false) => notes.push(
            "services and containers that hold this folder open or mount it go on seeing the replaced data until they \
             are restarted"
                .to_owned(),
        ),
    }
    let mut tally = Tally::default();
    let mut bytes = 0;
    let entries = wanted.entries(archive).inspect(|entry| {
        if let Ok(Entry { kind: EntryKind::File(content), .. }) = entry {
            bytes += content.size;
        }
    });
    differences(live, prefix.as_bytes(), &held.rules, true, entries, progress, &mut |difference| {
        if wanted.has(difference.path()) {
            tally.count(&difference);
        }
    })?;
    if tally.excluded > 0 {
        notes.push(format!(
            "{} live entries that the backup leaves out by configuration are kept where their folder is in the backup",
            tally.excluded
        ));
    }
    if let Some(summary) = held.summary.filter(|summary| !summary.warnings.is_empty()) {
        notes.push(format!(
            "the backup was made with {} warnings: what they name is missing from it or may be torn, first: {}",
            summary.warnings.len(),
            summary.warnings[0]
        ));
    }
    Ok(SourcePlan {
        name: tree.name.clone(),
        kind: SourceKind::Files,
        method,
        destination: tree.root.clone(),
        staged_in: None,
        added: tally.added,
        changed: tally.changed,
        removed: tally.removed,
        added_bytes: tally.added_bytes,
        changed_bytes: tally.changed_bytes,
        removed_bytes: tally.removed_bytes,
        bytes,
        notes,
    })
}

/// How the tree can be swapped now.
pub(super) fn method_for(tree: &FileTree) -> Result<SwapMethod, SourceError> {
    let live = live_root(&tree.root)?;
    let kind = live.as_ref().map_or(Live::File, |(root, _)| Live::Tree(root.as_fd()));
    choose(&Place::of(&tree.root)?, kind)
}

/// The live root, if there is one. Something else in its place is an error: it would be exchanged unseen.
pub(super) fn live_root(root: &Path) -> Result<Option<(OwnedFd, Facts)>, SourceError> {
    match Place::of(root)?.facts()? {
        None => Ok(None),
        Some(_) => open_root(root).map(Some),
    }
}

#[derive(Debug, Default)]
struct Tally {
    added: u64,
    changed: u64,
    removed: u64,
    added_bytes: u64,
    changed_bytes: u64,
    removed_bytes: u64,
    excluded: u64,
}

impl Tally {
    fn count(&mut self, difference: &Difference<'_>) {
        match difference {
            Difference::OnlyInBackup(entry) => {
                self.added += 1;
                self.added_bytes = self.added_bytes.saturating_add(size_of(entry));
            }
            Difference::OnlyLive { size_bytes, .. } => {
                self.removed += 1;
                self.removed_bytes = self.removed_bytes.saturating_add(*size_bytes);
            }
            Difference::Excluded { .. } => self.excluded += 1,
            // The times of folders change with every file in them and tell a person nothing.
            Difference::Changed { entry, what, .. } => {
                if entry.kind != EntryKind::Directory || *what != "modification time" {
                    self.changed += 1;
                    self.changed_bytes = self.changed_bytes.saturating_add(size_of(entry));
                }
            }
        }
    }
}

fn size_of(entry: &Entry) -> u64 {
    match &entry.kind {
        EntryKind::File(content) => content.size,
        _ => 0,
    }
}
