//! The start after a crash: a restore that was interrupted is finished or taken back.
//!
//! In two parts. Before the daemon is ready every source is made wholly new or wholly old. The application is started when
//! the daemon is ready: its unit is ordered behind ours, so a start before that would wait for us while we wait for it.

use serde_json::json;

use super::super::context::Parts;
use super::application::Application;
use super::facts::RestoreFacts;
use super::journal::{Ending, Journal, Step};
use super::restores::{HOW_TO_SETTLE, Trouble, Unsettled};
use super::transaction::put_back;
use super::{Restores, replaced};
use crate::catalog::{JobError, JobOutcome};
use crate::failpoint;
use crate::model::{ErrorCode, JobId, JobState, SourceName};
use crate::progress::Progress;
use crate::source::{Generation, SwapRecord};

/// An interrupted restore, and what to record as its job's end.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovered {
    /// The job.
    pub job: JobId,
    /// Its end.
    pub outcome: JobOutcome,
}

impl Restores {
    /// Makes every source wholly new or wholly old, and returns what became of each restore that has a journal. What
    /// cannot be settled is noted as a [`super::Trouble`]; it is tried again at the next start.
    ///
    /// # Errors
    /// A journal cannot be read: nobody can say what is live, so nothing may go on.
    pub fn recover(&self, parts: &Parts) -> std::io::Result<Vec<Recovered>> {
        self.sweep_unbegun()?;
        let mut recovered = Vec::new();
        for mut journal in self.journals()? {
            let job = journal.state.header.job;
            let result = if journal.state.is_settled { Ok(()) } else { self.settle_sources(parts, &mut journal) };
            match &result {
                Err(error) => self.note_trouble(job, Unsettled::Data, &error.message),
                Ok(()) if !journal.state.is_settled => self.note_recovering(job),
                Ok(()) => {}
            }
            recovered.push(Recovered { job, outcome: outcome(parts, &journal, result.err()) });
        }
        if self.troubles().is_empty() {
            self.lift_marker()?;
        }
        Ok(recovered)
    }

    /// Starts what an interrupted restore had stopped, and clears away what it left. To be called once when the daemon is
    /// ready; blocks for as long as the hooks take.
    pub fn finish_recovery(&self, parts: &Parts) {
        let journals = self.journals().unwrap_or_else(|error| {
            tracing::error!(%error, "the journals of restores cannot be read");
            Vec::new()
        });
        let recovering = self.take_recovering();
        for mut journal in journals {
            let job = journal.state.header.job;
            // Others belong to restores that run by now.
            if !recovering.contains(&job) {
                continue;
            }
            match self.settle_application(parts, &mut journal) {
                Ok(()) => tracing::info!(job_id = %job, "the interrupted restore is settled"),
                Err(error) => self.note_trouble(job, Unsettled::Application, &error.message),
            }
        }
    }

    /// Tries once more to settle what an earlier try could not, before anything else is restored. To be called by restores
    /// only, of which one runs at a time.
    ///
    /// # Errors
    /// [`JobError`]: what is still not settled. Another restore might replace what it needs.
    pub(super) fn settle_again(&self, parts: &Parts) -> Result<(), JobError> {
        let troubles = self.troubles();
        for trouble in &troubles {
            self.try_again(parts, trouble)?;
            self.forget_trouble(trouble.job);
            tracing::info!(job_id = %trouble.job, "the restore that could not be settled before is settled");
        }
        if !troubles.is_empty() {
            self.lift_marker()?;
        }
        self.require_settled()
    }

    fn try_again(&self, parts: &Parts, trouble: &Trouble) -> Result<(), JobError> {
        let job = trouble.job;
        let journal = self.journals()?.into_iter().find(|journal| journal.state.header.job == job);
        // When it is gone or ended, so is what it was about.
        let Some(mut journal) = journal.filter(|journal| !journal.state.is_settled) else { return Ok(()) };
        tracing::info!(job_id = %job, "trying again to settle the restore");
        let still = |unsettled, error: &JobError| {
            self.note_trouble(job, unsettled, &error.message);
            self.require_settled()
        };
        if trouble.unsettled == Unsettled::Data
            && let Err(error) = self.settle_sources(parts, &mut journal)
        {
            return still(Unsettled::Data, &error);
        }
        match self.settle_application(parts, &mut journal) {
            Ok(()) => Ok(()),
            Err(error) => still(Unsettled::Application, &error),
        }
    }

    fn settle_sources(&self, parts: &Parts, journal: &mut Journal) -> Result<(), JobError> {
        match journal.state.ending {
            Some(Ending::Undone) => Ok(()),
            Some(Ending::Committed(_)) => put_forward(&journal.state.swaps),
            None => self.take_back(parts, journal),
        }
    }

