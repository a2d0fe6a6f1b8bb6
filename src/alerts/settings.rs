//! What of the configuration the alerts follow. A reload swaps all of it at once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::{Alerts, Config, Email, MinFree, Objectives, Webhook};
use crate::model::SourceName;

/// The settings of the alerts.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertSettings {
    /// `[alerts]`.
    pub alerts: Alerts,
    /// `[email]`; `None` when no mail is sent.
    pub email: Option<Email>,
    /// `[[webhook]]`.
    pub webhooks: Vec<Webhook>,
    /// `[objectives]`.
    pub objectives: Objectives,
    /// What sources say for themselves; none for one that says nothing.
    pub of_sources: BTreeMap<SourceName, SourceObjectives>,
    /// What has to stay free in the store for a backup to begin.
    pub min_free: MinFree,
    /// What the archives may take in all; `None` for any.
    pub max_total_bytes: Option<u64>,
    /// Where the catalog lies.
    pub state_dir: PathBuf,
    /// Where the archives lie.
    pub store_dir: PathBuf,
}

/// The objectives of one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceObjectives {
    /// How old its newest backup may be.
    pub rpo: Option<Duration>,
    /// How long its restore may take.
    pub rto: Option<Duration>,
}

impl AlertSettings {
    /// What `config` says.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let of_source = |source: &crate::config::Source| {
            (source.name.clone(), SourceObjectives { rpo: source.rpo, rto: source.rto })
        };
        Self {
            alerts: config.alerts.clone(),
            email: config.email.clone(),
            webhooks: config.webhooks.clone(),
            objectives: config.objectives,
            of_sources: config.sources.iter().map(of_source).collect(),
            min_free: config.backup.min_free,
            max_total_bytes: config.retention.max_total_bytes,
            state_dir: config.daemon.state_dir.clone(),
            store_dir: config.backup.dir.clone(),
        }
    }
}
