//! What a plan is made from.

use jiff::Timestamp;

use crate::model::{BackupId, BackupState, Class, SourceKind, SourceName};

/// A source as backups know it: what has the name but is of another kind is another thing.
pub type SourceKey = (SourceName, SourceKind);

/// Everything that the catalog knows, as far as it matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetentionInput {
    /// Every backup in whatever state, in any order.
    pub backups: Vec<Candidate>,
    /// The configured sources.
    pub sources: Vec<SourceFacts>,
}

/// A backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub id: BackupId,
    /// Backup or safety backup; each has rules of its own.
    pub class: Class,
    /// Whether it can be restored.
    pub state: BackupState,
    /// When it began.
    pub created_at: Timestamp,
    /// Bytes of its archive.
    pub size_bytes: u64,
    /// What it holds.
    pub sources: Vec<SourceKey>,
    /// The other archives that its restore point needs.
    pub needs: Vec<BackupId>,
    /// Whether the last verification that read all of it found it sound.
    pub is_verified: bool,
    /// Why it may not be removed; also holds whose time is over.
    pub holds: Vec<HeldBy>,
    /// What a restore still needs it for, in words; `None` for nothing.
    pub needed_for: Option<String>,
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBy {
    /// Who holds it.
    pub who: String,
    /// Why.
    pub why: String,
    /// Until when; `None` for until it is released.
    pub until: Option<Timestamp>,
}

/// How things stand with a configured source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFacts {
    /// Which.
    pub source: SourceKey,
    /// Whether the last backup job that was to cover it failed.
    pub last_attempt_failed: bool,
    /// Whether its newest backup is far smaller than usual, and nobody has said that this is right.
    pub is_suspicious: bool,
}

impl Candidate {
    /// Whether it can be restored.
    pub(super) fn is_good(&self) -> bool {
        self.state == BackupState::Available
    }

    /// Whether it is a backup, and no safety backup, that holds `source`.
    pub(super) fn is_backup_of(&self, source: &SourceKey) -> bool {
        self.class == Class::Backup && self.sources.contains(source)
    }
}
