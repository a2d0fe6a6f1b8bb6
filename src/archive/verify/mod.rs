//! Is a restore point what it says? Quick: trailer, restore point, index and the whole manifest. Full: every byte besides —
//! the SHA-256 of its file and of those that it needs, every frame, every chunk.
//!
//! Who verifies several restore points reads each file once ([`verify_file`]) and holds every restore point against what
//! was found ([`verify_restore_point`]).
//!
//! Damage is named by what it hurts. Nothing is repaired or moved here; the verify job decides what follows.

mod frames;
mod written;

use std::collections::{BTreeMap, HashMap, HashSet};

pub use self::written::verify_written;
use super::manifest::Entry;
use super::metadata::Totals;
use super::reader::{ArchiveReader, ChunkLocation, Entries, ReadError};
use crate::model::{BackupId, Sha256};
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
    /// Chunks, in all files, that were checked against their SHA-256 (full only).
    pub chunks: u64,
    /// SHA-256 of the archive's own file (full only).
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

/// What reading every byte of one file brought to light.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// Id of the backup that it was written for.
    pub id: BackupId,
    /// Its SHA-256.
    pub sha256: Sha256,
    /// Chunks in it that were checked.
    pub chunks: u64,
    /// Every damage, in words.
    pub damage: Vec<String>,
    /// The chunks in it that are damaged.
    pub bad_chunks: HashSet<Sha256>,
}

/// Verifies an open archive, with the others that were opened with it. `expected` is what `NAME.sha256` or the catalog
/// says of its own file.
///
/// # Errors
/// [`VerifyError`].
pub fn verify(
    archive: &ArchiveReader,
    expected: Option<Sha256>,
    depth: Depth,
    progress: &Progress,
) -> Result<Report, VerifyError> {
    let entries = archive.restore_point().totals.entries;
    let Depth::Full { threads } = depth else {
        progress.expect(0, entries);
        return verify_restore_point(archive, &[], progress);
    };
    let bytes = archive.bases().map(|base| base.size_bytes()).sum::<u64>();
    progress.expect(bytes + archive.size_bytes(), entries);
    let own = verify_file(archive, expected, threads, progress)?;
    let (sha256, mut chunks, mut damage) = (own.sha256, own.chunks, own.damage.clone());
    let mut files = vec![own];
    for base in archive.bases() {
        let file = verify_file(base, None, threads, progress)?;
        chunks += file.chunks;
        damage.extend(file.damage.iter().map(|what| format!("in the archive of backup {}: {what}", file.id)));
        files.push(file);
    }
    let found = verify_restore_point(archive, &files, progress)?;
    damage.extend(found.damage);
    Ok(Report { chunks, sha256: Some(sha256), damage, ..found })
}

/// Reads every byte of the archive's own file. `expected` as for [`verify`].
///
/// # Errors
/// [`VerifyError`].
pub fn verify_file(
    archive: &ArchiveReader,
    expected: Option<Sha256>,
    threads: usize,
    progress: &Progress,
) -> Result<FileReport, VerifyError> {
    let mut report = frames::read_all(archive, threads, progress)?;
    if let Some(expected) = expected.filter(|expected| *expected != report.sha256) {
        report.damage.push(differs(expected, report.sha256, report.damage.is_empty()));
    }
    Ok(report)
}

/// Holds a restore point against `files`, what was found in the archives that it needs: reads its whole manifest, and asks
/// for each chunk that it names whether it is there and sound. Its damage does not repeat that of the own file.
///
/// # Errors
/// [`VerifyError`].
pub fn verify_restore_point(
    archive: &ArchiveReader,
    files: &[FileReport],
    progress: &Progress,
) -> Result<Report, VerifyError> {
    let mut report = Report { damage: missing(archive).collect(), ..Report::default() };
    let mut damaged = Damaged::in_files(files);
    check_manifest(archive, archive.entries(b""), &mut damaged, &mut report, progress)?;
    for (id, chunks) in damaged.hit {
        if id != archive.id() {
            report.damage.push(format!("{} chunks in the archive of backup {id} are damaged", chunks.len()));
        }
    }
    Ok(report)
}

/// The archives that are needed and not at hand, in words.
fn missing(archive: &ArchiveReader) -> impl Iterator<Item = String> {
    archive.missing_archives().iter().map(|id| ReadError::MissingArchive { id: *id }.to_string())
}

/// The damaged chunks, by the archives in which they lie.
struct Damaged<'a> {
    chunks: HashMap<BackupId, &'a HashSet<Sha256>>,
    /// Those that the restore point needs.
    hit: BTreeMap<BackupId, HashSet<Sha256>>,
}

impl<'a> Damaged<'a> {
    fn in_files(files: &'a [FileReport]) -> Self {
        let damaged = files.iter().filter(|file| !file.bad_chunks.is_empty());
        Self { chunks: damaged.map(|file| (file.id, &file.bad_chunks)).collect(), hit: BTreeMap::new() }
    }

    /// Whether the chunk is damaged where it was found.
    fn includes(&mut self, archive: &ArchiveReader, id: &Sha256, location: &ChunkLocation) -> bool {
        if self.chunks.is_empty() {
            return false;
        }
        let lies_in = archive.archive_of(location.frame).0.id();
        let includes = self.chunks.get(&lies_in).is_some_and(|chunks| chunks.contains(id));
        if includes {
            self.hit.entry(lies_in).or_default().insert(*id);
        }
        includes
    }
}

fn differs(expected: Sha256, found: Sha256, contents_sound: bool) -> String {
    let note = if contents_sound { "; every chunk in it is intact, so its contents can be restored" } else { "" };
    format!("the archive's SHA-256 is {found}, it was {expected} when it was written{note}")
}

/// Holds the manifest against the index, the totals and the chunks that were found damaged.
fn check_manifest(
    archive: &ArchiveReader,
    mut entries: Entries<'_>,
    damaged: &mut Damaged<'_>,
    report: &mut Report,
    progress: &Progress,
) -> Result<(), VerifyError> {
    let mut totals = Totals::default();
    for entry in &mut entries {
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
            check_content(archive, &entry, damaged, report)?;
        }
    }
    let passed_over = entries.passed_over();
    totals.entries += passed_over.entries;
    totals.files += passed_over.files;
    totals.raw_bytes += passed_over.raw_bytes;
    report.entries += passed_over.entries;
    progress.add_files(passed_over.entries);
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
    damaged: &mut Damaged<'_>,
    report: &mut Report,
) -> Result<(), VerifyError> {
    let mut hurt = false;
    for chunk in entry.content().map_or(&[][..], |content| &content.chunks) {
        let what = match archive.locate(&chunk.id) {
            Ok(location) if location.length == chunk.length => {
                hurt |= damaged.includes(archive, &chunk.id, &location);
                continue;
            }
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
