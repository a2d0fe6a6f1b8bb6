//! A tree laid out beside the live one, and what is done with it: validate, swap, compare, undo, discard.

use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::Arc;

use super::super::error::StageError;
use super::super::place::Place;
use super::super::shown::shown;
use super::super::steps;
use super::super::swap::SwapMethod;
use super::super::swap::root_metadata::RootMetadata;
use super::super::swap::site::Site;
use super::super::swap::swapping::Swapping;
use super::super::swap_record::SwapRecord;
use super::super::{Comparison, SafetyBackup, StageRequest, Staged};
use super::FileTree;
use super::carry::{Kept, carry_over};
use super::diff::{Difference, differences};
use super::exclude::Rules;
use super::extract::{ExtractOptions, Extraction};
use super::open_root;
use super::plan::{Held, live_root};
use super::record::{Recording, record_of};
use super::validate::validate;
use super::wanted::Wanted;
use crate::archive::{ArchiveReader, Entry, ReadError};
use crate::model::SourceName;
use crate::progress::Progress;

/// So many differences are named.
const NAMED: usize = 100;

/// See the module.
#[derive(Debug)]
pub(super) struct StagedTree {
    name: SourceName,
    archive: Arc<ArchiveReader>,
    root: PathBuf,
    place: Place,
    site: Site,
    method: SwapMethod,
    wanted: Wanted,
    /// Of the time of the backup.
    rules: Rules,
    /// What the root has to carry; `None` when it is not what the restore is about.
    new_root: Option<RootMetadata>,
    safety: Option<SafetyBackup>,
    threads: usize,
    swap: Swapping,
    is_up_to_date: bool,
    warnings: Vec<String>,
    /// Whether owners and extended attributes could all be set.
    exact: bool,
}

impl StagedTree {
    /// Lays out the tree beside the live one, in a folder that only we may enter until it is complete.
    pub(super) fn lay_out(
        tree: &FileTree,
        archive: &Arc<ArchiveReader>,
        request: &StageRequest<'_>,
        method: SwapMethod,
        progress: &Progress,
    ) -> Result<Self, StageError> {
        let held = Held::of(tree, archive)?;
        let prefix = held.metadata.member().into_bytes();
        let wanted = Wanted::find(archive, &prefix, &request.paths)?;
        let live = live_root(&tree.root)?;
        let place = Place::of(&tree.root)?;
        let site = Site::of(&place, live.as_ref().map(|(root, _)| root.as_fd()), method, request.job)?;
        let laid_out = extract_into(&site, method, archive, &wanted, request.threads, progress).and_then(|warnings| {
            let root = archive.entry(&prefix)?;
            let new_root = root.filter(|_| wanted.is_everything()).map(|entry| RootMetadata::from(&entry.meta));
            let recording = Recording { name: &tree.name, place: &place, site: &site, method, wanted: &wanted };
            let record = record_of(recording, &held.rules, new_root.as_ref())?;
            Ok((warnings, new_root, record))
        });
        match laid_out {
            Ok((warnings, new_root, record)) => Ok(Self {
                name: tree.name.clone(),
                archive: Arc::clone(archive),
                root: tree.root.clone(),
                place,
                site,
                method,
                wanted,
                rules: held.rules,
                new_root,
                safety: request.safety.cloned(),
                threads: request.threads,
                swap: Swapping::new(record),
                is_up_to_date: false,
                exact: warnings.is_empty(),
                warnings,
            }),
            Err(error) => {
                // The first error is the one to report; what cannot be removed now is found by its name.
                if let Err(also) = site.remove() {
                    tracing::warn!(path = %site.path().display(), %also, "a partly staged tree stays");
                }
                Err(error)
            }
        }
    }

    /// What the restore is to leave alone comes along.
    fn carry_over(&mut self, progress: &Progress) -> Result<(), StageError> {
        let Some(live) = live_root(&self.root)? else { return Ok(()) };
        let staged = self.site.open()?;
        let kept = Kept { rules: &self.rules, wanted: &self.wanted, by_entry: self.method.is_by_entry() };
        let carried = carry_over(live, staged.as_fd(), kept, progress)?;
        self.warnings.extend(carried.warnings);
        if carried.left > 0 {
            self.warnings.push(format!(
                "{} live entries that the backup leaves out by configuration stay with the replaced tree: their folder \
                 is not in the backup",
                carried.left
            ));
        }
        if carried.kept > 0 {
            rustix::fs::syncfs(&staged).map_err(|error| self.place.failed("making durable", error))?;
        }
        Ok(())
    }
}

impl Staged for StagedTree {
    fn record(&self) -> SwapRecord {
        self.swap.record().clone()
    }

    fn aside(&self) -> PathBuf {
        self.site.path().to_owned()
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn validate(&mut self, progress: &Progress) -> Result<(), StageError> {
        let staged = self.site.open()?;
        validate(&self.archive, &staged, &self.wanted, self.exact, progress)
    }

    fn changed_since_safety(&mut self, progress: &Progress) -> Result<Vec<String>, StageError> {
        progress.check_cancelled()?;
        let Some(_safety) = &self.safety else { return Ok(Vec::new()) };
        Ok(Vec::new())
    }

    fn bring_up_to_date(&mut self, progress: &Progress) -> Result<(), StageError> {
        if self.is_up_to_date {
            return Ok(());
        }
        self.carry_over(progress)?;
        let recording = Recording {
            name: &self.name,
            place: &self.place,
            site: &self.site,
            method: self.method,
            wanted: &self.wanted,
        };
        let record = record_of(recording, &self.rules, self.new_root.as_ref())?;
        self.swap.replace_record(record);
        self.is_up_to_date = true;
        Ok(())
    }

    fn commit(&mut self) -> Result<(), StageError> {
        if !self.is_up_to_date {
            // Not to be cancelled half-way through a swap of several sources.
            self.bring_up_to_date(&Progress::default())?;
        }
        steps::pass("source.tree.exchange").map_err(|error| self.place.failed("exchanging", error))?;
        self.swap.commit()
    }

    fn compare(&mut self, progress: &Progress) -> Result<Comparison, StageError> {
        let mut comparison = Comparison::default();
        let mut more = 0_u64;
        let mut note = |difference: Difference<'_>| {
            // Left out of the backup and taken over, or made since: none of its business.
            if matches!(difference, Difference::Excluded { .. }) || !self.wanted.has(difference.path()) {
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
        let entries = self.wanted.entries(&self.archive);
        let count =
            differences(Some(live), self.wanted.prefix(), &self.rules, self.exact, entries, progress, &mut note)?;
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
        self.swap.record().discard_aside()
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

/// Extracts what is wanted into a new folder at `site`; returns the warnings.
fn extract_into(
    site: &Site,
    method: SwapMethod,
    archive: &ArchiveReader,
    wanted: &Wanted,
    threads: usize,
    progress: &Progress,
) -> Result<Vec<String>, StageError> {
    let failed = |error| StageError::Io { doing: "staging in", path: site.path().display().to_string(), error };
    let staged = site.make(method)?;
    steps::pass("source.tree.begun").map_err(failed)?;
    let options = ExtractOptions { threads, strip: wanted.prefix().to_vec(), partial: false, sync: true };
    let entries = with_root(wanted.entries(archive), wanted.prefix());
    let report = Extraction::new(archive, staged.as_fd(), options, progress).run(entries)?;
    steps::pass("source.tree.laid_out").map_err(failed)?;
    Ok(report.warnings)
}
