//! What an extraction came to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::super::super::shortfalls::Shortfalls;
use crate::model::Sha256;

/// What an extraction came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtractReport {
    /// Regular files written.
    pub files: u64,
    /// Directories made, those that stood for missing parents among them.
    pub directories: u64,
    /// Links, pipes and devices made.
    pub others: u64,
    /// Bytes of file content written.
    pub bytes: u64,
    /// What could not be set as it was, summed up by kind.
    pub warnings: Vec<String>,
    /// Members left out because they are damaged; empty unless a partial extraction was asked for.
    pub damaged: Vec<Damage>,
}

/// A member that is damaged in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Its path, printable.
    pub member: String,
    /// The chunk at fault, where one is.
    pub chunk: Option<Sha256>,
    /// What is wrong.
    pub reason: String,
}

/// What the threads of an extraction report on their way.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) shortfalls: Shortfalls,
    files: AtomicU64,
    bytes: AtomicU64,
    damaged: Mutex<Vec<Damage>>,
}

impl Tally {
    /// A file is complete.
    pub(super) fn written(&self, bytes: u64) {
        self.files.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn damaged(&self, damage: Damage) {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).push(damage);
    }

    /// With what the coordinator counted.
    pub(super) fn into_report(self, directories: u64, others: u64) -> ExtractReport {
        let mut damaged = self.damaged.into_inner().unwrap_or_else(PoisonError::into_inner);
        damaged.sort_by(|a, b| a.member.cmp(&b.member));
        ExtractReport {
            files: self.files.into_inner(),
            directories,
            others,
            bytes: self.bytes.into_inner(),
            warnings: self.shortfalls.into_warnings(),
            damaged,
        }
    }
}
