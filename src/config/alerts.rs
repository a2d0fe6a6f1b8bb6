//! The decided values of `[alerts]`: what is spoken up about.

use std::collections::BTreeSet;
use std::time::Duration;

use super::settings::MinFree;
use crate::model::EventKind;

/// `[alerts]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alerts {
    /// Whom to call; printed in mails and failures.
    pub contact: String,
    /// A source whose newest backup is older has none that is recent enough.
    pub missing_backup_after: Duration,
    /// Less free space than this where the backups lie is little.
    pub low_disk: MinFree,
    /// How often somebody is reminded of what still fires.
    pub remind_every: Duration,
    /// Of what mail is sent.
    pub email_on: BTreeSet<EventKind>,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            contact: String::new(),
            missing_backup_after: Duration::from_hours(36),
            low_disk: MinFree::Percent(20),
            remind_every: Duration::from_hours(24),
            email_on: EventKind::ALL.iter().copied().filter(|event| *event != EventKind::Test).collect(),
        }
    }
}
