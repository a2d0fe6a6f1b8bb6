//! Which backups are kept, and why.

use serde::{Deserialize, Serialize};

use crate::value::Time;

/// What pruning would do, without the backups that it names: they follow page by page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrunePlan {
    /// Names the plan, so that `prune` carries out just the one that was shown.
    pub digest: String,
    /// The moment that it was made for.
    pub made_at: Time,
    /// How many backups are kept.
    pub kept: u64,
    /// How many expire.
    pub expired: u64,
    /// Bytes of archives that would be removed once the trash is emptied.
    pub freed_bytes: u64,
    /// What keeps more from expiring than the rules would: a failed source, a clock that cannot be right.
    pub notes: Vec<String>,
}

/// What becomes of one backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedBackup {
    /// UUID.
    pub id: String,
    /// Name of its archive.
    pub filename: String,
    /// When it began.
    pub created_at: Time,
    /// Bytes of its archive.
    pub size_bytes: u64,
    /// Whether it expires.
    pub expires: bool,
    /// Why it is kept, or why it expires.
    pub reasons: Vec<String>,
}
