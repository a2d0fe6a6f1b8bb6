//! Removes what a crash left in the folder.
//!
//! Only names of our own making are touched: an unfinished archive, what stands beside an archive that is not there, a
//! temporary file. An archive with its final name is never removed, whatever it holds; nor is one that somebody is writing
//! at this moment: by mistake two daemons may have been given one store.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::{PARTIAL, sidecar};
use crate::fsio;
use crate::store::ArchiveName;

/// Sweeps `dir`; returns the names of what was removed, in order.
pub(super) fn sweep(dir: &Path) -> io::Result<Vec<String>> {
    let temporaries = fsio::sweep_temporaries(dir)?;
    let mut swept: Vec<String> = temporaries.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    for entry in std::fs::read_dir(dir)? {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        if is_left_over(dir, &name)? {
            std::fs::remove_file(dir.join(&name))?;
            swept.push(name);
        }
    }
    if !swept.is_empty() {
        fsio::fsync_dir(dir)?;
    }
    swept.sort();
    Ok(swept)
}

fn is_left_over(dir: &Path, name: &str) -> io::Result<bool> {
    if let Some(archive) = name.strip_suffix(PARTIAL) {
        return Ok(is_archive(archive) && !is_being_written(&dir.join(name))?);
    }
    for ending in [sidecar::CHECKSUM, sidecar::HOLD, sidecar::RETAINED, sidecar::TRASHED] {
        if let Some(archive) = name.strip_suffix(ending).filter(|archive| is_archive(archive)) {
            let partial = dir.join(format!("{archive}{PARTIAL}"));
            // In this order: between the two looks, the archive may get its name.
            return Ok(!is_being_written(&partial)? && !dir.join(archive).try_exists()?);
        }
    }
    Ok(false)
}

/// Marks an unfinished archive for as long as the file is open. The mark ends with the process, however it ends.
pub(super) fn mark_as_being_written(partial: &File) {
    if let Err(error) = flock(partial, FlockOperation::NonBlockingLockExclusive) {
        tracing::warn!(%error, "the store's file system has no locks: no second daemon may use this store");
    }
}

fn is_being_written(partial: &Path) -> io::Result<bool> {
    match File::open(partial) {
        Ok(file) => Ok(flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_archive(name: &str) -> bool {
    name.parse::<ArchiveName>().is_ok()
}
