use super::*;
use crate::catalog::samples::{self, actor, backup_spec, enqueue, restore_spec, time, verify_spec};
use crate::catalog::{AuditFilter, Catalog, CatalogError, FindError};

fn claim(catalog: &Catalog, lane: Lane) -> Option<JobId> {
    catalog.claim_next(lane, time(1)).unwrap().map(|job| job.id)
}

fn actions(catalog: &Catalog) -> Vec<String> {
    catalog.audit_records(&AuditFilter::default()).unwrap().into_iter().map(|record| record.entry.action).collect()
}

#[test]
fn a_job_goes_from_waiting_through_running_to_its_end_with_all_that_is_known_of_it() {
    let (catalog, _dir) = samples::catalog();
    let new = samples::new_job(backup_spec());
    let queued = catalog.enqueue(&new, &actor()).unwrap();
    assert_eq!((queued.state, &queued.spec, &queued.requested_by), (JobState::Queued, &new.spec, &new.requested_by));

    let running = catalog.claim_next(Lane::Write, time(1)).unwrap().unwrap();
    assert_eq!((running.id, running.state, running.started_at), (new.id, JobState::Running, Some(time(1))));

    let phases = vec![Phase { name: "read".to_owned(), started_at: time(1), finished_at: Some(time(2)) }];
    let mut outcome = JobOutcome::done(vec!["'a' changed while it was read".to_owned()]);
    outcome.backup_id = Some(samples::backup_id(1));
    outcome.notes.insert("extra".to_owned(), 1.into());
    let end = JobEnd { outcome: outcome.clone(), backup: Some(Box::new(samples::backup(1))) };
    let ended = catalog.finish_job(new.id, &end, phases.clone(), time(2)).unwrap();

    assert_eq!(ended.state, JobState::Warned);
    assert_eq!(catalog.job(new.id).unwrap(), ended);
    assert_eq!((ended.phases, ended.outcome, ended.finished_at), (phases, Some(outcome), Some(time(2))));
    assert_eq!(catalog.backup(samples::backup_id(1)).unwrap(), samples::backup(1));
    assert_eq!(actions(&catalog), ["job.enqueue", "job.start", "job.end"]);
}

#[test]
fn a_backup_that_cannot_be_recorded_leaves_its_job_running() {
    let (catalog, _dir) = samples::catalog();
    catalog.insert_backup(&samples::backup(1), &samples::entry("backup.add")).unwrap();
    let id = enqueue(&catalog, backup_spec());
    claim(&catalog, Lane::Write).unwrap();
    let end = JobEnd { outcome: JobOutcome::done(Vec::new()), backup: Some(Box::new(samples::backup(1))) };
    let error = catalog.finish_job(id, &end, Vec::new(), time(2)).unwrap_err();
    assert!(error.is_permanent(), "{error}");
    assert_eq!(catalog.job(id).unwrap().state, JobState::Running);
}

#[test]
fn the_oldest_of_the_highest_priority_is_claimed_first_and_lanes_do_not_mix() {
    let (catalog, _dir) = samples::catalog();
    let [first, second] = [(); 2].map(|()| enqueue(&catalog, backup_spec()));
    let verify = enqueue(&catalog, verify_spec());
    let live = enqueue(&catalog, restore_spec(false));
    let order: Vec<_> = std::iter::from_fn(|| claim(&catalog, Lane::Write)).collect();
    assert_eq!(order, [live, first, second]);
    assert_eq!(claim(&catalog, Lane::Read), Some(verify));
    assert_eq!(claim(&catalog, Lane::Read), None);
}

