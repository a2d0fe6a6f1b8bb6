use jiff::Timestamp;

use super::*;
use crate::catalog::samples::{self, actor, backup_spec, new_job, time};
use crate::catalog::{AuditFilter, JobEnd, JobFilter, JobOutcome, Lane};

/// A catalog with one schedule that begins at minute 0.
fn with_schedule() -> (Catalog, tempfile::TempDir) {
    let (catalog, dir) = samples::catalog();
    catalog.set_schedules(&[("nightly", "0 0 * * * UTC".to_owned())], time(0)).unwrap();
    (catalog, dir)
}

fn state(catalog: &Catalog, name: &str) -> ScheduleState {
    catalog.schedule_states().unwrap().into_iter().find(|state| state.name == name).unwrap()
}

fn run_at(at: Timestamp) -> ScheduleDecision {
    let run = Some(DueRun { at, job: new_job(backup_spec()) });
    ScheduleDecision { name: "nightly".to_owned(), considered_until: at, missed: None, run }
}

fn end_running(catalog: &Catalog) {
    let job = catalog.claim_next(Lane::Write, time(50)).unwrap().unwrap();
    let end = JobEnd::from(JobOutcome::done(Vec::new()));
    catalog.finish_job(job.id, &end, Vec::new(), time(51)).unwrap();
}

fn actions(catalog: &Catalog) -> Vec<String> {
    catalog.audit_records(&AuditFilter::default()).unwrap().iter().map(|record| record.entry.action.clone()).collect()
}

#[test]
fn a_new_schedule_begins_now_and_an_unchanged_one_goes_on() {
    let (catalog, _dir) = with_schedule();
    catalog.set_schedules(&[("nightly", "0 0 * * * UTC".to_owned())], time(5)).unwrap();
    let nightly = state(&catalog, "nightly");
    assert_eq!((nightly.considered_until, nightly.skipped, nightly.last_job), (time(0), 0, None));
}

#[test]
fn one_that_is_edited_or_comes_back_begins_anew_and_keeps_its_pause_and_its_counts() {
    let (catalog, _dir) = with_schedule();
    let pause = SchedulePause { who: "alice".to_owned(), at: time(1), why: "moving house".to_owned() };
    catalog.pause_schedule("nightly", &pause, &actor()).unwrap();
    let missed = Some(Missed { times: 3, last: time(1), why: "asleep".to_owned() });
    let decision = ScheduleDecision { name: "nightly".to_owned(), considered_until: time(1), missed, run: None };
    catalog.decide_schedule(&decision, &actor()).unwrap();

    catalog.set_schedules(&[("nightly", "0 1 * * * UTC".to_owned())], time(5)).unwrap();
    let edited = state(&catalog, "nightly");
    assert_eq!((edited.considered_until, edited.skipped, edited.paused.as_ref()), (time(5), 3, Some(&pause)));

    catalog.set_schedules(&[], time(6)).unwrap();
    assert_eq!(state(&catalog, "nightly").rule, "");
    catalog.set_schedules(&[("nightly", "0 1 * * * UTC".to_owned())], time(9)).unwrap();
    let back = state(&catalog, "nightly");
    assert_eq!((back.considered_until, back.skipped, back.paused), (time(9), 3, Some(pause)));
}

#[test]
fn a_decision_its_job_and_its_audit_record_are_one() {
    let (catalog, _dir) = with_schedule();
    let Some(Begun::Enqueued(job)) = catalog.decide_schedule(&run_at(time(7)), &actor()).unwrap() else {
        panic!("nothing stands in its way");
    };
    let nightly = state(&catalog, "nightly");
    assert_eq!((nightly.considered_until, nightly.last_due, nightly.last_job), (time(7), Some(time(7)), Some(job.id)));
    let record = catalog.audit_records(&AuditFilter::default()).unwrap().pop().unwrap();
    assert_eq!(
        (record.entry.action.as_str(), record.entry.parameters["schedule"].as_str()),
        ("job.enqueue", "nightly")
    );
    assert_eq!(record.entry.parameters["due"], time(7).to_string());
}

#[test]
fn while_the_last_job_has_not_ended_the_next_run_is_skipped_and_counted() {
    let (catalog, _dir) = with_schedule();
    let Some(Begun::Enqueued(first)) = catalog.decide_schedule(&run_at(time(1)), &actor()).unwrap() else { panic!() };
    let missed = Some(Missed { times: 2, last: time(3), why: "asleep".to_owned() });
    let skipped = catalog.decide_schedule(&ScheduleDecision { missed, ..run_at(time(4)) }, &actor()).unwrap();
    assert_eq!(skipped, Some(Begun::Unfinished(first.id)));
    let nightly = state(&catalog, "nightly");
    assert_eq!((nightly.considered_until, nightly.last_due), (time(4), Some(time(1))));
    assert_eq!((nightly.skipped, nightly.last_skipped), (3, Some(time(4))));
    assert_eq!(nightly.last_skipped_why, Some(format!("the job before it, {}, had not ended", first.id)));
    assert_eq!(catalog.list_jobs(&JobFilter::default()).unwrap().len(), 1);

    end_running(&catalog);
    assert!(matches!(catalog.decide_schedule(&run_at(time(8)), &actor()).unwrap(), Some(Begun::Enqueued(_))));
    assert_eq!(state(&catalog, "nightly").skipped, 3);
}

#[test]
fn what_somebody_asks_for_is_its_last_job_too_and_changes_nothing_about_when_it_is_due() {
    let (catalog, _dir) = with_schedule();
    let Begun::Enqueued(job) = catalog.run_schedule("nightly", &new_job(backup_spec()), &actor()).unwrap() else {
        panic!("nothing stands in its way");
    };
    let nightly = state(&catalog, "nightly");
    assert_eq!((nightly.considered_until, nightly.last_due, nightly.last_job), (time(0), None, Some(job.id)));
    let again = catalog.run_schedule("nightly", &new_job(backup_spec()), &actor()).unwrap();
    assert_eq!(again, Begun::Unfinished(job.id));
    let unknown = catalog.run_schedule("weekly", &new_job(backup_spec()), &actor());
    assert!(matches!(unknown, Err(CatalogError::NoSuchSchedule(name)) if name == "weekly"));
}

#[test]
fn a_pause_and_its_end_are_recorded_and_what_was_due_meanwhile_is_over() {
    let (catalog, _dir) = with_schedule();
    let pause = SchedulePause { who: "alice".to_owned(), at: time(2), why: "moving house".to_owned() };
    catalog.pause_schedule("nightly", &pause, &actor()).unwrap();
    assert_eq!(state(&catalog, "nightly").paused, Some(pause));
    catalog.resume_schedule("nightly", time(30), "moved", &actor()).unwrap();
    let nightly = state(&catalog, "nightly");
    assert_eq!((nightly.paused, nightly.considered_until, nightly.skipped), (None, time(30), 0));
    assert_eq!(actions(&catalog), ["schedule.pause", "schedule.resume"]);
}
