//! The second look at a live tree, when nobody writes to it any more: what is not as the safety backup holds it.

use rustix::fs::FileType;

use super::super::error::StageError;
use super::super::facts::Facts;
use super::super::request::SafetyBackup;
use super::FileTree;
use super::diff::{Difference, differences_and_suspects};
use super::plan::{Held, live_root};
use super::reuse::{Taken, may_be_later};
use super::wanted::Wanted;
use crate::progress::Progress;

/// So many changes are named.
const NAMED: usize = 100;

/// What changed, each named. Confirms in `taken` which of the linked files were left alone.
///
/// A file whose content was changed and whose time was set back is found by its change time.
pub(super) fn changes_since(
    tree: &FileTree,
    safety: &SafetyBackup,
    wanted: &Wanted,
    taken: &mut Taken,
    progress: &Progress,
) -> Result<Vec<String>, StageError> {
    let held = match Held::of(tree, &safety.archive) {
        Ok(held) => held,
        // What could not be saved was accepted to be lost.
        Err(StageError::NotInBackup { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut changes = Vec::new();
    let mut more = 0_u64;
    let mut on = |difference: Difference<'_>| {
        if matches!(difference, Difference::Excluded { .. }) || !wanted.has(difference.path()) {
            return;
        }
        if changes.len() == NAMED {
            more += 1;
            return;
        }
        let (member, _) = difference.in_words();
        changes.push(match difference {
            Difference::OnlyInBackup(_) => format!("{member}: is gone"),
            Difference::OnlyLive { .. } | Difference::Excluded { .. } => format!("{member}: is new"),
            Difference::Changed { what, .. } => format!("{member}: changed ({what})"),
        });
    };
    let mut suspect = |live: &Facts| {
        let was_touched = match taken.confirm(live) {
            Some(is_as_it_was) => !is_as_it_was,
            None => live.kind == FileType::RegularFile && may_be_later(live.ctime, safety.created_at),
        };
        was_touched.then_some("touched since")
    };
    let prefix = wanted.prefix();
    let entries = safety.archive.entries(prefix);
    let live = live_root(&tree.root)?;
    differences_and_suspects(live, prefix, &held.rules, true, entries, progress, &mut suspect, &mut on)?;
    if more > 0 {
        changes.push(format!("and {more} more"));
    }
    Ok(changes)
}
