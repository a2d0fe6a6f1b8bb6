//! What is shown of the schedules.

use super::*;
use crate::model::{JobState, SourceKind, SourceName};

fn source(name: &str) -> SourceName {
    SourceName::new(name).unwrap()
}

fn work(name: &str, cron: &str, work: ScheduledWork) -> Schedule {
    Schedule { work, ..schedule(name, cron) }
}

#[test]
fn the_next_times_are_told_in_order_with_the_clocks_of_each_zone() {
    let berlin = Schedule { timezone: TimeZone::get("Europe/Berlin").unwrap(), ..schedule("berlin", "30 1 * * *") };
    let stage = Stage::new(&[nightly(), berlin, work("prune", "0 2 * * *", ScheduledWork::Prune)]);
    let told = |name, count| -> Vec<String> {
        let times = stage.scheduler.next_due(name, count).unwrap();
        times.iter().map(|due| format!("{} {} | {} | {}", due.schedule, due.at, due.local, due.work)).collect()
    };
    assert_eq!(
        told(None, 4),
        [
            "nightly 2026-11-22T00:00:00Z | 2026-11-22 00:00 +00:00 | backup of all sources",
            "berlin 2026-11-22T00:30:00Z | 2026-11-22 01:30 +01:00 | backup of all sources",
            "prune 2026-11-22T02:00:00Z | 2026-11-22 02:00 +00:00 | prune by the retention rules",
            "nightly 2026-11-23T00:00:00Z | 2026-11-23 00:00 +00:00 | backup of all sources",
        ]
    );
    assert_eq!(told(Some("prune"), 2).len(), 2);
    stage.scheduler.pause("prune", "audit", &by_alice()).unwrap();
    assert_eq!(told(Some("prune"), 2), [] as [&str; 0]);
    assert!(matches!(stage.scheduler.next_due(Some("weekly"), 2), Err(ScheduleError::Unknown { .. })));
}

#[test]
fn the_state_of_the_last_job_is_shown() {
    let stage = Stage::new(&[nightly()]);
    let look = || stage.scheduler.schedules().unwrap().remove(0);
    assert_eq!((look().last_job_state, look().next_due), (None, Some(moment("2026-11-22T00:00:00Z"))));
    stage.sleep_until("2026-11-22T00:00:00Z");
    stage.tick();
    assert_eq!(look().last_job_state, Some(JobState::Queued));
    stage.end_jobs();
    assert_eq!(
        (look().last_job_state, look().next_due),
        (Some(JobState::Succeeded), Some(moment("2026-11-23T00:00:00Z")))
    );
}

#[test]
fn the_next_backup_of_a_source_is_the_soonest_that_covers_it() {
    let backup = |scope, sources| ScheduledWork::Backup { scope, sources, mode: Mode::Incremental };
    let stage = Stage::new(&[
        work("files", "0 6 * * *", backup(Scope::Files, Vec::new())),
        work("data", "0 3 * * *", backup(Scope::All, vec![source("data")])),
        work("database", "0 4 * * *", backup(Scope::Database, Vec::new())),
        work("verify", "0 1 * * *", ScheduledWork::Verify(VerifyWhich::All)),
    ]);
    let next = |name, kind| stage.scheduler.next_backup_of(&source(name), kind).unwrap();
    assert_eq!(next("data", SourceKind::Json), Some(moment("2026-11-22T03:00:00Z")));
    assert_eq!(next("letters", SourceKind::Json), Some(moment("2026-11-22T04:00:00Z")));
    assert_eq!(next("studies", SourceKind::Files), Some(moment("2026-11-22T06:00:00Z")));
    stage.scheduler.pause("data", "import", &by_alice()).unwrap();
    assert_eq!(next("data", SourceKind::Json), Some(moment("2026-11-22T04:00:00Z")));
    stage.scheduler.pause("files", "move", &by_alice()).unwrap();
    assert_eq!(next("studies", SourceKind::Files), None);
}
