//! The files beside an archive: its checksum, and the holds on it.

use std::io;
use std::path::Path;

use jiff::Timestamp;

use crate::catalog::Hold;
use crate::fsio;
use crate::model::Sha256;
use crate::store::{ArchiveName, StoreError};

/// Ending of the checksum's name.
pub(super) const CHECKSUM: &str = ".sha256";

/// Ending of the holds' name.
pub(super) const HOLD: &str = ".hold";

/// Ending of the name of what says that an archive is only kept for others.
pub(super) const RETAINED: &str = ".retained";

/// Ending of the name of what says that a backup lies in the trash.
pub(super) const TRASHED: &str = ".trashed";

/// What stands in [`TRASHED`] below the time, for people.
const WHY_TRASHED: &str = "This backup was removed at that time. `carelogctl restore-deleted` takes it back.\n";

/// What stands in [`RETAINED`], for people.
const WHY_RETAINED: &str = "This backup was deleted. Its archive stays while other backups need content of it.\n";

/// Says that the archive is only kept for others, or no longer says so.
pub(super) fn write_retained(path: &Path, is_retained: bool) -> Result<(), StoreError> {
    let written = match is_retained {
        true => fsio::write_durably(path, WHY_RETAINED.as_bytes(), 0o600),
        false => fsio::remove_durably(path).map(drop),
    };
    written.map_err(|source| StoreError::io("writing", path, source))
}

/// Says that the backup lies in the trash since `at`, or no longer says so.
pub(super) fn write_trashed(path: &Path, at: Option<Timestamp>) -> Result<(), StoreError> {
    let written = match at {
        Some(at) => fsio::write_durably(path, format!("{at}\n{WHY_TRASHED}").as_bytes(), 0o600),
        None => fsio::remove_durably(path).map(drop),
    };
    written.map_err(|source| StoreError::io("writing", path, source))
}

pub(super) fn read_trashed(path: &Path) -> Result<Option<Timestamp>, StoreError> {
    let Some(text) = read(path)? else { return Ok(None) };
    let first = text.lines().next().unwrap_or_default();
    let bad = |error: jiff::Error| StoreError::BadSidecar { path: path.to_owned(), why: error.to_string() };
    first.parse().map(Some).map_err(bad)
}

/// Writes the line that `sha256sum -c` reads: the digest, two spaces, the name.
pub(super) fn write_checksum(path: &Path, name: &ArchiveName, sha256: Sha256) -> Result<(), StoreError> {
    fsio::write_durably(path, format!("{sha256}  {name}\n").as_bytes(), 0o600)
        .map_err(|source| StoreError::io("writing", path, source))
}

pub(super) fn read_checksum(path: &Path, name: &ArchiveName) -> Result<Option<Sha256>, StoreError> {
    let Some(text) = read(path)? else { return Ok(None) };
    let bad = |why: &str| StoreError::BadSidecar { path: path.to_owned(), why: why.to_owned() };
    let line = text.strip_suffix('\n').unwrap_or(&text);
    // `sha256sum -b`, with which an administrator may have written it anew, puts a star before the name.
    let (digest, named) = line.split_once("  ").or_else(|| line.split_once(" *")).ok_or_else(|| bad("no such line"))?;
    if named != name.as_str() {
        return Err(bad("it names another file"));
    }
    digest.parse().map(Some).map_err(|_| bad("it holds no SHA-256"))
}

pub(super) fn read_holds(path: &Path) -> Result<Vec<Hold>, StoreError> {
    let Some(text) = read(path)? else { return Ok(Vec::new()) };
    serde_json::from_str(&text)
        .map_err(|error| StoreError::BadSidecar { path: path.to_owned(), why: error.to_string() })
}

pub(super) fn write_holds(path: &Path, holds: &[Hold]) -> Result<(), StoreError> {
    let failed = |source| StoreError::io("writing", path, source);
    if holds.is_empty() {
        fsio::remove_durably(path).map_err(failed)?;
        return Ok(());
    }
    let text = serde_json::to_vec_pretty(holds).map_err(|error| failed(error.into()))?;
    fsio::write_durably(path, &text, 0o600).map_err(failed)
}

fn read(path: &Path) -> Result<Option<String>, StoreError> {
    match std::fs::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(error) => Err(StoreError::BadSidecar { path: path.to_owned(), why: error.to_string() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::io("reading", path, source)),
    }
}
