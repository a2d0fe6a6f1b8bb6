//! One of each message.

use carelog_rpc::*;

pub(crate) fn requests() -> Vec<Request> {
    let backup = || "0198f000".to_owned();
    vec![
        Request::Status,
        Request::Backup(BackupRequest {
            scope: Scope::Database,
            sources: vec!["data".into()],
            description: "before the update".into(),
            mode: Some(Mode::Full),
            rescan: true,
            dry_run: true,
        }),
        Request::List(ListBackups {
            limit: Some(20),
            source: Some("data".into()),
            class: Some(Class::Safety),
            since: Some("2d".into()),
            until: None,
            all: true,
        }),
        Request::Show { backup: backup() },
        Request::Verify { target: VerifyTarget::Backup(backup()), quick: true },
        Request::Verify { target: VerifyTarget::All, quick: false },
        Request::Restore(RestoreRequest {
            from: RestoreFrom::At("2025-10-29 14:30".into()),
            sources: vec![],
            paths: vec![Octets(b"studies/2024/sc\xffan.dcm".to_vec())],
            partial: true,
            accept_unsaved: false,
            description: "records lost".into(),
            dry_run: false,
            now: true,
            to: false,
            to_database: Some("clinic_look".into()),
        }),
        Request::Restore(RestoreRequest {
            from: RestoreFrom::Undo(backup()),
            sources: vec![],
            paths: vec![],
            partial: false,
            accept_unsaved: true,
            description: "a mistake".into(),
            dry_run: true,
            now: false,
            to: false,
            to_database: None,
        }),
        Request::Delete { backup: backup(), description: "a test".into() },
        Request::Jobs(ListJobs { all: false, limit: None }),
        Request::Job { id: backup() },
        Request::WatchJob { id: backup() },
        Request::CancelJob { id: backup() },
        Request::Download { backup: backup(), format: Some(DownloadFormat::TarGz) },
        Request::Hold { backup: backup(), description: "audit".into(), until: Some("2026-01-01".into()) },
        Request::Release { backup: backup(), description: "audit done".into() },
        Request::Reload,
        Request::AuditList(ListAudit { since: None, user: Some("alice".into()), limit: Some(100) }),
        Request::AuditVerify,
        Request::JobReport { id: backup() },
    ]
}

pub(crate) fn replies() -> Vec<Reply> {
    vec![
        Reply::Error(error()),
        Reply::Status(Box::new(status())),
        Reply::Enqueued { job_id: job().id },
        Reply::BackupPlan(backup_plan()),
        Reply::RestorePlan(Box::new(restore_plan())),
        Reply::SendDescriptor,
        Reply::Backups(Page { items: vec![backup()], more: true }),
        Reply::Backup(Box::new(backup())),
        Reply::Jobs(Page { items: vec![], more: false }),
        Reply::Job(Box::new(job())),
        Reply::JobUpdate(JobUpdate {
            id: job().id,
            state: JobState::Queued,
            ahead: 2,
            behind: Some(JobInTheWay {
                id: job().id,
                kind: JobKind::Backup,
                title: "all sources".into(),
                yields: true,
            }),
            progress: job().progress,
        }),
        Reply::JobEnded(Box::new(job())),
        Reply::DownloadStart(DownloadStart { filename: backup().filename, size_bytes: Some(3) }),
        Reply::Bytes(Octets(vec![0, 255, 10])),
        Reply::DownloadEnd(DownloadEnd { size_bytes: 3, sha256: "0".repeat(64) }),
        Reply::Reloaded(Reloaded { changed: vec!["backup.threads".into()], restart_needed: vec![] }),
        Reply::AuditRecords(Page { items: vec![audit_record()], more: false }),
        Reply::AuditVerified(AuditVerification {
            intact: false,
            records: 7,
            last_hash: Some("ab".repeat(32)),
            first_broken: Some(5),
            problem: Some("its hash differs".into()),
        }),
        Reply::JobReport(Box::new(report())),
    ]
}