    fn take_back(&self, parts: &Parts, journal: &mut Journal) -> Result<(), JobError> {
        let is_old = |record: &SwapRecord| matches!(record.generation(), Ok(Generation::Old));
        if !journal.state.swaps.iter().all(is_old) {
            // Whether it runs nobody knows; what it writes from now on would be lost.
            let progress = Progress::default();
            if let Err(error) = self.application(parts, &progress).stop(journal, JobState::Interrupted) {
                tracing::error!(job_id = %journal.state.header.job, "{}; going on", error.message);
            }
        }
        let stuck = put_back(&journal.state.swaps);
        if let Some(trouble) = trouble(&stuck) {
            return Err(trouble);
        }
        failpoint::pass("recover.put_back")?;
        journal.append(Step::Undone)?;
        Ok(())
    }

    fn settle_application(&self, parts: &Parts, journal: &mut Journal) -> Result<(), JobError> {
        let progress = Progress::default();
        let application = self.application(parts, &progress);
        {
            let _turn = self.application_turn();
            if journal.state.is_stopped && parts.settings.hooks.start_application.is_some() {
                tracing::info!(job_id = %journal.state.header.job, "starting the application that the restore had stopped");
            }
            let status = match journal.state.ending {
                Some(Ending::Committed(_)) => JobState::Succeeded,
                _ => JobState::Interrupted,
            };
            application.start(journal, status)?;
            failpoint::pass("recover.started")?;
        }
        if let Some(Ending::Committed(_)) = journal.state.ending {
            if let Err(error) = application.after_restore(journal, JobState::Succeeded) {
                tracing::warn!(job_id = %journal.state.header.job, "{error}");
            }
            let mut warnings = replaced::look_again(parts, journal);
            warnings.extend(self.settle(parts, journal));
            for warning in warnings {
                tracing::warn!(job_id = %journal.state.header.job, "{warning}");
            }
            return Ok(());
        }
        clear_away(parts, journal)?;
        failpoint::pass("recover.cleared")?;
        journal.append(Step::Settled)?;
        Ok(())
    }

    fn application<'p>(&'p self, parts: &'p Parts, progress: &'p Progress) -> Application<'p> {
        Application { hooks: &parts.settings.hooks, restores: self, progress }
    }
}

fn put_forward(swaps: &[SwapRecord]) -> Result<(), JobError> {
    let failed = |record: &SwapRecord| {
        let error = record.put_forward().err()?;
        Some(format!(
            "source '{}' could not be put in place at {}: {error}; the rest of it lies at {}",
            record.source,
            record.live.display(),
            record.aside.display()
        ))
    };
    let stuck: Vec<String> = swaps.iter().filter_map(failed).collect();
    trouble(&stuck).map_or(Ok(()), Err)
}

/// Removes what was staged in vain, when everything live is as it was.
fn clear_away(parts: &Parts, journal: &Journal) -> Result<(), JobError> {
    let state = &journal.state;
    for record in &state.swaps {
        record.discard_aside()?;
    }
    let is_untouched = |name: &&SourceName| state.swaps.iter().all(|record| record.source != **name);
    for name in state.header.sources.iter().filter(is_untouched) {
        let record = state.staged.iter().find(|record| record.source == *name);
        match (parts.source(name), record) {
            (Some(source), _) => source.sweep_staging(state.header.job)?,
            (None, Some(record)) => record.discard_aside()?,
            (None, None) => {
                tracing::warn!(
                    job_id = %state.header.job,
                    "what was staged of the source '{name}' stays beside it: it is not configured any more"
                );
            }
        }
    }
    Ok(())
}

fn trouble(stuck: &[String]) -> Option<JobError> {
    let message = stuck.join("; ");
    let hint = HOW_TO_SETTLE.to_owned();
    (!stuck.is_empty()).then_some(JobError { code: ErrorCode::Failed, message, hint })
}

/// What the catalog is to say of the job.
fn outcome(parts: &Parts, journal: &Journal, trouble: Option<JobError>) -> JobOutcome {
    let header = &journal.state.header;
    let mut outcome = match (trouble, &journal.state.ending) {
        (Some(trouble), _) => {
            let message = format!("interrupted: the daemon ended while it ran; {}", trouble.message);
            let error = JobError { message, ..trouble };
            JobOutcome { state: JobState::Interrupted, ..JobOutcome::ended_by(error) }
        }
        (None, Some(Ending::Committed(_))) => {
            let mut outcome = JobOutcome::done(Vec::new());
            let note = "all is in place; the daemon ended before it could say so, and did the rest at its next start";
            outcome.notes.insert("summary".to_owned(), json!(note));
            outcome
        }
        (None, _) => JobOutcome::interrupted("the daemon ended while it ran; everything live is as it was"),
    };
    if let Some(second) = journal.state.second_safety {
        outcome.notes.insert("second_safety_backup_id".to_owned(), json!(second.to_string()));
    }
    let facts = RestoreFacts::of(&parts.catalog, &journal.state);
    outcome.notes.insert(RestoreFacts::NOTE.to_owned(), facts.to_note());
    JobOutcome { backup_id: Some(header.backup), safety_backup_id: header.safety, ..outcome }
}
