//! Made-up states and settings for the tests of this module.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use uuid::Uuid;

use super::notice::{Notice, Occasion};
use super::settings::AlertSettings;
use super::state::{CatalogState, EndedJobs, SourceState, State, StoreState};
use crate::catalog::samples::{backup, requester, time};
use crate::catalog::{Job, JobError, JobOutcome, JobSpec, NoticesCount};
use crate::config::{Alerts, Email, MailTls, MinFree, Objectives, Webhook, WebhookFormat, WebhookUrl};
use crate::fsio::Space;
use crate::model::{ErrorCode, EventKind, JobId, JobState, Severity, SourceKind, SourceName};

/// Mail goes to an admin, to alice, and after restores to the desk; a webhook is told of failed backups.
pub(super) fn settings() -> AlertSettings {
    let text = |text: &str| text.to_owned();
    AlertSettings {
        alerts: Alerts {
            contact: text("Dr. A. Admin, ext. 17"),
            email_on: [EventKind::BackupFailure, EventKind::MissingBackup, EventKind::LowDisk].into(),
            ..Alerts::default()
        },
        email: Some(Email {
            host: text("localhost"),
            port: 25,
            tls: MailTls::None,
            user: None,
            password: None,
            from: text("carelog@example.com"),
            from_name: text("CareLog"),
            admins: vec![text("admin@example.com")],
            ca_file: None,
            users: [("alice", "alice@example.com"), ("root", "Admin@example.com")]
                .map(|(a, b)| (text(a), text(b)))
                .into(),
            notify_after_restore: vec![text("desk@example.com"), text("admin@example.com")],
        }),
        webhooks: vec![Webhook {
            name: text("monitor"),
            url: WebhookUrl::Text(text("https://example.com/")),
            format: WebhookFormat::Json,
            on: [EventKind::BackupFailure].into(),
            heartbeat: None,
        }],
        objectives: Objectives::default(),
        of_sources: BTreeMap::new(),
        min_free: MinFree::Percent(5),
        max_total_bytes: None,
        state_dir: "/".into(),
        store_dir: "/".into(),
    }
}

/// A notice of this kind.
pub(super) fn notice(event: EventKind) -> Notice {
    Notice {
        id: Uuid::nil(),
        key: String::new(),
        event,
        occasion: Occasion::Happened,
        severity: Severity::Notice,
        at: time(0),
        host: "clinic".to_owned(),
        title: "a title".to_owned(),
        message: "A message.".to_owned(),
        facts: Vec::new(),
        steps: Vec::new(),
        contact: String::new(),
        audit_head: "0:0".to_owned(),
    }
}

/// A job that alice asked for in minute 0, and that ended in minute `at`.
pub(super) fn ended(spec: JobSpec, state: JobState, at: u32) -> Job {
    let failed = |code| JobError { code, message: "/srv/secret.json: gone".to_owned(), hint: String::new() };
    let outcome = match state {
        JobState::Succeeded => JobOutcome::done(Vec::new()),
        JobState::Warned => JobOutcome::done(vec!["'/srv/secret.json' changed".to_owned()]),
        JobState::Cancelled => JobOutcome::ended_by(failed(ErrorCode::Cancelled)),
        JobState::Interrupted => JobOutcome::interrupted("the daemon ended while it ran"),
        _ => JobOutcome::ended_by(failed(ErrorCode::Failed)),
    };
    Job {
        id: JobId::generate(),
        spec,
        state,
        priority: 0,
        requested_by: requester(),
        requested_at: time(0),
        started_at: Some(time(0)),
        finished_at: Some(time(at)),
        phases: Vec::new(),
        outcome: Some(outcome),
    }
}

/// A source that was backed up at minute 1.
pub(super) fn source(name: &str, kind: SourceKind) -> SourceState {
    SourceState {
        name: SourceName::new(name).unwrap(),
        kind,
        known_since: time(0),
        rpo: Duration::from_hours(24),
        has_own_rpo: false,
        own_rto: None,
        newest: Some(backup(1)),
        newest_verified: None,
        fallen: None,
        restore_time: None,
    }
}

/// Minute 10 of a day on which nothing is wrong.
pub(super) fn state() -> State {
    State {
        now: time(10),
        sources: vec![source("data", SourceKind::Json), source("studies", SourceKind::Files)],
        backups: vec![backup(1)],
        ended: EndedJobs::default(),
        running: Vec::new(),
        store: StoreState {
            space: Some(Space { free_bytes: 500, total_bytes: 1000 }),
            bytes: 100,
            ..StoreState::default()
        },
        catalog: CatalogState::default(),
        state_space: None,
        troubles: Vec::new(),
        outlook: None,
        notices: NoticesCount::default(),
        firing: BTreeSet::new(),
        missing_backup_after: Duration::from_hours(36),
        low_disk: MinFree::Percent(20),
        min_free: MinFree::Percent(5),
        max_total_bytes: None,
        restore_time: None,
        rto: Duration::from_hours(1),
    }
}
