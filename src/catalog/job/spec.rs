//! What a job is to do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{BackupId, JobId, JobKind, Mode, Scope, SourceName};

/// What a job is to do. Stored as JSON: fields may be added with a default, none may change its meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobSpec {
    /// Take a backup.
    Backup(BackupSpec),
    /// Put sources back, or write them elsewhere.
    Restore(RestoreSpec),
    /// Read archives and compare them with their checksums.
    Verify(VerifySpec),
    /// Remove backups.
    Prune(PruneSpec),
    /// Bring back what a restore replaced.
    Undo(UndoSpec),
}

/// A backup to take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSpec {
    /// What it covers.
    pub scope: Scope,
    /// These sources only; empty for all that the scope covers.
    pub sources: Vec<SourceName>,
    /// Full or incremental.
    pub mode: Mode,
    /// The mode was asked for in so many words, so that no setting goes before it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_mode_explicit: bool,
    /// What the person who asks writes down.
    pub description: String,
    /// Read every file, also those that look as they did at the last backup.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rescan: bool,
}

/// A restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreSpec {
    /// Which backup.
    pub backup: BackupId,
    /// These sources only; empty for all in the backup.
    pub sources: Vec<SourceName>,
    /// Go on although something live cannot be saved beforehand.
    pub accept_unsaved: bool,
    /// What the person who asks writes down.
    pub description: String,
    /// Into a directory whose descriptor the queue holds, instead of the live places.
    pub to_directory: bool,
    /// Only these members, and all below those that are folders; escaped like the paths of a manifest. Empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Restore what is undamaged, and leave the rest as it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// Into this database, which must not exist, instead of the live one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_database: Option<String>,
}

impl RestoreSpec {
    /// Whether it writes elsewhere than into the live places.
    #[must_use]
    pub const fn is_elsewhere(&self) -> bool {
        self.to_directory || self.to_database.is_some()
    }
}

/// The undoing of a restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoSpec {
    /// The restore, itself perhaps the undoing of another.
    pub restore: JobId,
    /// Go on although something live cannot be saved beforehand.
    pub accept_unsaved: bool,
    /// What the person who asks writes down.
    pub description: String,
}

/// A verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifySpec {
    /// Which backups; empty for every one.
    pub backups: Vec<BackupId>,
    /// Read the structure only.
    pub quick: bool,
}

/// A removal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneSpec {
    /// Which backups.
    pub backups: Vec<BackupId>,
    /// Why.
    pub reason: String,
}

/// Where jobs run: one at a time in each lane, the lanes beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// What writes to the store or to live data.
    Write,
    /// What only reads archives.
    Read,
}

impl Lane {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
        }
    }
}

impl JobSpec {
    /// The kind of job.
    #[must_use]
    pub const fn kind(&self) -> JobKind {
        match self {
            Self::Backup(_) => JobKind::Backup,
            Self::Restore(_) | Self::Undo(_) => JobKind::Restore,
            Self::Verify(_) => JobKind::Verify,
            Self::Prune(_) => JobKind::Prune,
        }
    }

    /// The lane that it runs in.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        match self {
            Self::Verify(_) => Lane::Read,
            Self::Restore(spec) if spec.is_elsewhere() => Lane::Read,
            Self::Backup(_) | Self::Restore(_) | Self::Prune(_) | Self::Undo(_) => Lane::Write,
        }
    }

    /// Its priority unless something else is asked for: a live restore goes before everything that waits.
    #[must_use]
    pub const fn default_priority(&self) -> i64 {
        match self {
            Self::Restore(spec) if !spec.is_elsewhere() => 100,
            Self::Undo(_) => 100,
            _ => 0,
        }
    }

    /// Whether it writes into a directory whose descriptor is handed over with it.
    #[must_use]
    pub const fn needs_directory(&self) -> bool {
        matches!(self, Self::Restore(RestoreSpec { to_directory: true, .. }))
    }

    /// Whether nothing is lost when it is stopped and asked for again.
    #[must_use]
    pub const fn is_repeatable(&self) -> bool {
        match self {
            Self::Backup(_) | Self::Verify(_) => true,
            Self::Restore(spec) => spec.is_elsewhere(),
            Self::Prune(_) | Self::Undo(_) => false,
        }
    }

    /// Whether it is stopped for a restore that is asked for with `--now`.
    #[must_use]
    pub const fn yields(&self) -> bool {
        matches!(self, Self::Backup(_) | Self::Verify(_))
    }

    /// Whether it replaces live data.
    #[must_use]
    pub const fn replaces_live_data(&self) -> bool {
        match self {
            Self::Restore(spec) => !spec.is_elsewhere(),
            Self::Undo(_) => true,
            Self::Backup(_) | Self::Verify(_) | Self::Prune(_) => false,
        }
    }

    /// What the person who asked wrote down; empty for nothing.
    #[must_use]
    pub fn description(&self) -> &str {
        match self {
            Self::Backup(spec) => &spec.description,
            Self::Restore(spec) => &spec.description,
            Self::Undo(spec) => &spec.description,
            Self::Prune(spec) => &spec.reason,
            Self::Verify(_) => "",
        }
    }

    /// What the audit trail says of it: its parameters by name, and the reason that was given.
    pub(super) fn for_audit(&self) -> (BTreeMap<String, String>, &str) {
        let mut parameters = BTreeMap::from([("kind".to_owned(), self.kind().to_string())]);
        let mut say = |name: &str, value: String| drop(parameters.insert(name.to_owned(), value));
        match self {
            Self::Backup(spec) => {
                say("scope", spec.scope.to_string());
                say("sources", joined(&spec.sources));
                say("mode", spec.mode.to_string());
                if spec.rescan {
                    say("rescan", spec.rescan.to_string());
                }
            }
            Self::Restore(spec) => {
                say("backup", spec.backup.to_string());
                say("sources", joined(&spec.sources));
                if !spec.paths.is_empty() {
                    say("paths", joined(&spec.paths));
                }
                say("accept_unsaved", spec.accept_unsaved.to_string());
                say("to_directory", spec.to_directory.to_string());
                if let Some(database) = &spec.to_database {
                    say("to_database", database.clone());
                }
                if spec.partial {
                    say("partial", spec.partial.to_string());
                }
            }
            Self::Undo(spec) => {
                say("undo", spec.restore.to_string());
                say("accept_unsaved", spec.accept_unsaved.to_string());
            }
            Self::Verify(spec) => {
                say("backups", joined(&spec.backups));
                say("quick", spec.quick.to_string());
            }
            Self::Prune(spec) => say("backups", joined(&spec.backups)),
        }
        (parameters, self.description())
    }
}

fn joined(items: &[impl ToString]) -> String {
    if items.is_empty() {
        "all".to_owned()
    } else {
        items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }
}
