//! The configuration, read again while the daemon runs: whole or not at all.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use carelog_rpc::Reloaded;

use super::parts;
use crate::alerts::{AlertSettings, AlertWatch};
use crate::audit::{Actor, Entry};
use crate::config::{self, Config};
use crate::job::Jobs;
use crate::model::AuditOutcome;
use crate::scheduler::Scheduler;
use crate::server::{Policy, Reload};

/// Holds the configuration in force.
#[derive(Debug)]
pub(super) struct Reloader {
    pub(super) current: Mutex<Config>,
    pub(super) jobs: Arc<Jobs>,
    pub(super) scheduler: Arc<Scheduler>,
    pub(super) policy: Arc<RwLock<Policy>>,
    pub(super) alerts: Arc<AlertWatch>,
}

impl Reloader {
    /// For SIGHUP, where nobody waits for an answer: logs and records what came of it.
    pub(super) fn reload_by_signal(&self) {
        let parts = self.jobs.parts();
        let entry = Entry::new(parts.clock.now(), Actor::daemon("signal"), "config.reload", "");
        let entry = match self.reload() {
            Ok(reloaded) => entry.with("changed", reloaded.changed.join(" ")),
            Err(why) => {
                tracing::error!("the configuration was not read again, and nothing was changed: {why}");
                entry.because(why).ended(AuditOutcome::Failed)
            }
        };
        if let Err(error) = parts.catalog.record(&entry) {
            tracing::error!(%error, "the reload could not be recorded");
        }
    }
}

impl Reload for Reloader {
    fn reload(&self) -> Result<Reloaded, String> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = Config::load(&current.file, &config::system).map_err(|problems| problems.to_string())?;
        let reloaded = difference(&current, &new);
        // What needs a restart keeps its value, so that the store and its directory never part.
        new.daemon.state_dir.clone_from(&current.daemon.state_dir);
        new.daemon.socket.clone_from(&current.daemon.socket);
        new.backup.dir.clone_from(&current.backup.dir);
        let parts = parts::rebuild(&self.jobs.parts(), &new).map_err(|error| error.to_string())?;
        // The last that may fail; then everything is replaced.
        self.scheduler.set_schedules(new.schedules.clone()).map_err(|error| error.to_string())?;
        self.jobs.replace_parts(parts);
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = parts::policy(&new, &self.jobs.parts().clock);
        self.alerts.replace_settings(AlertSettings::of(&new));
        tracing::info!(changed = reloaded.changed.join(" "), "the configuration was read again");
        for key in &reloaded.restart_needed {
            tracing::warn!("{key} has a new value, which counts after a restart");
        }
        *current = new;
        Ok(reloaded)
    }
}

fn difference(old: &Config, new: &Config) -> Reloaded {
    let changed = [
        ("daemon.timezone", old.daemon.timezone != new.daemon.timezone),
        ("backup.compression", old.backup.compression != new.backup.compression),
        ("backup.threads", old.backup.threads != new.backup.threads),
        ("backup.min_free", old.backup.min_free != new.backup.min_free),
        ("backup.full_every", old.backup.full_every != new.backup.full_every),
        ("backup.keep_replaced", old.backup.keep_replaced != new.backup.keep_replaced),
        ("source", old.sources != new.sources),
        ("retention", old.retention != new.retention),
        ("schedule", old.schedules != new.schedules),
        ("objectives", old.objectives != new.objectives),
        ("alerts", old.alerts != new.alerts),
        ("email", old.email != new.email),
        ("webhook", old.webhooks != new.webhooks),
        ("hooks", old.hooks != new.hooks),
        ("access", old.access != new.access),
    ];
    let restart_needed = [
        ("daemon.state_dir", old.daemon.state_dir != new.daemon.state_dir),
        ("daemon.socket", old.daemon.socket != new.daemon.socket),
        ("backup.dir", old.backup.dir != new.backup.dir),
    ];
    let names =
        |keys: &[(&str, bool)]| keys.iter().filter(|(_, differs)| *differs).map(|(k, _)| (*k).to_owned()).collect();
    Reloaded { changed: names(&changed), restart_needed: names(&restart_needed) }
}
