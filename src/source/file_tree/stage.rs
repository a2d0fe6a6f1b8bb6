//! A tree laid out beside the live one, and what is done with it: validate, swap, compare, undo, discard.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::super::error::{SourceError, StageError};
use super::super::facts::Facts;
use super::super::local_owner::LocalOwners;
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
use super::extract::{Damage, ExtractOptions, ExtractReport, Extraction};
use super::open_root;
use super::plan::{Held, live_root};
use super::record::{Recording, record_of};
use super::restage::restage_touched;
use super::reuse::{Reuse, Taken};
use super::second_look::changes_since;
use super::validate::validate;
use super::wanted::Wanted;
use crate::archive::{ArchiveReader, Entry, ReadError};
use crate::progress::Progress;

/// So many differences are named.
const NAMED: usize = 100;

/// See the module.
#[derive(Debug)]
pub(super) struct StagedTree {
    tree: FileTree,
    archive: Arc<ArchiveReader>,
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
    /// What was taken from the live tree and not from the archive.
    taken: Taken,
    swap: Swapping,
    is_up_to_date: bool,
    warnings: Vec<String>,
    damaged: Vec<Damage>,
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
        let mut wanted = match &request.kept {
            None => Wanted::find(archive, &prefix, &request.paths)?,
            Some(_) => Wanted::named(&prefix, &request.paths),
        };
        let live = live_root(&tree.root)?;
        let place = Place::of(&tree.root)?;
        let site = Site::of(&place, live.as_ref().map(|(root, _)| root.as_fd()), method, request.job)?;
        let laid_out = site.make(method).and_then(|staged| {
            let extracting = Extracting { archive, wanted: &wanted, request, site: &site, progress };
            let (report, taken) = extracting.run(&staged, live.as_ref())?;
            let ExtractReport { warnings, damaged, .. } = report;
            wanted.leave_out(&damaged);
            let root = archive.entry(&prefix)?.filter(|_| wanted.has(&prefix));
            let new_root = root.map(|mut entry| {
                LocalOwners::default().translate(&mut entry.meta);
                RootMetadata::from(&entry.meta)
            });
            let recording = Recording { name: &tree.name, place: &place, site: &site, method, wanted: &wanted };
            let record = record_of(recording, &held.rules, new_root.as_ref())?;
            Ok((warnings, damaged, taken, new_root, record))
        });
        match laid_out {
            Ok((warnings, damaged, taken, new_root, record)) => Ok(Self {
                tree: tree.clone(),
                archive: Arc::clone(archive),
                place,
                site,
                method,
                wanted,
                rules: held.rules,
                new_root,
                safety: request.safety.cloned(),
                threads: request.threads,
                taken,
                swap: Swapping::new(record),
                is_up_to_date: false,
                exact: warnings.is_empty(),
                warnings,
                damaged,
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

    /// What was staged is for the root that was there then.
    fn require_same_root(&self) -> Result<(), StageError> {
        let is_same = match (self.place.thing()?, self.swap.record().live_root()) {
            (Some(found), Some(recorded)) => found.is(&recorded),
            (found, recorded) => found.is_none() && recorded.is_none(),
        };
        if is_same {
            return Ok(());
        }
        Err(StageError::Source(SourceError::Refused {
            path: self.tree.root.clone(),
            reason: "something else was put there while the restore ran; nothing was exchanged".to_owned(),
        }))
    }

    /// What was linked from the live tree and touched since comes from the archive.
    fn restage(&mut self, progress: &Progress) -> Result<(), StageError> {
        if self.taken.is_all_confirmed() {
            return Ok(());
        }
        let staged = self.site.open()?;
        let warnings = restage_touched(&self.archive, &staged, &self.wanted, &self.taken, self.threads, progress)?;
        self.exact &= warnings.is_empty();
        self.warnings.extend(warnings);
        steps::pass("source.tree.restaged").map_err(|error| self.place.failed("restaging beside", error))?;
        Ok(())
    }

    /// What the restore is to leave alone comes along.
    fn carry_over(&mut self, progress: &Progress) -> Result<(), StageError> {
        let Some(live) = live_root(&self.tree.root)? else { return Ok(()) };
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

    fn damaged(&self) -> &[Damage] {
        &self.damaged
    }

    fn validate(&mut self, progress: &Progress) -> Result<(), StageError> {
        let staged = self.site.open()?;
        validate(&self.archive, &staged, &self.wanted, &self.taken, self.exact, progress)
    }

    fn changed_since_safety(&mut self, progress: &Progress) -> Result<Vec<String>, StageError> {
        progress.check_cancelled()?;
        let Some(safety) = &self.safety else { return Ok(Vec::new()) };
        changes_since(&self.tree, safety, &self.wanted, &mut self.taken, progress)
    }

    fn bring_up_to_date(&mut self, progress: &Progress) -> Result<(), StageError> {
        if self.is_up_to_date {
            return Ok(());
        }
        self.require_same_root()?;
        self.restage(progress)?;
        self.carry_over(progress)?;
        let recording = Recording {
            name: &self.tree.name,
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
        let live = open_root(&self.tree.root)?;
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

/// The laying out of what is wanted.
struct Extracting<'a> {
    archive: &'a ArchiveReader,
    wanted: &'a Wanted,
    request: &'a StageRequest<'a>,
    site: &'a Site,
    progress: &'a Progress,
}

impl Extracting<'_> {
    /// Into `staged`, from the archive and, as far as it is proved to be the same, from what an earlier restore kept or from
    /// `live`. Returns the warnings and what was taken from there.
    fn run(&self, staged: &OwnedFd, live: Option<&(OwnedFd, Facts)>) -> Result<(ExtractReport, Taken), StageError> {
        let prefix = self.wanted.prefix();
        self.pass("source.tree.begun")?;
        let options = ExtractOptions {
            threads: self.request.threads,
            strip: prefix.to_vec(),
            partial: self.request.partial,
            sync: true,
        };
        let entries = with_root(self.wanted.entries(self.archive), prefix);
        let extraction = Extraction::new(self.archive, staged.as_fd(), options, self.progress);
        let kept = self.kept();
        let reuse = match (&kept, live, self.request.safety) {
            (Some((root, facts, since)), _, _) => {
                Some(Reuse::of_kept(root.as_fd(), facts, prefix, self.archive, *since))
            }
            (None, Some((root, facts)), Some(safety)) => Some(Reuse::of_live(root.as_fd(), facts, prefix, safety)),
            _ => None,
        };
        let (report, taken) = match reuse {
            Some(mut reuse) => (extraction.run_with(entries, &mut reuse)?, reuse.into_taken()),
            None => (extraction.run(entries)?, Taken::default()),
        };
        self.pass("source.tree.laid_out")?;
        Ok((report, taken))
    }

    /// What an earlier restore kept, open. Nothing depends on it: the archive has it all.
    fn kept(&self) -> Option<(OwnedFd, Facts, Timestamp)> {
        let kept = self.request.kept.as_ref()?;
        let (root, facts) = open_root(&kept.path)
            .inspect_err(|error| tracing::warn!(%error, "what was kept cannot be used; all comes from the archive"))
            .ok()?;
        Some((root, facts, kept.since))
    }

    fn pass(&self, point: &'static str) -> Result<(), StageError> {
        let path = || self.site.path().display().to_string();
        steps::pass(point).map_err(|error| StageError::Io { doing: "staging in", path: path(), error })
    }
}
