//! Where a file may come from instead of from the archive. The extraction asks, and knows nothing of what answers.

use std::os::fd::{BorrowedFd, OwnedFd};

use super::super::super::error::StageError;
use super::super::super::facts::Facts;
use crate::archive::Entry;

/// What came of asking.
#[derive(Debug)]
pub(in crate::source::file_tree) enum Offer {
    /// The file has to be extracted.
    Nothing,
    /// The file is there with everything about it.
    Complete,
    /// The file is there with its content; its metadata is still to be applied.
    Content(OwnedFd),
}

/// Knows another way to a file than the archive.
pub(in crate::source::file_tree) trait Shortcut {
    /// Makes the file of `entry` as `name` in `directory`, if it can.
    fn offer(&mut self, entry: &Entry, directory: BorrowedFd<'_>, name: &[u8]) -> Result<Offer, StageError>;

    /// A file that may have come from here was given one more name; `before` and `after` are looks at it just before and
    /// just after that.
    fn linked_again(&mut self, before: &Facts, after: &Facts);
}

/// Everything comes from the archive.
#[derive(Debug)]
pub(super) struct NoShortcut;

impl Shortcut for NoShortcut {
    fn offer(&mut self, _: &Entry, _: BorrowedFd<'_>, _: &[u8]) -> Result<Offer, StageError> {
        Ok(Offer::Nothing)
    }

    fn linked_again(&mut self, _: &Facts, _: &Facts) {}
}