pub(crate) fn report() -> JobReport {
    let backup = |id: &str, filename: &str, digit: &str| ReportedBackup {
        id: id.into(),
        filename: filename.into(),
        created_at: Time(1_761_748_200_000),
        checksum: Some(Checksum::sha256(digit.repeat(64))),
    };
    let amount = |patients| Amount { files: 1, size_bytes: 1024, counts: [("patients".to_owned(), patients)].into() };
    JobReport {
        job: job(),
        description: "import of Monday emptied the patients".into(),
        restore: Some(RestoreReport {
            backups: vec![backup("0199f3a0-0000-7000-8000-000000000001", "backup_2025-10-29_14-30-00.tar.zst", "c")],
            undoes: Some("0199f3a0-0000-7000-8000-000000000009".into()),
            paths: vec![Octets(b"studies/2024".to_vec())],
            safety_backups: vec![backup(
                "0199f3a0-0000-7000-8000-000000000003",
                "safety_backup_2025-10-29_15-30-00.tar.zst",
                "d",
            )],
            changed_before_stop: vec!["data: data.json: was written since".into()],
            sources: vec![ReportedSource {
                name: "data".into(),
                kind: SourceKind::Json,
                location: Some(Octets(b"/srv/carelog/data/data.json".to_vec())),
                method: Some(RestoreMethod::Exchange),
                before: Some(amount(3)),
                after: Some(amount(120)),
                kept_at: Some(Octets(b"/srv/carelog/data/.data.json.carelog-restore-0199".to_vec())),
            }],
            probes: vec![
                ReportedProbe {
                    name: "login works".into(),
                    passed: true,
                    milliseconds: Some(120),
                    output: "ok\n".into(),
                },
                ReportedProbe { name: "counts".into(), passed: false, milliseconds: None, output: "exit 1".into() },
            ],
            kept_until: Some(Time(1_762_353_000_000)),
            is_kept: true,
            can_be_undone: true,
            is_unsettled: false,
        }),
    }
}

fn error() -> ErrorReply {
    ErrorReply::new(ErrorCode::NotFound, "there is no backup 0198f000")
        .because("no id begins with it")
        .hint("carelogctl list --all")
}

fn requester() -> Requester {
    Requester { user: "alice".into(), uid: Some(1000), via: "socket".into(), on_behalf_of: None }
}

pub(crate) fn backup() -> Backup {
    Backup {
        id: "0199f3a0-0000-7000-8000-000000000001".into(),
        filename: "backup_2025-10-29_14-30-00.tar.zst".into(),
        class: Class::Backup,
        scope: Scope::All,
        mode: Mode::Full,
        parent_id: None,
        needs: vec![],
        needs_omitted: 0,
        needed_by: vec!["0199f3a0-0000-7000-8000-000000000003".into()],
        needed_by_omitted: 2501,
        created_at: Time(1_761_748_200_000),
        finished_at: Some(Time(1_761_748_215_500)),
        size_bytes: 1_500_000_000,
        raw_bytes: 4_200_000_000,
        new_bytes: 4_200_000_000,
        files: 61_000,
        checksum: Some(Checksum::sha256("cd".repeat(32))),
        description: "nightly".into(),
        sources: vec![BackupSource {
            name: "data".into(),
            kind: SourceKind::Json,
            size_bytes: 1024,
            files: 1,
            warnings: vec!["data.json changed while it was read".into()],
            warnings_omitted: 3,
            counts: [("patients".to_owned(), 120), ("visits".to_owned(), 4000)].into(),
        }],
        requested_by: requester(),
        verified_at: Some(Time(1_761_750_000_000)),
        verify_result: Some(VerifyResult::Passed),
        holds: vec![Hold {
            reason: "audit".into(),
            placed_by: "root".into(),
            placed_at: Time(1_761_750_000_000),
            until: None,
        }],
        state: BackupState::Available,
        job_id: Some("0199f3a0-0000-7000-8000-000000000002".into()),
        copies: vec![BackupCopy {
            store: "local".into(),
            filename: "backup_2025-10-29_14-30-00.tar.zst".into(),
            size_bytes: 1_500_000_000,
            checksum: Some(Checksum::sha256("cd".repeat(32))),
            encrypted: false,
            state: BackupState::Available,
            verified_at: None,
        }],
    }
}

