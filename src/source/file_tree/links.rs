//! What has several names: the first of them is the entry, the others are links to it.

use std::collections::HashMap;

use super::super::facts::{Facts, Identity};

/// The first path of everything with several names: files, and links, pipes and devices too.
#[derive(Debug, Default)]
pub(super) struct Links(HashMap<Identity, FirstName>);

/// Where something with several names was written, and what it was then: an inode may be given away and reused meanwhile.
#[derive(Debug)]
struct FirstName {
    path: Box<[u8]>,
    facts: Facts,
}

impl Links {
    /// The path under which what has these facts was written already.
    pub(super) fn first_name_of(&self, facts: &Facts) -> Option<&[u8]> {
        if !facts.has_other_names {
            return None;
        }
        let first = self.0.get(&facts.identity)?;
        let same = first.facts.size == facts.size && first.facts.mtime == facts.mtime;
        same.then_some(&first.path)
    }

    /// Something was written under `path`, if under no other before.
    pub(super) fn remember(&mut self, path: &[u8], facts: &Facts) {
        if facts.has_other_names && facts.kind != rustix::fs::FileType::Directory {
            self.0.entry(facts.identity).or_insert_with(|| FirstName { path: path.into(), facts: *facts });
        }
    }
}
