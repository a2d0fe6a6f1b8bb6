//! Made-up backups and jobs for the tests of this floor and those above. Numbered; all times are on one day, one number
//! is one minute.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use uuid::Uuid;

use super::{BackupRecord, BackupSpec, Catalog, Hold, JobSpec, NewJob, RestoreSpec, VerifySpec};
use crate::archive::metadata::{Chunking, FORMAT_VERSION};
use crate::archive::{Metadata, RestorePoint, SourceMetadata, SourceSummary, Totals};
use crate::audit::{Actor, Entry};
use crate::model::{BackupId, Class, JobId, Mode, Requester, Scope, SourceKind, SourceName};

/// Minute `n` of the day on which the samples live.
pub(crate) fn time(n: u32) -> Timestamp {
    let start: Timestamp = "2025-10-29T14:00:00.125Z".parse().unwrap();
    start + SignedDuration::from_mins(i64::from(n))
}

/// The id of backup `n`: the first 8 digits are the same for all.
pub(crate) fn backup_id(n: u32) -> BackupId {
    BackupId(Uuid::from_u128(0x019a_2f3c_0000_7000_8000_0000_0000_0000 | u128::from(n) << 64 << 16))
}

/// What the archive of backup `n` says of itself.
pub(crate) fn restore_point(n: u32) -> RestorePoint {
    let (data, studies) = (SourceName::new("data").unwrap(), SourceName::new("studies").unwrap());
    let metadata = Metadata {
        format_version: FORMAT_VERSION,
        id: backup_id(n),
        class: Class::Backup,
        scope: Scope::All,
        mode: Mode::Full,
        parent_id: None,
        created_at: time(n),
        host: "clinic".to_owned(),
        program_version: "0.1.0".to_owned(),
        requested_by: requester(),
        description: format!("number {n}"),
        sources: vec![SourceMetadata {
            name: data.clone(),
            kind: SourceKind::Json,
            location: "/srv/data.json".to_owned(),
            exclude: Vec::new(),
            details: Default::default(),
        }],
    };
    let summary = |name, kind, files, warnings| SourceSummary {
        name,
        kind,
        size_bytes: 10,
        files,
        counts: BTreeMap::from([("files".to_owned(), files)]),
        warnings,
    };
    RestorePoint {
        metadata,
        finished_at: time(n) + SignedDuration::from_secs(5),
        sources: vec![
            summary(data, SourceKind::Json, 1, Vec::new()),
            summary(studies, SourceKind::Files, 7, vec!["'a' changed while it was read".to_owned()]),
        ],
        totals: Totals { entries: 9, files: 8, raw_bytes: 20, new_bytes: 20 },
        manifest_bytes: 0,
        manifest: Vec::new(),
        index: Vec::new(),
        chunking: Chunking { algorithm: "fastcdc2020".to_owned(), min: 1, average: 2, max: 3 },
        stream_chunking: None,
        archives: vec![backup_id(n)],
    }
}

/// Backup `n`.
pub(crate) fn backup(n: u32) -> BackupRecord {
    BackupRecord::of_archive(&restore_point(n), &format!("archive-{n}"), 15, None)
}

pub(crate) fn hold(why: &str) -> Hold {
    Hold { who: "alice".to_owned(), why: why.to_owned(), since: time(0), until: None }
}

pub(crate) fn requester() -> Requester {
    Requester { user: "alice".to_owned(), uid: Some(1000), via: "socket".to_owned(), on_behalf_of: None }
}

pub(crate) fn actor() -> Actor {
    Actor::of(&requester(), Some(1000))
}

pub(crate) fn entry(action: &str) -> Entry {
    Entry::new(time(0), actor(), action, "")
}

pub(crate) fn backup_spec() -> JobSpec {
    JobSpec::Backup(BackupSpec {
        scope: Scope::All,
        sources: Vec::new(),
        mode: Mode::Full,
        is_mode_explicit: true,
        description: "before the update".to_owned(),
        rescan: false,
    })
}

pub(crate) fn verify_spec() -> JobSpec {
    JobSpec::Verify(VerifySpec { backups: Vec::new(), quick: false })
}

pub(crate) fn restore_spec(to_directory: bool) -> JobSpec {
    JobSpec::Restore(RestoreSpec {
        backup: backup_id(1),
        sources: Vec::new(),
        accept_unsaved: false,
        description: String::new(),
        to_directory,
        paths: Vec::new(),
        partial: false,
        to_database: None,
    })
}

pub(crate) fn new_job(spec: JobSpec) -> NewJob {
    NewJob::new(spec, requester(), time(0))
}

/// Enqueues a job of its kind's priority.
pub(crate) fn enqueue(catalog: &Catalog, spec: JobSpec) -> JobId {
    catalog.enqueue(&new_job(spec), &actor()).unwrap().id
}

/// A new catalog, and the folder that it lives in.
pub(crate) fn catalog() -> (Catalog, TempDir) {
    let dir = TempDir::new().unwrap();
    let (catalog, _) = Catalog::open(&dir.path().join("catalog.db"), time(0)).unwrap();
    (catalog, dir)
}
