//! A wall clock that is put right, or wrong.

use super::*;

#[test]
fn no_due_time_runs_twice_when_the_clock_goes_back() {
    let stage = Stage::new(&[schedule("hourly", "@hourly")]);
    stage.live_until("2026-11-21T15:10:00Z");
    assert_eq!(stage.jobs().len(), 3);
    stage.sleep_until("2026-11-21T12:30:00Z");
    assert_eq!(stage.tick(), Some(moment("2026-11-21T16:00:00Z")));
    stage.live_until("2026-11-21T15:59:00Z");
    assert_eq!((stage.jobs().len(), stage.state("hourly").skipped), (3, 0));
    stage.live_until("2026-11-21T16:00:00Z");
    assert_eq!(stage.enqueued_at().last().unwrap(), "2026-11-21T16:00:00Z");
}

#[test]
fn a_clock_that_jumps_ahead_is_like_a_suspend() {
    let stage = Stage::new(&[nightly()]);
    stage.live_until("2026-11-21T12:10:00Z");
    stage.sleep_until("2026-11-24T05:00:00Z");
    stage.tick();
    assert_eq!((stage.jobs().len(), stage.state("nightly").skipped), (1, 2));
}

#[test]
fn a_clock_that_was_decades_ahead_does_not_silence_the_schedules_once_it_is_right() {
    let stage = Stage::new(&[nightly()]);
    stage.sleep_until("2090-06-01T05:00:00Z");
    stage.tick();
    stage.end_jobs();
    assert_eq!(stage.state("nightly").last_due, Some(moment("2090-06-01T00:00:00Z")));
    let skipped = stage.state("nightly").skipped;

    stage.sleep_until("2026-11-21T12:05:00Z");
    assert_eq!(stage.tick(), Some(moment("2026-11-22T00:00:00Z")));
    assert_eq!((stage.jobs().len(), stage.state("nightly").skipped), (1, skipped), "nothing by itself");
    stage.live_until("2026-11-22T00:00:00Z");
    assert_eq!(stage.jobs().len(), 2);
}

#[test]
fn a_schedule_that_was_made_in_1970_is_due_once_when_the_clock_is_right() {
    let stage = Stage::at("1970-01-01T00:00:40Z", &[nightly()]);
    stage.tick();
    stage.sleep_until("2026-11-21T12:00:00Z");
    stage.tick();
    stage.end_jobs();
    stage.tick();
    assert_eq!((stage.jobs().len(), stage.state("nightly").last_due), (1, Some(moment("2026-11-21T00:00:00Z"))));
}

#[test]
fn a_pause_outlives_every_jump() {
    let stage = Stage::new(&[nightly()]);
    stage.scheduler.pause("nightly", "holiday", &by_alice()).unwrap();
    for jump in ["2090-06-01T05:00:00Z", "1970-01-01T00:00:00Z", "2026-11-25T00:00:00Z"] {
        stage.sleep_until(jump);
        assert_eq!(stage.tick(), None);
    }
    assert_eq!((stage.jobs().len(), stage.state("nightly").skipped), (0, 0));
}
