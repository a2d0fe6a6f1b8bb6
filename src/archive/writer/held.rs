//! What an incremental need not write again: chunks that a base holds, and those that it has written itself.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::archive::manifest::Entry;
use crate::archive::reader::{ArchiveReader, ReadError};
use crate::model::{BackupId, Sha256};

/// Smaller chunks are written again rather than remembered (bytes): to remember a million of them takes 100 MB, and they
/// are alike on the day only on which they are new. Those that a base holds are named whatever their size.
const WORTH_REMEMBERING: usize = 16 * 1024;

/// The bases, and the chunks of this archive.
#[derive(Debug)]
pub(super) struct Held {
    bases: Vec<Arc<ArchiveReader>>,
    own: HashSet<Sha256>,
}

/// Where chunks lie that are not in the archive that is being written.
pub(super) type Archives = BTreeSet<BackupId>;

/// The chunks of the bases' manifests, each with the archives in which it and the content of its entries lie.
pub(super) type ManifestChunks = HashMap<Sha256, Archives>;

impl Held {
    pub(super) fn new(bases: &[Arc<ArchiveReader>]) -> Self {
        Self { bases: bases.to_vec(), own: HashSet::new() }
    }

    /// Whether an incremental is being written.
    pub(super) const fn is_incremental(&self) -> bool {
        !self.bases.is_empty()
    }

    /// The newest of the bases.
    pub(super) fn parent(&self) -> Option<BackupId> {
        self.bases.iter().max_by_key(|base| base.restore_point().metadata.created_at).map(|base| base.id())
    }

    /// Whether the chunk need not be written. One that a broken index hides is written again.
    pub(super) fn has(&self, id: &Sha256) -> bool {
        self.own.contains(id) || self.bases.iter().any(|base| base.locate(id).is_ok())
    }

    /// Takes note of a chunk that is written.
    pub(super) fn remember(&mut self, id: Sha256, length: usize) {
        if length >= WORTH_REMEMBERING {
            self.own.insert(id);
        }
    }

    /// The chunk is not in the archive after all.
    pub(super) fn forget(&mut self, id: &Sha256) {
        self.own.remove(id);
    }

    /// Adds to `archives` where the chunks of `entry` lie. When an index cannot be read, it may be any.
    pub(super) fn add_archives_of(&self, entry: &Entry, archives: &mut Archives) {
        for chunk in entry.content().map_or(&[][..], |content| &content.chunks) {
            if self.own.contains(&chunk.id) {
                continue;
            }
            for base in &self.bases {
                match base.locate(&chunk.id) {
                    Ok(location) => {
                        archives.insert(base.archive_of(location.frame).0.id());
                        break;
                    }
                    Err(ReadError::MissingChunk(_)) => {}
                    Err(_) => archives.extend(&base.restore_point().archives),
                }
            }
        }
    }

    /// The chunks of all bases' manifests that can be read where they are.
    pub(super) fn manifest_chunks(&self) -> ManifestChunks {
        let mut chunks = ManifestChunks::new();
        for base in &self.bases {
            let restore_point = base.restore_point();
            for chunk in &restore_point.manifest {
                let Ok(location) = base.locate(&chunk.id) else { continue };
                let mut archives: Archives = restore_point.archives_of(chunk).collect();
                archives.insert(base.archive_of(location.frame).0.id());
                chunks.entry(chunk.id).or_insert(archives);
            }
        }
        chunks
    }
}
