//! A tree laid out beside the live one, and what is done with it: validate, swap, compare, undo, discard.

use std::ffi::CStr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::{Gid, Mode, OFlags, Uid};

use super::super::apply::drop_inherited_acls;
use super::super::error::{SourceError, StageError};
use super::super::facts::Facts;
use super::super::place::Place;
use super::super::shown::shown;
use super::super::swap::Swap;
use super::super::{Comparison, Identities, Staged};
use super::FileTree;
use super::carry::carry_over;
use super::diff::{Difference, differences};
use super::exclude::Rules;
use super::extract::{ExtractOptions, Extraction};
use super::open_root;
use super::plan::{Held, live_root, refuse_mounts};
use super::remove::remove_tree;
use super::validate::validate;
use crate::archive::{ArchiveReader, Entry, ReadError};
use crate::progress::Progress;

/// So many differences are named.
const NAMED: usize = 100;

/// See the module.
#[derive(Debug)]
pub(super) struct StagedTree {
    archive: Arc<ArchiveReader>,
    root: PathBuf,
    prefix: Vec<u8>,
    /// Of the time of the backup.
    rules: Rules,
    swap: Swap,
    warnings: Vec<String>,
    /// Whether owners and extended attributes could all be set.
    exact: bool,
}

impl StagedTree {
    /// Lays out the tree beside the live one, in a folder that only we may enter until it is complete.
    pub(super) fn lay_out(
        tree: &FileTree,
        archive: &Arc<ArchiveReader>,
        progress: &Progress,
    ) -> Result<Self, StageError> {
        refuse_mounts(&tree.root)?;
        live_root(&tree.root)?;
        let held = Held::of(tree, archive)?;
        let prefix = held.metadata.member().into_bytes();
        let place = Place::of(&tree.root)?;
        let staged_name = place.fresh_sibling();
        let laid_out = make_private(&place, &staged_name).and_then(|staged| {
            let options = ExtractOptions { threads: 0, strip: prefix.clone(), partial: false, sync: true };
            let entries = with_root(archive.entries(&prefix), &prefix);
            crate::failpoint::pass("source.tree.begun").map_err(|error| place.failed("staging beside", error))?;
            let report = Extraction::new(archive, staged.as_fd(), options, progress).run(entries)?;
            crate::failpoint::pass("source.tree.laid_out").map_err(|error| place.failed("staging beside", error))?;
            let facts = Facts::from(&rustix::fs::fstat(&staged).map_err(|error| place.failed("looking at", error))?);
            Ok((report, facts.identity))
        });
        match laid_out {
            Ok((report, identity)) => Ok(Self {
                archive: Arc::clone(archive),
                root: tree.root.clone(),
                prefix,
                rules: held.rules,
                swap: Swap::new(place, staged_name, identity)?,
                exact: report.warnings.is_empty(),
                warnings: report.warnings,
            }),
            Err(error) => {
                // The first error is the one to report; what cannot be removed now is found by its name.
                if let Err(also) = remove_tree(place.parent(), &staged_name) {
                    tracing::warn!(path = %place.sibling_path(&staged_name).display(), %also, "a partly staged tree stays");
                }
                Err(error)
            }
        }
    }

    fn open_staged(&self) -> Result<OwnedFd, StageError> {
        let place = self.swap.place();
        open_sibling(place, self.swap.staged_name()).map_err(StageError::from)
    }

    /// What the backup left out by configuration comes along.
    fn carry_over(&mut self) -> Result<(), StageError> {
        let Some(live) = live_root(&self.root)? else { return Ok(()) };
        let staged = self.open_staged()?;
        let carried = carry_over(live, staged.as_fd(), &self.prefix, &self.rules)?;
        self.warnings.extend(carried.warnings);
        if carried.left > 0 {
            self.warnings.push(format!(
                "{} live entries that the backup leaves out by configuration stay with the replaced tree: their folder \
                 is not in the backup",
                carried.left
            ));
        }
        if carried.kept > 0 {
            rustix::fs::syncfs(&staged).map_err(|error| self.swap.place().failed("making durable", error))?;
        }
        Ok(())
    }
}

impl Staged for StagedTree {
    fn identities(&self) -> Identities {
        self.swap.identities()
    }

    fn aside(&self) -> PathBuf {
        self.swap.aside()
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn validate(&mut self, progress: &Progress) -> Result<(), StageError> {
        let staged = self.open_staged()?;
        validate(&self.archive, &staged, &self.prefix, self.exact, progress)
    }

    fn commit(&mut self) -> Result<(), StageError> {
        if self.swap.is_committed() {
            return Ok(());
        }
        refuse_mounts(&self.root)?;
        self.carry_over()?;
        crate::failpoint::pass("source.tree.exchange")
            .map_err(|error| self.swap.place().failed("exchanging", error))?;
        self.swap.commit()
    }

    fn compare(&mut self, progress: &Progress) -> Result<Comparison, StageError> {
        let mut comparison = Comparison::default();
        let mut more = 0_u64;
        let mut note = |difference: Difference<'_>| {
            // Left out of the backup and taken over, or made since: none of its business.
            if matches!(difference, Difference::Excluded { .. }) {
                return;
            }
            if comparison.differences.len() < NAMED {
                let (member, reason) = difference.in_words();
                comparison.differences.push(format!("{member}: {reason}"));
            } else {
                more += 1;
            }
        };
        let live = open_root(&self.root)?;
        let entries = self.archive.entries(&self.prefix);
        let count = differences(Some(live), &self.prefix, &self.rules, self.exact, entries, progress, &mut note)?;
        comparison.entries = count;
        if more > 0 {
            comparison.differences.push(format!("and {more} more differences"));
        }
        Ok(comparison)
    }

    fn undo(&mut self) -> Result<(), StageError> {
        self.swap.undo()
    }

    fn discard(self: Box<Self>) -> Result<(), StageError> {
        if !self.swap.has_aside() {
            return Ok(());
        }
        remove_tree(self.swap.place().parent(), self.swap.staged_name())
    }
}

/// A manifest without the root of the tree would leave the root as we made it for ourselves.
fn with_root(
    entries: impl Iterator<Item = Result<Entry, ReadError>>,
    prefix: &[u8],
) -> impl Iterator<Item = Result<Entry, ReadError>> {
    let mut entries = entries.peekable();
    let missing = match entries.peek() {
        Some(Ok(first)) => first.path != prefix,
        Some(Err(_)) => false,
        None => true,
    };
    let objection =
        missing.then(|| Err(ReadError::Damaged(format!("the manifest lacks the folder {} itself", shown(prefix)))));
    objection.into_iter().chain(entries)
}

/// Makes the folder that is staged in: for us alone, and without what its parent would hand down.
fn make_private(place: &Place, name: &CStr) -> Result<OwnedFd, StageError> {
    let failed = |error: rustix::io::Errno| place.failed("making a staging folder beside", error);
    rustix::fs::mkdirat(place.parent(), name, Mode::RWXU).map_err(failed)?;
    let staged = open_sibling(place, name)?;
    drop_inherited_acls(staged.as_fd()).map_err(failed)?;
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    rustix::fs::fchown(&staged, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid))).map_err(failed)?;
    rustix::fs::fchmod(&staged, Mode::RWXU).map_err(failed)?;
    Ok(staged)
}

fn open_sibling(place: &Place, name: &CStr) -> Result<OwnedFd, SourceError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(place.parent(), name, flags, Mode::empty())
        .map_err(|error| place.failed("opening the staging folder beside", error))
}
