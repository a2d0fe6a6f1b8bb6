//! What a job has read of a base's manifest already, so that the archive built on it need not have it read twice.

use std::collections::HashMap;

use crate::archive::metadata::Totals;
use crate::model::Sha256;

/// Chunks of manifests that were read where they lie, held against their SHA-256 and looked at line by line.
#[derive(Debug, Default)]
pub struct LookedAt {
    chunks: HashMap<Sha256, Looked>,
}

/// What the lines of one chunk come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::archive) struct Looked {
    /// Of new content nothing is known.
    pub(in crate::archive) totals: Totals,
    /// Path of the last entry.
    pub(in crate::archive) last: Vec<u8>,
}

impl LookedAt {
    /// Notes the chunk `id`, of which every line was looked at: `totals` of its entries, the last of them at `last`.
    pub fn add(&mut self, id: Sha256, totals: Totals, last: &[u8]) {
        self.chunks.insert(id, Looked { totals, last: last.to_vec() });
    }

    /// Takes over what another part of the job has looked at.
    pub fn merge(&mut self, other: Self) {
        self.chunks.extend(other.chunks);
    }

    /// How many chunks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chunks.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub(in crate::archive) fn get(&self, id: &Sha256) -> Option<&Looked> {
        self.chunks.get(id)
    }
}
