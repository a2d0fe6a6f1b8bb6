//! A job begins some time after it was due, the same time on every look.

use std::collections::BTreeSet;

use super::super::due;
use super::*;

fn jittered(cron: &str, minutes: u64) -> Schedule {
    Schedule { jitter: Duration::from_mins(minutes), ..schedule("jittered", cron) }
}

#[test]
fn it_is_below_the_jitter_and_differs_by_day_schedule_and_machine() {
    let schedule = jittered("@daily", 30);
    let midnights: Vec<_> = schedule.cron.upcoming(moment("2026-11-21T12:00:00Z"), &TimeZone::UTC).take(200).collect();
    let delays = |schedule: &Schedule, seed: &str| -> Vec<i64> {
        midnights.iter().map(|due| due::begins(schedule, *due, seed).duration_since(*due).as_secs()).collect()
    };
    let here = delays(&schedule, "here");
    assert!(here.iter().all(|delay| (0..1800).contains(delay)), "{here:?}");
    assert!(here.iter().collect::<BTreeSet<_>>().len() > 150, "{here:?}");
    assert_eq!(here, delays(&schedule, "here"));
    assert_ne!(here, delays(&schedule, "there"));
    assert_ne!(here, delays(&Schedule { name: "other".to_owned(), ..schedule }, "here"));
}

#[test]
fn it_never_reaches_the_next_due_time() {
    let schedule = jittered("*/10 * * * *", 60);
    for due in schedule.cron.upcoming(moment("2026-11-21T12:00:00Z"), &TimeZone::UTC).take(500) {
        let delay = due::begins(&schedule, due, "").duration_since(due);
        assert!(delay < SignedDuration::from_mins(10), "{due}: {delay}");
    }
}

#[test]
fn the_job_begins_just_then_also_when_the_daemon_is_restarted_meanwhile() {
    let schedules = [jittered("@daily", 120)];
    let mut stage = Stage::new(&schedules);
    let begins = stage.tick().unwrap();
    let due = moment("2026-11-22T00:00:00Z");
    assert!(begins > due && begins < moment("2026-11-22T02:00:00Z"), "{begins}");
    stage.sleep_until("2026-11-22T00:00:01Z");
    for _ in 0..2 {
        assert_eq!(stage.tick(), Some(begins));
        assert_eq!(stage.scheduler.schedules().unwrap()[0].next_due, Some(due), "it is still to come");
        stage.restart(&schedules);
    }
    assert_eq!(stage.jobs().len(), 0);
    stage.clock.advance(begins.duration_since(stage.clock.now()));
    stage.tick();
    assert_eq!((stage.jobs().len(), stage.state("jittered").last_due), (1, Some(due)));
    assert_eq!(stage.state("jittered").skipped, 0);
}

#[test]
fn what_was_missed_before_the_one_that_is_waited_for_is_counted_once() {
    let stage = Stage::new(&[jittered("@daily", 120)]);
    stage.sleep_until("2026-11-25T00:00:01Z");
    let begins = stage.tick().unwrap();
    assert!(begins > stage.clock.now(), "the jitter of this day leaves room for the test");
    assert_eq!((stage.jobs().len(), stage.state("jittered").skipped), (0, 3));
    stage.tick();
    stage.clock.advance(begins.duration_since(stage.clock.now()));
    stage.tick();
    assert_eq!((stage.jobs().len(), stage.state("jittered").skipped), (1, 3));
}
