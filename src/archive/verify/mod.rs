//! Is an archive what it says? Quick: trailer, restore point, index and the whole manifest. Full: every byte besides —
//! the file's SHA-256, every frame, every chunk.
//!
//! Damage is named by what it hurts. Nothing is repaired or moved here; the verify job decides what follows.

mod frames;

use std::collections::HashSet;

use super::manifest::Entry;
use super::metadata::Totals;
use super::reader::{ArchiveReader, ReadError};
use crate::model::Sha256;
use crate::progress::{Cancelled, Progress};

/// How many hurt paths are named one by one; the count goes on.
const NAMED_PATHS: usize = 1000;

/// How much to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Structure only.
    Quick,
    /// Every byte.
    Full {
        /// Threads that decompress and hash; 0 for one per core.
        threads: usize,
    },
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Entries of the manifest that were read.
    pub entries: u64,
    /// Chunks that were checked against their SHA-256 (full only).
    pub chunks: u64,
    /// SHA-256 of the archive file (full only).
    pub sha256: Option<Sha256>,
    /// Every damage, in words.
    pub damage: Vec<String>,
    /// Paths whose content is hurt, at most 1000 of them, escaped.
    pub hurt_paths: Vec<String>,
    /// How many paths are hurt in all.
    pub hurt_count: u64,
}

impl Report {
    /// Whether nothing was found.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }
}

/// Why verification could not be done (damage is no such reason: it is its result).
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The file could not be read.
    #[error("reading the archive: {0}")]
    Io(#[from] std::io::Error),
    /// Cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Verifies an open archive. `expected` is what `NAME.sha256` or the catalog says of the file.
///
/// # Errors
/// [`VerifyError`].
pub fn verify(
    archive: &ArchiveReader,
    expected: Option<Sha256>,
    depth: Depth,
    progress: &Progress,
) -> Result<Report, VerifyError> {
    let mut report = Report::default();
    let mut bad_chunks = HashSet::new();
    if let Depth::Full { threads } = depth {
        progress.expect(archive.size_bytes(), archive.restore_point().totals.entries);
        let outcome = frames::read_all(archive, threads, progress)?;
        report.chunks = outcome.chunks;
        report.sha256 = Some(outcome.sha256);
        report.damage = outcome.damage;
        bad_chunks = outcome.bad_chunks;
        if let Some(expected) = expected.filter(|expected| *expected != outcome.sha256) {
            report.damage.push(differs(expected, outcome.sha256, report.damage.is_empty()));
        }
    } else {
        progress.expect(0, archive.restore_point().totals.entries);
    }
    check_manifest(archive, &bad_chunks, &mut report, progress)?;
    Ok(report)
}

fn differs(expected: Sha256, found: Sha256, contents_sound: bool) -> String {
    let note = if contents_sound { "; every chunk in it is intact, so its contents can be restored" } else { "" };
    format!("the archive's SHA-256 is {found}, it was {expected} when it was written{note}")
}

/// Holds the manifest against the index, the totals and the chunks that were found damaged.
fn check_manifest(
    archive: &ArchiveReader,
    bad_chunks: &HashSet<Sha256>,
    report: &mut Report,
    progress: &Progress,
) -> Result<(), VerifyError> {
    let mut totals = Totals::default();
    for entry in archive.entries(b"") {
        let entry = match entry {
            Ok(entry) => entry,
            Err(ReadError::Io(error)) => return Err(error.into()),
            Err(damage) => {
                report.damage.push(damage.to_string());
                return Ok(());
            }
        };
        if report.entries.is_multiple_of(1024) {
            progress.check_cancelled()?;
        }
        report.entries += 1;
        progress.add_files(1);
        totals.entries += 1;
        if let Some(content) = entry.content() {
            totals.files += 1;
            totals.raw_bytes += content.stored_bytes();
            check_content(archive, &entry, bad_chunks, report)?;
        }
    }
    let written = archive.restore_point().totals;
    if (totals.entries, totals.files, totals.raw_bytes) != (written.entries, written.files, written.raw_bytes) {
        report.damage.push(format!(
            "the manifest holds {} entries, {} files and {} bytes; the restore point says {}, {} and {}",
            totals.entries, totals.files, totals.raw_bytes, written.entries, written.files, written.raw_bytes
        ));
    }
    Ok(())
}

fn check_content(
    archive: &ArchiveReader,
    entry: &Entry,
    bad_chunks: &HashSet<Sha256>,
    report: &mut Report,
) -> Result<(), VerifyError> {
    let mut hurt = false;
    for chunk in entry.content().map_or(&[][..], |content| &content.chunks) {
        hurt |= bad_chunks.contains(&chunk.id);
        let what = match archive.locate(&chunk.id) {
            Ok(location) if location.length == chunk.length => continue,
            Ok(_) => format!("chunk {} has another length in the index than in the manifest", chunk.id),
            Err(ReadError::Io(error)) => return Err(error.into()),
            Err(damage) => damage.to_string(),
        };
        hurt = true;
        // One broken index page would otherwise be told once for each of its chunks.
        if !report.damage.contains(&what) && report.damage.len() < NAMED_PATHS {
            report.damage.push(what);
        }
    }
    if hurt {
        report.hurt_count += 1;
        if report.hurt_paths.len() < NAMED_PATHS {
            report.hurt_paths.push(entry.display_path().into_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
