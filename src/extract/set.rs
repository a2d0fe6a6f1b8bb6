//! The archive files that a restore point needs: those that were named, and those that lie beside the first.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

use crate::archive::{ArchiveReader, ReadError};
use crate::model::BackupId;

/// What the names of archives end in.
const ENDINGS: [&str; 3] = [".tar.zst", ".tar.gz", ".tar"];

/// One that was named is not needed: the first of them may not be the one that is meant.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} does not build on {}; name the archive to extract first, then only those that it builds on",
    .first.display(), .other.display()
)]
pub struct NotNeeded {
    first: PathBuf,
    other: PathBuf,
}

/// Opens the first of `named` with all that it needs, as far as it is named or lies beside it.
///
/// # Errors
/// [`ReadError`] when the first or one that it needs and was named cannot be opened; [`NotNeeded`].
pub(super) fn open(first: &Path, others: &[PathBuf]) -> anyhow::Result<ArchiveReader> {
    let archive = open_one(first)?;
    let mut bases = BTreeMap::new();
    for path in others {
        let other = open_one(path)?;
        let id = other.id();
        if id == archive.id() {
            continue;
        }
        if !archive.missing_archives().contains(&id) {
            return Err(NotNeeded { first: first.to_owned(), other: path.clone() }.into());
        }
        bases.insert(id, Arc::new(other));
    }
    let still_missing = |bases: &BTreeMap<BackupId, _>| {
        archive.missing_archives().iter().filter(|id| !bases.contains_key(id)).copied().collect::<Vec<_>>()
    };
    for path in beside(first) {
        let missing = still_missing(&bases);
        if missing.is_empty() {
            break;
        }
        // Whatever else lies there: what cannot be opened is not what is looked for, or shows as missing.
        if let Some(other) = open_one(&path).ok().filter(|other| missing.contains(&other.id())) {
            bases.insert(other.id(), Arc::new(other));
        }
    }
    archive.with_bases(bases.into_values().collect()).with_context(|| first.display().to_string())
}

fn open_one(path: &Path) -> anyhow::Result<ArchiveReader> {
    let opened = File::open(path).map_err(ReadError::from).and_then(ArchiveReader::open);
    opened.with_context(|| path.display().to_string())
}

/// The files in the folder of `path` that are called like archives, the last first: an archive builds on ones before it.
fn beside(path: &Path) -> Vec<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let is_archive = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        ENDINGS.iter().any(|ending| name.ends_with(ending))
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(is_archive).collect();
    paths.sort_unstable_by(|a, b| b.cmp(a));
    paths
}
