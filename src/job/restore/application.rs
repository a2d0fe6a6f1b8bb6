//! The application that works with the live data: stopped before a swap, started when all is in place, probed.
//!
//! `restore-in-progress` in the state folder exists from before it is stopped until its data is whole and decided upon,
//! but for the moments in which it is started: its unit has a condition on that file (`systemd/carelog-application.conf`),
//! so a start while it exists does nothing.

use serde_json::json;

use super::super::hooks::{self, About, HookError, Ran};
use super::Restores;
use super::journal::{Journal, Step};
use crate::catalog::JobError;
use crate::config::Hooks;
use crate::model::{JobId, JobState};
use crate::progress::Progress;

/// One restore's hands on the application.
#[derive(Clone, Copy, Debug)]
pub(super) struct Application<'a> {
    pub(super) hooks: &'a Hooks,
    pub(super) restores: &'a Restores,
    pub(super) progress: &'a Progress,
}

/// What came of one probe.
#[derive(Debug)]
pub(super) struct Probed {
    pub(super) name: String,
    pub(super) result: Result<Ran, String>,
}

impl Probed {
    pub(super) fn to_json(&self) -> serde_json::Value {
        match &self.result {
            Ok(ran) => json!({
                "name": self.name, "passed": true, "milliseconds": u64::try_from(ran.took.as_millis()).unwrap_or(u64::MAX), "output": ran.output
            }),
            Err(why) => json!({ "name": self.name, "passed": false, "why": why }),
        }
    }
}

impl Application<'_> {
    /// Stops it, where that is configured. From then on the journal knows that it has to be started.
    pub(super) fn stop(&self, journal: &mut Journal, status: JobState) -> Result<(), JobError> {
        self.restores.raise_marker(journal.state.header.job)?;
        let Some(hook) = &self.hooks.stop_application else { return Ok(()) };
        journal.append(Step::Stopping)?;
        hooks::run("stop_application", hook, about(journal, status), self.progress.cancellation())?;
        Ok(())
    }

    /// Starts it, if it was stopped. The marker stays when anything is still to be decided.
    pub(super) fn start(&self, journal: &mut Journal, status: JobState) -> Result<(), JobError> {
        if !journal.state.is_stopped {
            return Ok(());
        }
        if let Some(hook) = &self.hooks.start_application {
            self.restores.lift_marker()?;
            journal.append(Step::Starting)?;
            hooks::run("start_application", hook, about(journal, status), self.progress.cancellation())?;
            if journal.state.ending.is_none() {
                self.restores.raise_marker(journal.state.header.job)?;
            }
        }
        match journal.append(Step::Started) {
            // All that follows is that a crash starts it once more.
            Err(error) if journal.state.ending.is_some() => {
                tracing::warn!(job_id = %journal.state.header.job, %error, "that the application was started is not on record");
                Ok(())
            }
            appended => Ok(appended?),
        }
    }

    /// Asks it whether it works: the probes in their order up to the first that fails. Without a hook that starts it
    /// somebody else will, later, and nothing can be asked.
    pub(super) fn probe(&self, journal: &Journal) -> (Vec<Probed>, Result<(), JobError>) {
        let mut probed = Vec::new();
        if self.hooks.start_application.is_none() {
            return (probed, Ok(()));
        }
        for probe in &self.hooks.probes {
            let about = about(journal, JobState::Running);
            let ran = hooks::run(&probe.name, &probe.hook, about, self.progress.cancellation());
            let (result, failed) = match ran {
                Ok(ran) => (Ok(ran), None),
                Err(error) => (Err(error.to_string()), Some(error)),
            };
            probed.push(Probed { name: probe.name.clone(), result });
            if let Some(error) = failed {
                return (probed, Err(error.into()));
            }
        }
        (probed, Ok(()))
    }

    /// Tells the site of the success. What it says is a warning at most.
    pub(super) fn after_restore(&self, journal: &Journal, status: JobState) -> Result<(), HookError> {
        let Some(hook) = &self.hooks.after_restore else { return Ok(()) };
        hooks::run("after_restore", hook, about(journal, status), self.progress.cancellation()).map(drop)
    }

    /// Whether every hook can be run as its user.
    pub(super) fn check(&self) -> Result<(), JobError> {
        for (name, hook) in self.hooks.of_restore() {
            hooks::check(name, hook)?;
        }
        Ok(())
    }
}

fn about(journal: &Journal, status: JobState) -> About {
    let header = &journal.state.header;
    About { job: header.job, backup: Some(header.backup), status }
}

/// What the marker says to a person who finds it.
pub(super) fn marker_text(job: JobId) -> String {
    format!(
        "carelogd is putting data in place (job {job}). Do not start the application: its data may be half old and half \
         new.\nStarting carelogd settles it. Its log says what it could not settle: journalctl -u carelogd\n"
    )
}
