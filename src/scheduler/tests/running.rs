//! What is due begins, once; what is paused, edited or still running does not.

use super::*;
use crate::catalog::{BackupSpec, ExpireSpec, JobSpec, VerifySpec};

#[test]
fn every_due_time_begins_one_job_at_its_minute() {
    let stage = Stage::new(&[nightly(), schedule("often", "0 */8 * * *")]);
    stage.live_until("2026-11-23T12:00:00Z");
    let midnight = ["2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"];
    let eights = ["2026-11-21T16:00:00Z", "2026-11-22T08:00:00Z", "2026-11-22T16:00:00Z", "2026-11-23T08:00:00Z"];
    let mut expected = [&midnight[..], &midnight, &eights].concat();
    expected.sort_unstable();
    assert_eq!(stage.enqueued_at(), expected);
    assert_eq!(stage.state("nightly").last_due, Some(moment("2026-11-23T00:00:00Z")));
    assert_eq!((stage.state("nightly").skipped, stage.state("often").skipped), (0, 0));
}

#[test]
fn a_schedule_in_a_zone_follows_its_clocks_through_the_year() {
    let zoned = |cron| Schedule { timezone: TimeZone::get("Europe/Berlin").unwrap(), ..schedule("zoned", cron) };
    let spring = Stage::at("2026-03-28T12:00:00Z", &[zoned("30 2 * * *")]);
    spring.live_until("2026-03-30T12:00:00Z");
    assert_eq!(spring.enqueued_at(), ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
    let autumn = Stage::at("2026-10-24T12:00:00Z", &[zoned("30 2 * * *")]);
    autumn.live_until("2026-10-26T12:00:00Z");
    assert_eq!(autumn.enqueued_at(), ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
}

#[test]
fn looking_again_at_the_same_moment_begins_nothing_more() {
    let mut stage = Stage::new(&[nightly()]);
    stage.sleep_until("2026-11-22T00:00:00Z");
    let wake = stage.tick();
    assert_eq!(wake, Some(moment("2026-11-23T00:00:00Z")));
    stage.end_jobs();
    assert_eq!(stage.tick(), wake);
    stage.restart(&[nightly()]);
    assert_eq!(stage.tick(), wake);
    assert_eq!(stage.jobs().len(), 1);
}

#[test]
fn whoever_sleeps_exactly_as_long_as_it_says_misses_nothing() {
    let schedules = [Schedule { jitter: Duration::from_mins(20), ..nightly() }, schedule("often", "7,44 */5 * * *")];
    let stage = Stage::new(&schedules);
    for _ in 0..50 {
        let next = stage.tick().unwrap();
        stage.end_jobs();
        assert!(next > stage.clock.now());
        stage.clock.advance(next.duration_since(stage.clock.now()));
    }
    assert!(stage.jobs().len() >= 49, "{:?}", stage.enqueued_at());
    assert_eq!((stage.state("nightly").skipped, stage.state("often").skipped), (0, 0));
}

#[test]
fn each_kind_of_schedule_asks_for_its_job_and_says_whose_it_is() {
    let work = |name, work| Schedule { work, ..schedule(name, "@daily") };
    let sources = vec![crate::model::SourceName::new("data").unwrap()];
    let stage = Stage::new(&[
        work("a", ScheduledWork::Backup { scope: Scope::Database, sources: sources.clone(), mode: Mode::Full }),
        work("b", ScheduledWork::Verify(VerifyWhich::All)),
        work("c", ScheduledWork::Verify(VerifyWhich::Oldest)),
        work("d", ScheduledWork::Prune),
    ]);
    stage.sleep_until("2026-11-22T00:00:30Z");
    stage.tick();
    let description = |name: &str| format!("schedule {name}");
    let verify = |name, oldest| {
        let spec = VerifySpec { oldest, description: description(name), ..VerifySpec::default() };
        JobSpec::Verify(spec)
    };
    let backup = BackupSpec {
        scope: Scope::Database,
        sources,
        mode: Mode::Full,
        description: description("a"),
        rescan: false,
        is_mode_explicit: false,
    };
    let prune = JobSpec::Expire(ExpireSpec { backups: None, reason: description("d") });
    let specs: Vec<_> = stage.jobs().into_iter().map(|job| job.spec).collect();
    assert_eq!(specs, [JobSpec::Backup(backup), verify("b", false), verify("c", true), prune]);
    assert_eq!(stage.jobs()[0].requested_by, Requester::daemon("schedule"));
    let record = &stage.catalog.audit_records(&AuditFilter::default()).unwrap()[0];
    assert_eq!((record.entry.actor.via.as_str(), record.entry.parameters["schedule"].as_str()), ("schedule", "a"));
    assert_eq!(record.entry.parameters["due"], "2026-11-22T00:00:00Z");
}

#[test]
fn while_its_last_job_has_not_ended_a_due_time_is_skipped_and_counted() {
    let stage = Stage::new(&[schedule("hourly", "@hourly")]);
    stage.sleep_until("2026-11-21T13:00:00Z");
    stage.tick();
    let running = stage.jobs()[0].id;
    for at in ["2026-11-21T14:00:00Z", "2026-11-21T15:00:00Z"] {
        stage.sleep_until(at);
        stage.tick();
    }
    let state = stage.state("hourly");
    assert_eq!((stage.jobs().len(), state.skipped), (1, 2));
    assert_eq!(state.last_skipped, Some(moment("2026-11-21T15:00:00Z")));
    assert!(state.last_skipped_why.unwrap().contains(&running.to_string()));
    stage.end_jobs();
    stage.sleep_until("2026-11-21T15:59:00Z");
    stage.tick();
    assert_eq!(stage.jobs().len(), 1, "what was skipped is not made up for");
    stage.sleep_until("2026-11-21T16:00:00Z");
    stage.tick();
    assert_eq!((stage.jobs().len(), stage.state("hourly").skipped), (2, 2));
}

#[test]
fn a_paused_schedule_begins_nothing_and_counts_nothing_and_goes_on_with_the_next_time() {
    let stage = Stage::new(&[nightly(), schedule("other", "0 6 * * *")]);
    let look = stage.scheduler.pause("nightly", "moving house", &by_alice()).unwrap();
    assert_eq!((look.next_due, look.state.paused.unwrap().why.as_str()), (None, "moving house"));
    stage.live_until("2026-11-24T12:00:00Z");
    assert_eq!(stage.jobs().len(), 3, "only the other one");
    let look = stage.scheduler.resume("nightly", "moved", &by_alice()).unwrap();
    assert_eq!(look.next_due, Some(moment("2026-11-25T00:00:00Z")));
    stage.tick();
    assert_eq!(stage.jobs().len(), 3);
    stage.live_until("2026-11-25T00:00:00Z");
    assert_eq!((stage.jobs().len(), stage.state("nightly").skipped), (4, 0));
}

#[test]
fn pausing_twice_and_resuming_what_runs_are_refused() {
    let stage = Stage::new(&[nightly()]);
    let refused = stage.scheduler.resume("nightly", "why not", &by_alice()).unwrap_err();
    assert_eq!(refused.to_string(), "the schedule 'nightly' is not paused");
    stage.scheduler.pause("nightly", "holiday", &by_alice()).unwrap();
    let refused = stage.scheduler.pause("nightly", "holiday", &by_alice()).unwrap_err();
    assert_eq!(refused.to_string(), "the schedule 'nightly' is paused already");
    let unknown = stage.scheduler.pause("weekly", "holiday", &by_alice()).unwrap_err();
    assert_eq!(unknown.to_string(), "no schedule is named 'weekly'; there are: nightly");
    let none = Stage::new(&[]).scheduler.pause("weekly", "holiday", &by_alice()).unwrap_err();
    assert_eq!(none.to_string(), "no schedule is named 'weekly'; there are none");
}

#[test]
fn somebody_may_run_it_at_any_time_but_not_beside_itself() {
    let stage = Stage::new(&[nightly()]);
    stage.scheduler.pause("nightly", "holiday", &by_alice()).unwrap();
    let job = stage.scheduler.run_now("nightly", &alice(), &by_alice()).unwrap();
    let asked = stage.catalog.job(job).unwrap();
    assert_eq!((asked.requested_by, asked.spec.description()), (alice(), "schedule nightly, asked for by alice"));
    let refused = stage.scheduler.run_now("nightly", &alice(), &by_alice()).unwrap_err();
    assert!(matches!(refused, ScheduleError::Unfinished { job: before, .. } if before == job));
    stage.end_jobs();
    stage.scheduler.run_now("nightly", &alice(), &by_alice()).unwrap();
    assert_eq!(stage.state("nightly").last_due, None);
}

#[test]
fn a_queue_that_shuts_down_leaves_what_is_due_to_the_next_daemon() {
    let mut stage = Stage::new(&[nightly()]);
    let queue = Arc::new(ShuttingDown);
    stage.scheduler = Scheduler::new(stage.catalog.clone(), queue, stage.clock.clone(), vec![nightly()]).unwrap();
    stage.sleep_until("2026-11-22T00:00:00Z");
    stage.tick();
    assert_eq!((stage.jobs().len(), stage.state("nightly").last_due), (0, None));
    stage.sleep_until("2026-11-22T00:30:00Z");
    stage.restart(&[nightly()]);
    stage.tick();
    assert_eq!(stage.state("nightly").last_due, Some(moment("2026-11-22T00:00:00Z")));
}

#[test]
fn editing_adding_or_bringing_back_a_schedule_never_begins_a_job() {
    let mut stage = Stage::at("2026-11-22T00:30:00Z", &[nightly()]);
    stage.tick();
    let edited = schedule("nightly", "15 0 * * *");
    let zone = Schedule { timezone: TimeZone::get("Europe/Berlin").unwrap(), ..nightly() };
    for schedules in
        [vec![edited.clone()], vec![zone], vec![edited, schedule("new", "20 0 * * *")], vec![], vec![nightly()]]
    {
        stage.scheduler.set_schedules(schedules).unwrap();
        stage.tick();
    }
    assert_eq!(stage.jobs().len(), 0);
    // Also while nobody runs: it was another schedule that would have been due.
    stage.sleep_until("2026-11-25T08:00:00Z");
    stage.restart(&[schedule("nightly", "0 1 * * *")]);
    stage.tick();
    assert_eq!((stage.jobs().len(), stage.state("nightly").skipped), (0, 0));
    stage.live_until("2026-11-26T01:00:00Z");
    assert_eq!(stage.enqueued_at(), ["2026-11-26T01:00:00Z"]);
}

#[test]
fn what_it_does_may_be_edited_without_losing_the_run_that_is_due() {
    let mut stage = Stage::new(&[nightly()]);
    stage.sleep_until("2026-11-22T00:00:30Z");
    stage.restart(&[Schedule { work: ScheduledWork::Prune, catch_up: Duration::from_hours(1), ..nightly() }]);
    stage.tick();
    assert_eq!(stage.jobs().len(), 1);
}
