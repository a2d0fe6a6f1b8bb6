//! A job as a page for the incident log: who, when, why, from what, what was replaced by what, and how it ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::backup::Checksum;
use crate::job::Job;
use crate::value::{Octets, Time};
use crate::words::{RestoreMethod, SourceKind};

/// All that is known of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobReport {
    /// The job: who asked, when, its phases, how it ended.
    pub job: Job,
    /// Why, as the person who asked wrote it down.
    pub description: String,
    /// What a restore of live data did; absent for other jobs, and when it ended before anything was saved.
    pub restore: Option<RestoreReport>,
}

/// What a restore of live data did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreReport {
    /// The backups that were restored, as the catalog knew them then; more than one only when a restore is undone.
    pub backups: Vec<ReportedBackup>,
    /// The job that this one undid.
    pub undoes: Option<String>,
    /// The members that were restored; empty for all.
    pub paths: Vec<Octets>,
    /// What was saved first; the second, if there is one, of what changed until the application was stopped.
    pub safety_backups: Vec<ReportedBackup>,
    /// What changed until the application was stopped.
    pub changed_before_stop: Vec<String>,
    /// Each source that was to be replaced.
    pub sources: Vec<ReportedSource>,
    /// What the application was asked afterwards, in order.
    pub probes: Vec<ReportedProbe>,
    /// Until when what was replaced was to be kept; absent when nothing was replaced, or when it is kept until somebody
    /// removes it.
    pub kept_until: Option<Time>,
    /// Whether anything that was replaced still lies beside the live data.
    pub is_kept: bool,
    /// Whether it can be undone.
    pub can_be_undone: bool,
    /// Whether it ended without being done or taken back: what is live may be half old and half new.
    pub is_unsettled: bool,
}

/// A backup, so that it can be told years later which one it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedBackup {
    /// UUID.
    pub id: String,
    /// Name of its archive.
    pub filename: String,
    /// When it began.
    pub created_at: Time,
    /// Of the archive.
    pub checksum: Option<Checksum>,
}

/// What became of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedSource {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: SourceKind,
    /// Where its live data is; absent when it was not replaced.
    pub location: Option<Octets>,
    /// How it was replaced; absent when it was not.
    pub method: Option<RestoreMethod>,
    /// What was live before, by the safety backup; absent when that does not hold it.
    pub before: Option<Amount>,
    /// What was put in place, by the backup; absent when only some members were.
    pub after: Option<Amount>,
    /// Where what was replaced lies; absent when it does not any more.
    pub kept_at: Option<Octets>,
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

/// One probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedProbe {
    /// Its name in the configuration.
    pub name: String,
    /// Whether it passed.
    pub passed: bool,
    /// How long it took, in milliseconds; absent when it failed.
    pub milliseconds: Option<u64>,
    /// What it printed, or why it failed.
    pub output: String,
}
