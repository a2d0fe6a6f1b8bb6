//! What a restore replaced: kept beside the live data for a time, discarded when that has passed, and only if a safety
//! backup holds all of it.

use std::io;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::super::archives;
use super::super::context::Parts;
use super::journal::{Ending, Journal, State, Step};
use super::{Restores, undo};
use crate::catalog::{BackupRecord, Job, JobError, JobFilter};
use crate::failpoint;
use crate::model::{BackupId, BackupState, JobId, SourceName};
use crate::source::{StageError, SwapRecord};

/// When what is replaced `now` may be discarded.
pub(super) fn until(now: Timestamp, keep: Duration) -> Timestamp {
    let keep = SignedDuration::try_from(keep).unwrap_or(SignedDuration::MAX);
    now.saturating_add(keep).unwrap_or(Timestamp::MAX)
}

/// Whether the safety backups of a restore still lie in the store: they may have been deleted, or have turned out to be
/// damaged, and then what was replaced is the only copy.
pub(super) fn is_saved(parts: &Parts, state: &State) -> bool {
    state.safety_backups().all(|id| {
        let is_good =
            |backup: BackupRecord| backup.state == BackupState::Available && archives::are_present(parts, &backup);
        parts.catalog.backup(id).is_ok_and(is_good)
    })
}

/// Discards what was replaced, where its time is over and a safety backup holds it. Returns what could not be removed.
fn discard_replaced(parts: &Parts, journal: &mut Journal) -> Vec<String> {
    let now = parts.clock.now();
    let Some(Ending::Committed(committed)) = journal.state.ending.clone() else { return Vec::new() };
    if now < committed.keep_until || journal.state.undiscarded().is_empty() || !is_saved(parts, &journal.state) {
        return Vec::new();
    }
    let mut warnings = Vec::new();
    for record in journal.state.undiscarded() {
        if !committed.saved.contains(&record.source) {
            continue;
        }
        warnings.extend(discard_and_note(journal, &record));
    }
    warnings
}

/// Returns what could not be removed.
fn discard_and_note(journal: &mut Journal, record: &SwapRecord) -> Option<String> {
    let discarded = discard(record).map_err(|error| error.to_string()).and_then(|()| {
        journal.append(Step::Discarded { source: record.source.clone() }).map_err(|error| error.to_string())
    });
    let why = discarded.err()?;
    let (source, aside) = (&record.source, record.aside.display());
    Some(format!("{source}: what was replaced could not be removed from {aside}: {why}"))
}

/// Notes the databases that somebody has dropped by hand. A folder may be away only because its disk is.
fn note_gone(journal: &mut Journal) {
    for record in journal.state.undiscarded() {
        let is_gone = record.method().is_of_database()
            && record.aside_may_be_there()
            && record.aside_is_there().is_ok_and(|is_there| !is_there);
        if is_gone && let Err(error) = journal.append(Step::Discarded { source: record.source.clone() }) {
            tracing::warn!(%error, "that what was replaced of '{}' is gone is not on record", record.source);
        }
    }
}

fn discard(record: &SwapRecord) -> Result<(), StageError> {
    failpoint::pass("restore.discard").map_err(|error| StageError::Io {
        doing: "removing",
        path: record.aside.display().to_string(),
        error,
    })?;
    record.discard_aside()
}

/// What a restore replaced and still lies beside the live data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The restore.
    pub job: JobId,
    /// The sources.
    pub sources: Vec<SourceName>,
    /// When it may be discarded; `None` for never, because no safety backup holds all of it, or not any more.
    pub until: Option<Timestamp>,
    /// Whether the restore can be undone.
    pub can_be_undone: bool,
    /// The safety backups of it, the first one first.
    pub safety_backups: Vec<BackupId>,
}

impl Kept {
    fn of(parts: &Parts, jobs: &[Job], state: &State) -> Option<Self> {
        let Some(Ending::Committed(committed)) = state.ending.as_ref().filter(|_| state.is_settled) else {
            return None;
        };
        let sources: Vec<SourceName> = state
            .undiscarded()
            .into_iter()
            .filter(SwapRecord::aside_may_be_there)
            .map(|record| record.source)
            .collect();
        if sources.is_empty() {
            return None;
        }
        let is_in_store = is_saved(parts, state);
        let is_saved = is_in_store && sources.iter().all(|name| committed.saved.contains(name));
        let until = is_saved.then_some(committed.keep_until);
        let can_be_undone = is_in_store && undo::is_undoable(parts, jobs, state);
        let safety_backups = state.safety_backups().collect();
        Some(Self { job: state.header.job, sources, until, can_be_undone, safety_backups })
    }
}

