//! The second look at a live JSON file: whether it still is what the safety backup holds.

use std::io::Read as _;
use std::os::fd::AsFd as _;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::super::SafetyBackup;
use super::super::attributes::{Carrier, Owners, XattrReader};
use super::super::error::StageError;
use super::super::facts::Facts;
use super::super::place::Place;
use super::super::shown::shown;
use super::JsonFile;
use super::document::parse;
use super::held::Held;
use super::strip::strip;
use crate::archive::Meta;
use crate::model::Sha256;

/// What is different about the live file, if anything is. Nobody writes to it any more, so that it is read at once; what
/// the safety backup leaves out by configuration is not looked at.
pub(super) fn changes_since(source: &JsonFile, safety: &SafetyBackup) -> Result<Vec<String>, StageError> {
    let held = match Held::of(source, &safety.archive) {
        Ok(held) => held,
        // What could not be saved was accepted to be lost.
        Err(StageError::NotInBackup { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let named = |what: &str| Ok(vec![format!("{}: {what}", shown(&held.member))]);
    let place = Place::of(&source.path)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(place.parent(), place.name(), flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return named("is gone"),
        Err(error) => return Err(place.failed("opening", error).into()),
    };
    let facts = Facts::from(&rustix::fs::fstat(&file).map_err(|error| place.failed("looking at", error))?);
    let xattrs = XattrReader::new().read(Carrier::Open(file.as_fd())).unwrap_or_default();
    let meta = Meta { xattrs, ..Owners::default().meta(&facts) };
    let mut bytes = Vec::new();
    std::fs::File::from(file).read_to_end(&mut bytes).map_err(|error| place.failed("reading", error))?;
    if !held.exclusions.is_empty() {
        bytes = match String::from_utf8(bytes) {
            Ok(text) if parse(text.as_bytes()).is_ok() => strip(&text, &held.exclusions).into_bytes(),
            _ => return named("is no longer JSON"),
        };
    }
    if Sha256::of(&bytes) != held.content.sha256 {
        return named("was written since");
    }
    let carries = |meta: &Meta| (meta.mode, meta.uid, meta.gid, meta.xattrs.clone());
    if carries(&meta) != carries(&held.meta) {
        return named("has another mode, owner or attribute since");
    }
    Ok(Vec::new())
}
