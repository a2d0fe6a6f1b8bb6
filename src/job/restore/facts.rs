//! What a restore writes down of itself for the incident log. It names backups in full, because the catalog may have
//! forgotten them when somebody reads it.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::journal::{Ending, State};
use crate::archive::SourceSummary;
use crate::archive::escape::escape;
use crate::catalog::{BackupRecord, Catalog};
use crate::model::{BackupId, JobId, Sha256, SourceKind, SourceName};
use crate::source::SwapMethod;

/// What a restore did. Stored in the job's outcome: fields may be added with a default, none may change its meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RestoreFacts {
    /// The backups that were restored; more than one only when a restore is undone.
    pub backups: Vec<BackupFacts>,
    /// The restore that this one undid.
    pub undoes: Option<JobId>,
    /// The members that were restored, escaped like the paths of a manifest; empty for all.
    pub paths: Vec<String>,
    /// What was saved before, and what changed since when the application was stopped.
    pub safety_backups: Vec<BackupFacts>,
    /// Each source that was to be replaced.
    pub sources: Vec<SourceFacts>,
    /// Until when what was replaced is kept; `None` when nothing was replaced.
    pub kept_until: Option<Timestamp>,
}

/// Which backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFacts {
    /// Its id.
    pub id: BackupId,
    /// Name of its archive.
    pub filename: String,
    /// When it began.
    pub created_at: Timestamp,
    /// Of its archive.
    pub sha256: Option<Sha256>,
}

/// What became of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFacts {
    /// Its name.
    pub name: SourceName,
    /// Its kind.
    pub kind: SourceKind,
    /// How it was replaced; `None` when it was not.
    pub replaced: Option<Replaced>,
    /// What was live, by the safety backup.
    pub before: Option<Amount>,
    /// What was put in place, by the backup; `None` when only some members were, or some were damaged.
    pub after: Option<Amount>,
}

/// How a source was replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// Where its live data is, of a database its URL; escaped like the paths of a manifest.
    pub live: String,
    /// Where what was replaced was laid aside; escaped too.
    pub aside: String,
    /// Whether entry by entry.
    pub by_entry: bool,
    /// Whether it is a database, which was renamed.
    #[serde(default)]
    pub is_database: bool,
}

/// How much a source held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Files and streams.
    pub files: u64,
    /// Bytes of content.
    pub size_bytes: u64,
    /// Rows per table, elements per top-level collection, files.
    pub counts: BTreeMap<String, u64>,
}

impl RestoreFacts {
    /// Under this name it stands among the notes of the job's outcome.
    pub const NOTE: &'static str = "restore";

    /// What is known by now.
    pub(super) fn of(catalog: &Catalog, state: &State) -> Self {
        let header = &state.header;
        // A backup that the catalog does not know is left out; the job still has its id.
        let known = |ids: Vec<BackupId>| -> Vec<BackupRecord> {
            ids.into_iter().filter_map(|id| catalog.backup(id).ok()).collect()
        };
        let backups = known([header.backup].into_iter().chain(header.second_backup).collect());
        let safety_backups = known(state.safety_backups().collect());
        let committed = match &state.ending {
            Some(Ending::Committed(committed)) => Some(committed),
            Some(Ending::Undone) | None => None,
        };
        let source = |name: &SourceName| {
            let (from, saved) = (newest_of(&backups, name), newest_of(&safety_backups, name));
            let swap = state.swaps.iter().find(|record| record.source == *name);
            let kind = from.or(saved).map(|held| held.kind).or(swap.map(|record| record.kind))?;
            let replaced = swap.filter(|_| committed.is_some()).map(|record| Replaced {
                live: escaped(&record.live),
                aside: escaped(&record.aside),
                by_entry: SwapMethod::is_by_entry(record.method()),
                is_database: SwapMethod::is_of_database(record.method()),
            });
            let after = from.filter(|_| header.paths.is_empty()).map(Amount::from);
            Some(SourceFacts { name: name.clone(), kind, replaced, before: saved.map(Amount::from), after })
        };
        Self {
            backups: backups.iter().map(BackupFacts::from).collect(),
            undoes: header.undoes,
            paths: header.paths.clone(),
            safety_backups: safety_backups.iter().map(BackupFacts::from).collect(),
            sources: header.sources.iter().filter_map(source).collect(),
            kept_until: committed.map(|committed| committed.keep_until),
        }
    }

    /// What of a source is live now is not what the backup says of it: some of it is damaged there.
    pub(super) fn forget_after(&mut self, name: &SourceName) {
        for source in self.sources.iter_mut().filter(|source| source.name == *name) {
            source.after = None;
        }
    }

    /// As a note of the job's outcome.
    pub(super) fn to_note(&self) -> serde_json::Value {
        // It has neither keys that are no text nor numbers that JSON does not know.
        serde_json::to_value(self).unwrap_or_default()
    }
}

fn escaped(path: &Path) -> String {
    escape(path.as_os_str().as_bytes()).into_owned()
}

/// What the newest of `backups` that holds the source says of it.
fn newest_of<'b>(backups: &'b [BackupRecord], name: &SourceName) -> Option<&'b SourceSummary> {
    backups.iter().rev().find_map(|backup| backup.sources.iter().find(|held| held.name == *name))
}

impl From<&BackupRecord> for BackupFacts {
    fn from(record: &BackupRecord) -> Self {
        let filename = record.filename.clone();
        Self { id: record.id, filename, created_at: record.created_at, sha256: record.sha256 }
    }
}

impl From<&SourceSummary> for Amount {
    fn from(held: &SourceSummary) -> Self {
        Self { files: held.files, size_bytes: held.size_bytes, counts: held.counts.clone() }
    }
}
