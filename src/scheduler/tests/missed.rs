//! What was due while nobody looked.

use super::*;

#[test]
fn a_time_that_was_missed_while_off_is_made_up_for_once_while_it_is_young_enough() {
    let mut stage = Stage::new(&[nightly()]);
    stage.sleep_until("2026-11-25T23:59:00Z");
    stage.restart(&[nightly()]);
    stage.tick();
    stage.end_jobs();
    stage.tick();
    let state = stage.state("nightly");
    assert_eq!(stage.enqueued_at(), ["2026-11-25T23:59:00Z"]);
    assert_eq!((state.last_due, state.skipped), (Some(moment("2026-11-25T00:00:00Z")), 3));
    assert_eq!(state.last_skipped, Some(moment("2026-11-24T00:00:00Z")));
    let why = "carelogd was off or asleep; the run due at 2026-11-25T00:00:00Z makes up for it";
    assert_eq!(state.last_skipped_why.as_deref(), Some(why));
    stage.live_until("2026-11-26T00:00:00Z");
    assert_eq!(stage.jobs().len(), 2, "the next is on time");
}

#[test]
fn one_that_is_older_than_catch_up_is_counted_and_not_made_up_for() {
    let short = Schedule { catch_up: Duration::from_hours(2), ..nightly() };
    let stage = Stage::new(std::slice::from_ref(&short));
    stage.sleep_until("2026-11-23T02:00:00Z");
    stage.tick();
    let state = stage.state("nightly");
    assert_eq!((stage.jobs().len(), state.skipped, state.last_due), (0, 2, None));
    assert_eq!(state.last_skipped, Some(moment("2026-11-23T00:00:00Z")));
    let why = "carelogd was off or asleep, for longer than its catch_up of 2h";
    assert_eq!(state.last_skipped_why.as_deref(), Some(why));

    let stage = Stage::new(&[short]);
    stage.sleep_until("2026-11-23T01:59:59Z");
    stage.tick();
    assert_eq!((stage.jobs().len(), stage.state("nightly").skipped), (1, 1));
}

#[test]
fn without_catch_up_a_time_still_has_the_minute_in_which_somebody_looks() {
    for (late, runs) in [("2026-11-22T00:02:00Z", 1), ("2026-11-22T00:02:01Z", 0)] {
        let stage = Stage::new(&[Schedule { catch_up: Duration::ZERO, ..nightly() }]);
        stage.sleep_until(late);
        stage.tick();
        assert_eq!((stage.jobs().len(), stage.state("nightly").skipped), (runs, 1 - runs as u64), "{late}");
    }
}

#[test]
fn a_suspend_of_a_minutely_schedule_is_one_run_and_counted() {
    let stage = Stage::new(&[schedule("minutely", "* * * * *")]);
    stage.live_until("2026-11-21T12:05:00Z");
    stage.sleep_until("2026-11-21T20:05:20Z");
    stage.tick();
    assert_eq!((stage.jobs().len(), stage.state("minutely").skipped), (6, 479));
    stage.sleep_until("2046-11-21T20:05:20Z");
    stage.end_jobs();
    stage.tick();
    assert_eq!((stage.jobs().len(), stage.state("minutely").skipped), (7, 1479), "not walked through one by one");
}

#[test]
fn a_job_that_still_runs_after_a_suspend_is_not_doubled() {
    let stage = Stage::new(&[schedule("hourly", "@hourly")]);
    stage.sleep_until("2026-11-21T13:00:00Z");
    stage.tick();
    stage.sleep_until("2026-11-21T17:30:00Z");
    stage.tick();
    assert_eq!((stage.jobs().len(), stage.state("hourly").skipped), (1, 4));
}