#[test]
fn only_what_waits_is_cancelled_and_only_what_runs_is_finished() {
    let (catalog, _dir) = samples::catalog();
    let id = enqueue(&catalog, backup_spec());
    let end = JobEnd::from(JobOutcome::done(Vec::new()));
    let early = catalog.finish_job(id, &end, Vec::new(), time(1)).unwrap_err();
    assert!(matches!(early, CatalogError::WrongState { found: JobState::Queued, .. }), "{early}");

    let cancelled = catalog.cancel_queued(id, time(1), &actor()).unwrap().unwrap();
    assert_eq!((cancelled.state, cancelled.started_at), (JobState::Cancelled, None));
    assert_eq!(cancelled.outcome.unwrap().error.unwrap().code, ErrorCode::Cancelled);
    assert_eq!(catalog.cancel_queued(id, time(1), &actor()).unwrap(), None);
    assert_eq!(claim(&catalog, Lane::Write), None);
    let unknown = JobId::generate();
    assert!(
        matches!(catalog.cancel_queued(unknown, time(1), &actor()), Err(CatalogError::NoSuchJob(id)) if id == unknown)
    );
}

#[test]
fn after_a_kill_what_ran_is_interrupted_and_what_waited_still_waits() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("catalog.db");
    let (catalog, _) = Catalog::open(&path, time(0)).unwrap();
    let ran = enqueue(&catalog, backup_spec());
    claim(&catalog, Lane::Write).unwrap();
    let waits = enqueue(&catalog, backup_spec());
    let lost_its_directory = enqueue(&catalog, restore_spec(true));
    // As a kill leaves it: the file and its log as they are, nothing closed.
    let killed = tempfile::TempDir::new().unwrap();
    for name in ["catalog.db", "catalog.db-wal"] {
        std::fs::copy(dir.path().join(name), killed.path().join(name)).unwrap();
    }

    let (catalog, _) = Catalog::open(&killed.path().join("catalog.db"), time(5)).unwrap();
    let interrupted = catalog.mark_interrupted(time(5)).unwrap();

    assert_eq!(interrupted.iter().map(|job| job.id).collect::<Vec<_>>(), [ran, lost_its_directory]);
    for job in &interrupted {
        assert_eq!((job.state, job.finished_at), (JobState::Interrupted, Some(time(5))));
        assert_eq!(catalog.job(job.id).unwrap(), *job);
    }
    assert_eq!(catalog.mark_interrupted(time(6)).unwrap(), []);
    assert_eq!(claim(&catalog, Lane::Write), Some(waits));
    catalog.verify_audit().unwrap();
}

#[test]
fn jobs_are_listed_newest_first_and_found_by_prefix() {
    let (catalog, _dir) = samples::catalog();
    let ids: Vec<_> = (0..3).map(|_| enqueue(&catalog, backup_spec())).collect();
    catalog.cancel_queued(ids[1], time(1), &actor()).unwrap();
    let list = |filter| catalog.list_jobs(&filter).unwrap().iter().map(|job| job.id).collect::<Vec<_>>();
    assert_eq!(list(JobFilter::default()), [ids[2], ids[1], ids[0]]);
    assert_eq!(list(JobFilter { unfinished: true, limit: None }), [ids[2], ids[0]]);
    assert_eq!(list(JobFilter { unfinished: true, limit: Some(1) }), [ids[2]]);
    assert_eq!(catalog.find_job(&ids[0].to_string()).unwrap().id, ids[0]);
    assert!(matches!(catalog.find_job(&ids[0].to_string()[..4]), Err(FindError::Ambiguous { .. })));
    assert!(matches!(catalog.find_job("ffffffff"), Err(FindError::NotFound { noun: "job", .. })));
}

#[test]
fn the_stored_form_of_a_job_is_fixed() {
    let text = serde_json::to_string(&restore_spec(true)).unwrap();
    assert_eq!(
        text,
        format!(
            r#"{{"kind":"restore","backup":"{}","sources":[],"accept_unsaved":false,"description":"","to_directory":true}}"#,
            samples::backup_id(1)
        )
    );
    for spec in [backup_spec(), verify_spec(), restore_spec(false)] {
        let text = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<JobSpec>(&text).unwrap(), spec);
    }
}
