//! Removes what a crash left in the folder.
//!
//! Only names of our own making are touched: an unfinished archive, a checksum or holds without their archive, a
//! temporary file. An archive with its final name is never removed, whatever it holds.

use std::io;
use std::path::Path;

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
        return Ok(is_archive(archive));
    }
    for ending in [sidecar::CHECKSUM, sidecar::HOLD] {
        if let Some(archive) = name.strip_suffix(ending).filter(|archive| is_archive(archive)) {
            return Ok(!dir.join(archive).try_exists()?);
        }
    }
    Ok(false)
}

fn is_archive(name: &str) -> bool {
    name.parse::<ArchiveName>().is_ok()
}
