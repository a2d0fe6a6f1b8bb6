//! The part of a restore that is all or nothing: from the first byte beside the live data to the commit.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::context::JobContext;
use super::super::damage;
use super::super::failure::failure;
use super::Restores;
use super::application::Application;
use super::facts::RestoreFacts;
use super::journal::{Committed, Journal, Step};
use super::open::Restoring;
use super::restores::{HOW_TO_SETTLE, HOW_TO_START, Unsettled};
use super::safety::Safety;
use super::{kept, replaced};
use crate::catalog::{JobError, JobOutcome};
use crate::failpoint;
use crate::model::{ErrorCode, JobState, SourceName};
use crate::progress::Progress;
use crate::source::{Generation, SourceError, StageError, Staged, SwapRecord};

/// A restore on its way. What it does to live data it has written down before.
pub(super) struct Transaction<'a> {
    cx: &'a JobContext<'a>,
    restoring: &'a Restoring,
    safety: Safety,
    journal: Journal,
    staged: Vec<(SourceName, Box<dyn Staged>)>,
    /// Of this job, but never cancelled: what has begun to swap settles.
    shielded: Progress,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(cx: &'a JobContext<'a>, restoring: &'a Restoring, safety: Safety, journal: Journal) -> Self {
        Self { cx, restoring, safety, journal, staged: Vec::new(), shielded: cx.progress.shielded() }
    }

    pub(super) fn run(mut self) -> Result<JobOutcome, JobError> {
        let replaced = self.stage().and_then(|()| {
            // While it is our turn nobody else starts what we stop.
            let restores = self.restores().clone();
            let _turn = restores.application_turn();
            let replaced = self.prepare().and_then(|()| self.replace());
            replaced.map_err(|error| self.take_back(error))
        });
        self.note_facts();
        match replaced {
            Ok(()) => Ok(self.finish()),
            Err(error) => Err(self.clean_up(error)),
        }
    }

    /// Lays out every source beside its live one and validates it. No live data is touched.
    fn stage(&mut self) -> Result<(), JobError> {
        self.cx.begin_phase("stage")?;
        let (files, bytes) = self.restoring.size()?;
        self.cx.progress.expect(bytes, 0);
        self.cx.note("files", files);
        self.cx.note("bytes", bytes);
        for replacement in &self.restoring.replacements {
            let name = replacement.source.name();
            self.staged.push((name.clone(), replacement.stage(self.cx, self.safety.of(name), self.restoring.partial)?));
            failpoint::pass("restore.staged")?;
        }
        self.note_what_is_restored()?;
        self.cx.begin_phase("validate")?;
        for (_, staged) in &mut self.staged {
            staged.validate(self.cx.progress)?;
        }
        failpoint::pass("restore.validated")?;
        Ok(())
    }

    /// What is damaged in the backup, and so stays as it is, is not restored.
    fn note_what_is_restored(&self) -> Result<(), JobError> {
        let damaged = self.staged.iter().flat_map(|(_, staged)| staged.damaged());
        let lost: BTreeSet<String> = damaged.map(|damage| damage.member.clone()).collect();
        if lost.is_empty() {
            return Ok(());
        }
        let (files, bytes) = self.restoring.size_without(&lost)?;
        self.cx.note("files", files);
        self.cx.note("bytes", bytes);
        Ok(())
    }

    /// Stops the application, and takes into account what it wrote until then. The last chance to cancel.
    fn prepare(&mut self) -> Result<(), JobError> {
        self.cx.begin_phase("stop the application")?;
        let records = self.staged.iter().map(|(_, staged)| staged.record()).collect();
        self.journal.append(Step::Staged { records })?;
        let application = self.application(self.cx.progress);
        application.stop(&mut self.journal, JobState::Running)?;
        failpoint::pass("restore.stopped")?;
        self.cx.begin_phase("second look")?;
        self.look_again()?;
        for (_, staged) in &mut self.staged {
            staged.bring_up_to_date(self.cx.progress)?;
        }
        failpoint::pass("restore.looked_again")?;
        self.cx.progress.check_cancelled()?;
        Ok(())
    }

    /// What changed since the safety backup joins it.
    fn look_again(&mut self) -> Result<(), JobError> {
        let mut changed = Vec::new();
        let mut sources = Vec::new();
        for ((name, staged), replacement) in self.staged.iter_mut().zip(&self.restoring.replacements) {
            let found = staged.changed_since_safety(self.cx.progress)?;
            if !found.is_empty() {
                changed.extend(found.into_iter().map(|what| format!("{name}: {what}")));
                sources.push(Arc::clone(&replacement.source));
            }
        }
        if sources.is_empty() {
            return Ok(());
        }
        let backup = self.safety.join(self.cx, &sources)?;
        self.cx.note("changed_before_stop", changed);
        self.cx.note("second_safety_backup_id", backup.to_string());
        self.journal.append(Step::Saved { backup })?;
        Ok(())
    }

    /// Swaps every source, and lets the application say whether it works with them. Not cancelled any more.
    fn replace(&mut self) -> Result<(), JobError> {
        self.begin_phase("swap");
        for (_, staged) in &mut self.staged {
            self.journal.append(Step::Swapping { record: staged.record() })?;
            staged.commit()?;
            failpoint::pass("restore.swapped")?;
        }
        self.begin_phase("compare");
        self.compare()?;
        failpoint::pass("restore.compared")?;
        let shielded = self.shielded.clone();
        let application = self.application(&shielded);
        if self.journal.state.is_stopped {
            self.begin_phase("start the application");
            application.start(&mut self.journal, JobState::Running)?;
            failpoint::pass("restore.started")?;
        }
        if !application.hooks.probes.is_empty() {
            self.begin_phase("probe");
            let (probed, result) = application.probe(&self.journal);
            self.cx.note("probes", probed.iter().map(super::application::Probed::to_json).collect::<Vec<_>>());
            result?;
            failpoint::pass("restore.probed")?;
        }
        let keep_until = kept::until(self.cx.parts.clock.now(), self.cx.parts.settings.keep_replaced);
        self.journal.append(Step::Committed(Committed { keep_until, saved: self.saved() }))?;
        Ok(())
    }

    /// The sources that a safety backup is known to hold wholly. Of a database that is known later.
    fn saved(&self) -> BTreeSet<SourceName> {
        let is_of_database = |name: &&SourceName| {
            self.journal.state.swaps.iter().any(|swap| swap.source == **name && swap.method().is_of_database())
        };
        self.safety.whole.iter().filter(|name| !is_of_database(name)).cloned().collect()
    }

    fn compare(&mut self) -> Result<(), JobError> {
        for (name, staged) in &mut self.staged {
            let comparison = staged.compare(&self.shielded)?;
            if let Some(first) = comparison.differences.first() {
                let message = format!(
                    "source '{name}' differs from the backup after it was put in place, in {} places, first: {first}",
                    comparison.differences.len()
                );
                let hint = "does an application write to it? Stop it and try again";
                return Err(failure(ErrorCode::Failed, message, hint));
            }
        }
        Ok(())
    }

    /// After the commit nothing is an error any more; what goes wrong is a warning.
    fn finish(mut self) -> JobOutcome {
        self.begin_phase("finish");
        let mut warnings = std::mem::take(&mut self.safety.warnings);
        warnings.extend(self.staged.iter().flat_map(|(_, staged)| staged.warnings().iter().cloned()));
        let damaged = self.staged.iter().flat_map(|(_, staged)| staged.damaged());
        let damaged = damaged.map(|damage| damage::in_words("left as it is", damage));
        warnings.extend(damage::note(self.cx, self.restoring.damage.iter().cloned().chain(damaged).collect()));
        if let Err(error) = self.restores().lift_marker() {
            warnings.push(format!("the application cannot be started by its unit: {}", marker_stays(&error)));
        }
        let shielded = self.shielded.clone();
        if let Err(error) = self.application(&shielded).after_restore(&self.journal, JobState::Succeeded) {
            warnings.push(error.to_string());
        }
        warnings.extend(replaced::save(self.cx, &mut self.journal));
        self.note_facts();
        warnings.extend(self.restores().settle(self.cx.parts, &mut self.journal));
        let (backup_id, safety_backup_id) = (self.cx.restored_backup(), self.cx.safety_backup());
        JobOutcome { backup_id, safety_backup_id, ..JobOutcome::done(warnings) }
    }

    /// Takes back whatever was done since the application was to be stopped, and starts it again. Returns the error with
    /// what became of it.
    fn take_back(&mut self, error: JobError) -> JobError {
        self.begin_phase("take back");
        let shielded = self.shielded.clone();
        let JobError { code, message: why, mut hint } = error;
        let mut also = Vec::new();
        if !self.journal.state.swaps.is_empty() && self.journal.state.may_run {
            // What it writes from now on would be lost.
            let stopped = self.application(&shielded).stop(&mut self.journal, JobState::Failed);
            also.extend(stopped.err().map(|error| error.message));
        }
        let stuck = put_back(&self.journal.state.swaps);
        if !stuck.is_empty() {
            let what = stuck.join("; ");
            self.restores().note_trouble(self.cx.job.id, Unsettled::Data, &what);
            return JobError { code, message: format!("{why}; {what}"), hint: HOW_TO_SETTLE.to_owned() };
        }
        if let Err(error) = self.journal.append(Step::Undone) {
            // The next start comes to the same end from what is live.
            also.push(format!("the journal could not be ended: {error}"));
        }
        if let Err(error) = self.application(&shielded).start(&mut self.journal, JobState::Failed) {
            let what = format!("everything live is as it was, but the application was not started: {}", error.message);
            self.restores().note_trouble(self.cx.job.id, Unsettled::Application, &what);
            also.push(match error.message == why {
                true => "everything live is as it was, but the application was not started again".to_owned(),
                false => what,
            });
            hint = HOW_TO_START.to_owned();
        }
        if let Err(error) = self.restores().lift_marker() {
            also.push(marker_stays(&error));
        }
        let message = std::iter::once(why.as_str()).chain(also.iter().map(String::as_str));
        JobError { code, message: message.collect::<Vec<_>>().join("; "), hint }
    }

    /// Removes what was staged, once everything live is as it was. Returns the error with what became of it.
    fn clean_up(mut self, error: JobError) -> JobError {
        if self.restores().troubles().iter().any(|trouble| trouble.job == self.cx.job.id) {
            return error;
        }
        let mut told = vec!["everything live is as it was".to_owned()];
        let undone = match self.journal.state.ending {
            Some(_) => Ok(()),
            None => self.journal.append(Step::Undone),
        };
        // Discarded before that is on record, the old could not be told from the new after a crash.
        if undone.is_ok() || self.journal.state.swaps.is_empty() {
            let left = self.discard();
            if left.is_empty() && undone.is_ok() {
                // When this fails the next start finds nothing else left to do.
                let _next_start = self.journal.append(Step::Settled);
            }
            told.extend(left);
        } else {
            told.push("what was staged is removed when carelogd is started again".to_owned());
        }
        told.extend(Some(error.hint).filter(|hint| !hint.is_empty()));
        JobError { hint: told.join("; "), ..error }
    }

    /// Removes what lies beside the live data. Returns what is left.
    fn discard(&mut self) -> Vec<String> {
        let mut left = Vec::new();
        let staged = std::mem::take(&mut self.staged);
        // One that failed to be staged may have left something too, or nothing whose removal is durable.
        let has_failed = |name: &SourceName| staged.iter().all(|(other, _)| other != name);
        for source in self.restoring.replacements.iter().map(|replacement| &replacement.source) {
            if has_failed(source.name())
                && let Err(error) = source.sweep_staging(self.cx.job.id)
            {
                left.push(format!("remains of the restore of the source '{}' lie beside it: {error}", source.name()));
            }
        }
        for (name, staged) in staged {
            let aside = staged.aside();
            let discarded = match self.journal.state.swaps.iter().find(|record| record.source == name) {
                Some(record) => record.discard_aside(),
                None => staged.discard(),
            };
            if let Err(error) = discarded {
                left.push(format!("remains of the restore lie at {}: {error}", aside.display()));
            }
        }
        left
    }

    /// For the incident log.
    fn note_facts(&self) {
        let mut facts = RestoreFacts::of(&self.cx.parts.catalog, &self.journal.state);
        for (name, _) in self.staged.iter().filter(|(_, staged)| !staged.damaged().is_empty()) {
            facts.forget_after(name);
        }
        self.cx.note(RestoreFacts::NOTE, facts.to_note());
    }

    const fn restores(&self) -> &'a Restores {
        &self.cx.parts.restores
    }

    const fn application<'p>(&self, progress: &'p Progress) -> Application<'p>
    where
        'a: 'p,
    {
        Application { hooks: &self.cx.parts.settings.hooks, restores: self.restores(), progress }
    }

    fn begin_phase(&self, name: &str) {
        self.shielded.begin_phase(name, self.cx.parts.clock.now());
    }
}

/// Makes live again what was live before, the last swap first. Returns what could not be done, naming the paths.
pub(super) fn put_back(swaps: &[SwapRecord]) -> Vec<String> {
    let put_back = |record: &SwapRecord| {
        record.put_back()?;
        // Nothing is as it was before that cannot be shown to be.
        match record.generation()? {
            Generation::Old => Ok(()),
            Generation::New | Generation::Mixed => Err(StageError::Source(SourceError::Refused {
                path: record.live.clone(),
                reason: "it is not what was there before the restore".to_owned(),
            })),
        }
    };
    let failed = |record: &SwapRecord| {
        let error = put_back(record).err()?;
        Some(format!(
            "source '{}' could not be put back at {}: {error}; what was replaced lies at {}",
            record.source,
            record.live.display(),
            record.aside.display()
        ))
    };
    swaps.iter().rev().filter_map(failed).collect()
}

fn marker_stays(error: &std::io::Error) -> String {
    format!("the file restore-in-progress in the state folder could not be removed: {error}")
}