impl Restores {
    /// What restores replaced and still lies beside the live data, the newest restore first.
    ///
    /// # Errors
    /// A journal or the catalog cannot be read.
    pub fn kept(&self, parts: &Parts) -> Result<Vec<Kept>, JobError> {
        let journals = self.journals()?;
        if journals.is_empty() {
            return Ok(Vec::new());
        }
        let jobs = parts.catalog.list_jobs(&JobFilter::default())?;
        Ok(journals.iter().rev().filter_map(|journal| Kept::of(parts, &jobs, &journal.state)).collect())
    }

    /// The backups that a restore still needs, each with what for, in words.
    ///
    /// # Errors
    /// A journal cannot be read.
    pub fn needed_backups(&self, now: Timestamp) -> io::Result<Vec<(BackupId, String)>> {
        let mut needed = Vec::new();
        for journal in self.journals()? {
            let state = &journal.state;
            let job = state.header.job;
            let for_undo = match &state.ending {
                Some(Ending::Committed(committed)) => now < committed.keep_until && !state.undiscarded().is_empty(),
                Some(Ending::Undone) | None => false,
            };
            if !state.is_settled {
                let read = [Some(state.header.backup), state.header.second_backup].into_iter().flatten();
                let why = format!("the restore by job {job}, which is not settled, needs it");
                needed.extend(read.chain(state.safety_backups()).map(|id| (id, why.clone())));
            } else if for_undo {
                let why = format!("the restore by job {job} can be undone with it");
                needed.extend(state.safety_backups().map(|id| (id, why.clone())));
            }
        }
        Ok(needed)
    }

    /// Ends a restore: discards what need not be kept and closes the journal. Returns warnings.
    pub(super) fn settle(&self, parts: &Parts, journal: &mut Journal) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(Ending::Committed(committed)) = journal.state.ending.clone() {
            for record in journal.state.undiscarded() {
                if !committed.saved.contains(&record.source) && record.aside_may_be_there() {
                    warnings.push(format!(
                        "{}: the safety backup does not hold all that was replaced, so it was kept: {}",
                        record.source,
                        record.aside.display()
                    ));
                }
            }
            warnings.extend(journal.state.header.undoes.into_iter().flat_map(|undone| self.discard_undone(undone)));
        }
        warnings.extend(discard_replaced(parts, journal));
        if let Err(error) = journal.append(Step::Settled) {
            warnings.push(format!("the restore's journal could not be closed, which the next start does: {error}"));
        }
        warnings
    }

    /// Discards what the restore by `undone` had replaced: it is live again. Returns what could not be removed; that is
    /// discarded when its time is over.
    fn discard_undone(&self, undone: JobId) -> Vec<String> {
        let journals = match self.journals() {
            Ok(journals) => journals,
            Err(error) => return vec![format!("what the undone restore had replaced stays beside it: {error}")],
        };
        let mut warnings = Vec::new();
        for mut journal in journals.into_iter().filter(|journal| journal.state.header.job == undone) {
            for record in journal.state.undiscarded() {
                warnings.extend(discard_and_note(&mut journal, &record));
            }
        }
        warnings
    }

    /// Discards what was kept long enough, and removes journals that have nothing more to tell, but for the one of
    /// `running`: its job's end is not recorded yet. Only one at a time, and not while a restore runs.
    pub fn discard_expired(&self, parts: &Parts, running: Option<JobId>) {
        let journals = self.journals().unwrap_or_else(|error| {
            tracing::warn!(%error, "the journals of earlier restores cannot be read");
            Vec::new()
        });
        for mut journal in journals {
            if !journal.state.is_settled || Some(journal.state.header.job) == running {
                continue;
            }
            note_gone(&mut journal);
            for warning in discard_replaced(parts, &mut journal) {
                tracing::warn!(job_id = %journal.state.header.job, "{warning}");
            }
            if matches!(journal.state.ending, Some(Ending::Undone)) || journal.state.undiscarded().is_empty() {
                let job = journal.state.header.job;
                if let Err(error) = journal.remove() {
                    tracing::warn!(job_id = %job, %error, "the journal of a settled restore could not be removed");
                }
            }
        }
    }
}
