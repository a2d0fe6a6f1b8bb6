//! What a snapshot of a tree came to.

use std::collections::BTreeMap;

use super::super::facts::Facts;
use crate::archive::{OutlineKind, SourceSummary};
use crate::model::{SourceKind, SourceName};

/// Entries by kind.
#[derive(Debug, Default)]
pub(super) struct Counts {
    files: u64,
    bytes: u64,
    directories: u64,
    symlinks: u64,
    hard_links: u64,
    others: u64,
    pub(super) sockets: u64,
}

impl Counts {
    /// Counts one entry.
    pub(super) const fn add(&mut self, kind: OutlineKind, facts: &Facts) {
        match kind {
            OutlineKind::File => {
                self.files += 1;
                self.bytes += facts.size;
            }
            OutlineKind::Directory => self.directories += 1,
            OutlineKind::Symlink => self.symlinks += 1,
            OutlineKind::Hardlink => self.hard_links += 1,
            OutlineKind::Fifo | OutlineKind::CharDevice | OutlineKind::BlockDevice => self.others += 1,
        }
    }

    pub(super) fn into_summary(self, name: SourceName, warnings: Vec<String>) -> SourceSummary {
        let Self { files, bytes, directories, symlinks, hard_links, others, sockets } = self;
        let mut counts = BTreeMap::from([("files".to_owned(), files), ("directories".to_owned(), directories)]);
        for (word, count) in [
            ("symlinks", symlinks),
            ("hard_links", hard_links),
            ("pipes_and_devices", others),
            ("sockets_skipped", sockets),
        ] {
            if count > 0 {
                counts.insert(word.to_owned(), count);
            }
        }
        SourceSummary { name, kind: SourceKind::Files, size_bytes: bytes, files, counts, warnings }
    }
}