pub(crate) fn job() -> Job {
    Job {
        id: "0199f3a0-0000-7000-8000-000000000002".into(),
        kind: JobKind::Restore,
        title: "data, studies from backup_2025-10-29_14-30-00".into(),
        state: JobState::Failed,
        priority: 10,
        requested_by: requester(),
        requested_at: Time(1_761_748_199_000),
        started_at: Some(Time(1_761_748_200_000)),
        finished_at: None,
        progress: Some(JobProgress {
            phase: "stage".into(),
            done_bytes: 10,
            total_bytes: Some(100),
            done_files: 1,
            total_files: None,
            rate: 5,
            eta_seconds: Some(18),
        }),
        phases: vec![JobPhase {
            name: "verify".into(),
            started_at: Time(1_761_748_200_000),
            finished_at: Some(Time(1_761_748_201_000)),
        }],
        result: Some(JobResult {
            summary: Some("nothing was changed".into()),
            files: 1,
            bytes: 10,
            warnings: vec!["a".into()],
            damage: vec!["b".into()],
            omitted: 1,
        }),
        error: Some(error()),
        backup_id: Some(backup().id),
        safety_backup_id: None,
    }
}

fn backup_plan() -> BackupPlan {
    BackupPlan {
        scope: Scope::Files,
        mode: Mode::Full,
        parent_id: None,
        sources: vec![PlannedSource {
            name: "studies".into(),
            kind: SourceKind::Files,
            location: Octets(b"/data/stud\xffies".to_vec()),
            files: Some(61_000),
            size_bytes: None,
            notes: vec!["lies on the device of the store".into()],
        }],
        store_dir: Octets(b"/var/lib/carelog/backups".to_vec()),
        needed_bytes: 300,
        free_bytes: 1 << 40,
        notes: vec![],
    }
}

fn restore_plan() -> RestorePlan {
    RestorePlan {
        backup: backup(),
        undoes: None,
        sources: vec![RestoreSource {
            name: "data".into(),
            kind: SourceKind::Json,
            method: RestoreMethod::Exchange,
            destination: Octets(b"/srv/carelog/data/data.json".to_vec()),
            added: Change::default(),
            changed: Change { files: 1, bytes: 1024 },
            removed: Change { files: 70_000, bytes: u64::MAX },
            notes: vec![],
        }],
        safety_backup: true,
        unsaved: vec!["studies: unreadable".into()],
        damage: vec!["left as it is: source 'data'".into()],
        needed_bytes: 2048,
        free_bytes: None,
        estimate_seconds: Some(15),
        instructions: vec!["stop the application".into()],
    }
}

fn audit_record() -> AuditRecord {
    AuditRecord {
        sequence: 7,
        at: Time(1_761_748_200_000),
        user: "alice".into(),
        uid: Some(1000),
        via: "socket".into(),
        on_behalf_of: None,
        action: "restore".into(),
        object: Some(backup().id),
        outcome: "refused".into(),
        detail: Some("not an admin".into()),
        hash: "ab".repeat(32),
    }
}

pub(crate) fn status() -> Status {
    let point = BackupPoint { id: backup().id, filename: backup().filename, created_at: backup().created_at };
    Status {
        verdict: Verdict::AtRisk,
        generated_at: Time(1_761_755_400_000),
        protected_since: Some(Time(1_761_748_200_000)),
        restore_estimate_seconds: Some(300),
        problems: vec![Problem {
            severity: Severity::Warning,
            what: "the store lies on the device of data".into(),
            next: Some("move [backup] dir to another disk".into()),
        }],
        sources: vec![SourceStatus {
            name: "data".into(),
            kind: SourceKind::Json,
            newest_backup: Some(point.clone()),
            age_seconds: Some(7200),
            rpo_seconds: Some(86_400),
            newest_verified: None,
        }],
        newest_verified: Some(point),
        store: StoreStatus {
            dir: Octets(b"/var/lib/carelog/backups".to_vec()),
            same_device_as: vec!["data".into()],
            free_bytes: Some(1 << 38),
            total_bytes: Some(1 << 40),
            backups: 12,
            bytes: 18_000_000_000,
        },
        kept: vec![KeptData {
            job_id: job().id,
            sources: vec!["data".into()],
            until: Some(Time(1_762_353_000_000)),
            size_bytes: Some(1024),
            can_be_undone: true,
        }],
        running: vec![],
        queued: vec![job()],
        daemon: DaemonStatus {
            version: "0.1.0".into(),
            started_at: Time(1_761_700_000_000),
            timezone: "Europe/Berlin".into(),
        },
    }
}
