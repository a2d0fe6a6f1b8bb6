//! How much a tree holds, by walking it: for when no earlier backup tells.

use rustix::fs::{AtFlags, FileType};

use super::super::Estimate;
use super::super::error::SourceError;
use super::FileTree;
use super::walk::{Step, Walk, WalkOptions};
use crate::progress::Progress;

/// Counts what a backup would read. What cannot be looked at counts for nothing: the backup will name it.
pub(super) fn measure(tree: &FileTree, progress: &Progress) -> Result<Estimate, SourceError> {
    let (root, facts) = tree.open_root()?;
    let options =
        WalkOptions { rules: &tree.rules, one_file_system: tree.options.one_file_system, report_excluded: false };
    let mut walk = Walk::new(root, facts, b"", options);
    let mut estimate = Estimate { bytes: 0, files: 0 };
    loop {
        let step = walk.next().map_err(|error| SourceError::Io {
            doing: "walking",
            path: tree.root.clone(),
            error: error.into(),
        })?;
        let Some(step) = step else { return Ok(estimate) };
        let Step::Other { directory, name, listed: FileType::RegularFile | FileType::Unknown, .. } = step else {
            continue;
        };
        progress.check_cancelled()?;
        let Ok(stat) = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
        estimate.files += 1;
        // Holes are not read.
        let allocated = u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512);
        estimate.bytes = estimate.bytes.saturating_add(u64::try_from(stat.st_size).unwrap_or(0).min(allocated));
    }
}
