//! Replaces, in a staged tree, the files that are second names of live ones and were touched since: they come from the
//! archive after all.

use std::collections::HashSet;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode};
use rustix::io::Errno;

use super::super::apply::failed;
use super::super::error::StageError;
use super::super::facts::Facts;
use super::exclude::Rules;
use super::extract::paths::split_name;
use super::extract::{ExtractOptions, Extraction};
use super::reuse::Taken;
use super::walk::{Step, Walk, WalkOptions};
use super::wanted::Wanted;
use crate::archive::ArchiveReader;
use crate::progress::Progress;

/// Restages what was touched in the tree at `staged`; returns the warnings. Nothing but what was touched is written.
pub(super) fn restage_touched(
    archive: &ArchiveReader,
    staged: &OwnedFd,
    wanted: &Wanted,
    taken: &Taken,
    threads: usize,
    progress: &Progress,
) -> Result<Vec<String>, StageError> {
    let members = remove_touched(staged, wanted.prefix(), taken, progress)?;
    if members.is_empty() {
        return Ok(Vec::new());
    }
    let entries = wanted
        .entries(archive)
        .filter(|entry| entry.as_ref().map_or(true, |entry| members.contains(entry.path.as_slice())));
    let options = ExtractOptions { threads, strip: wanted.prefix().to_vec(), partial: false, sync: true };
    Ok(Extraction::new(archive, staged.as_fd(), options, progress).into_existing().run(entries)?.warnings)
}

/// Takes the touched files out of the staged tree. Returns their members and the folders that they were in, whose times
/// are to be set again.
fn remove_touched(
    staged: &OwnedFd,
    prefix: &[u8],
    taken: &Taken,
    progress: &Progress,
) -> Result<HashSet<Vec<u8>>, StageError> {
    let mut members = HashSet::new();
    let own = rustix::fs::openat(staged, c".", super::super::swap::site::DIRECTORY, Mode::empty())
        .map_err(|error| failed("opening", prefix, error))?;
    let facts = Facts::from(&rustix::fs::fstat(&own).map_err(|error| failed("looking at", prefix, error))?);
    let rules = Rules::none();
    let options = WalkOptions { rules: &rules, one_file_system: true, report_excluded: false };
    let mut walk = Walk::new(own, facts, prefix, options);
    while let Some(step) = walk.next().map_err(|error| failed("walking through", prefix, error))? {
        progress.check_cancelled()?;
        let Step::Other { path, directory, name, listed: FileType::RegularFile, .. } = step else { continue };
        let facts = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Facts::from(&stat),
            Err(Errno::NOENT) => continue,
            Err(error) => return Err(failed("looking at", path, error)),
        };
        if !taken.was_touched(&facts) {
            continue;
        }
        if !rustix::process::geteuid().is_root() {
            rustix::fs::fchmod(directory, Mode::RWXU).map_err(|error| failed("opening the folder of", path, error))?;
        }
        rustix::fs::unlinkat(directory, name, AtFlags::empty()).map_err(|error| failed("restaging", path, error))?;
        members.insert(path.to_vec());
        members.insert(split_name(path).0.to_vec());
    }
    Ok(members)
}
