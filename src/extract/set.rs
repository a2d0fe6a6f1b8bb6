//! The archive files that a restore point needs: those that were named, and those that lie beside the first.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

use crate::archive::ArchiveReader;
use crate::model::BackupId;

/// What the names of archives end in.
const ENDINGS: [&str; 3] = [".tar.zst", ".tar.gz", ".tar"];

/// One that was named is not needed and is newer: the first of them may not be the one that is meant.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} does not build on {}, which is newer; name the archive to extract first, then those that it builds on",
    .first.display(), .other.display()
)]
pub struct NotNeeded {
    first: PathBuf,
    other: PathBuf,
}

/// An archive with what it needs, and what else there is to tell of the files.
pub(super) struct Set {
    pub(super) archive: ArchiveReader,
    /// Archives of it whose trailers are damaged.
    pub(super) damaged: Vec<String>,
    /// Files beside it that cannot be read, when something is missing: it may be one of these.
    pub(super) unreadable: Vec<String>,
    /// Files that were named and are not needed.
    pub(super) unneeded: Vec<PathBuf>,
}

/// Opens the first of `named` with all that it needs, as far as it is named or lies beside it.
///
/// # Errors
/// [`crate::archive::ReadError`] when the first or one that it needs and was named cannot be opened; [`NotNeeded`].
pub(super) fn open(first: &Path, others: &[PathBuf]) -> anyhow::Result<Set> {
    let archive = open_one(first)?;
    let mut set = Set { archive, damaged: Vec::new(), unreadable: Vec::new(), unneeded: Vec::new() };
    set.note_damage(first, set.archive.trailer_damage().map(str::to_owned));
    let mut bases = BTreeMap::new();
    // Named twice, as by `extract INC *.tar.zst`, it is certainly meant.
    let (mut is_named_again, mut newer) = (false, None);
    for path in others {
        let other = open_one(path)?;
        let id = other.id();
        if id == set.archive.id() {
            is_named_again = true;
        } else if set.archive.missing_archives().contains(&id) {
            set.note_damage(path, other.trailer_damage().map(str::to_owned));
            bases.insert(id, Arc::new(other));
        } else {
            let begun = |archive: &ArchiveReader| archive.restore_point().metadata.created_at;
            newer = newer.or_else(|| (begun(&other) > begun(&set.archive)).then(|| path.clone()));
            set.unneeded.push(path.clone());
        }
    }
    if let Some(other) = newer.filter(|_| !is_named_again) {
        return Err(NotNeeded { first: first.to_owned(), other }.into());
    }
    let needed = set.archive.missing_archives().to_vec();
    for path in beside(first) {
        let is_missing = |id: &BackupId| needed.contains(id) && !bases.contains_key(id);
        if !needed.iter().any(is_missing) {
            break;
        }
        match open_one(&path) {
            Ok(other) if is_missing(&other.id()) => {
                set.note_damage(&path, other.trailer_damage().map(str::to_owned));
                bases.insert(other.id(), Arc::new(other));
            }
            // Whatever else lies there.
            Ok(_) => {}
            Err(error) => set.unreadable.push(format!("{error:#}")),
        }
    }
    set.archive = set.archive.with_bases(bases.into_values().collect()).with_context(|| first.display().to_string())?;
    if set.archive.missing_archives().is_empty() {
        set.unreadable.clear();
    }
    Ok(set)
}

impl Set {
    fn note_damage(&mut self, path: &Path, damage: Option<String>) {
        self.damaged.extend(damage.map(|what| format!("{}: {what}", path.display())));
    }
}

fn open_one(path: &Path) -> anyhow::Result<ArchiveReader> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    ArchiveReader::open_with_damaged_trailer(file).with_context(|| path.display().to_string())
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
