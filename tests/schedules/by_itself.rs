//! What is begun without anybody asking.

use jiff::Timestamp;

use super::{YEARLY, long_ago, schedule, scheduled_jobs, world_with};
use crate::support::World;
use crate::support::wait::wait_for;

#[test]
fn a_schedule_that_is_due_each_minute_backs_up_within_the_minute() {
    let world = world_with("[[schedule]]\nname = \"minutely\"\ncron = \"* * * * *\"\njob = \"backup\"\n");
    let daemon = world.start();
    let job = wait_for("the job of the minute", || {
        scheduled_jobs(&world).into_iter().find(|job| job["state"] == "succeeded")
    });
    let state = schedule(&world, "minutely");
    let due: Timestamp = state["last_due_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(due.as_second() % 60, 0);
    let shown = world.ctl(&["show", job["backup_id"].as_str().unwrap(), "--json"]).expect_code(0).json();
    assert_eq!(shown["description"], "schedule minutely");
    assert_eq!(shown["requested_by"]["user"], "carelogd");
    daemon.stop();
}

#[test]
fn without_schedules_in_the_configuration_the_shipped_ones_are_in_force() {
    let world = world_with("");
    let _daemon = world.start();
    let list = world.ctl(&["schedule", "list", "--json"]).expect_code(0).json();
    let shown: Vec<_> = list["schedules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|schedule| format!("{}: {}", schedule["cron"].as_str().unwrap(), schedule["work"].as_str().unwrap()))
        .collect();
    let shipped = [
        "0 0 * * *: backup of all sources",
        "0 3 * * 0: verify every backup",
        "0 2 * * *: prune by the retention rules",
    ];
    assert_eq!(shown, shipped);
}

#[test]
fn an_empty_list_of_schedules_means_that_nothing_is_done_by_itself() {
    let world = World::new();
    let _daemon = world.start();
    let list = world.ctl(&["schedule", "list"]).expect_code(0);
    assert_eq!(list.stdout, "no schedules: nothing is done by itself\n");
    let next = world.ctl(&["schedule", "next"]).expect_code(0);
    assert_eq!(next.stdout, "nothing is due; `carelogctl schedule list` shows what is paused\n");
}

#[test]
fn what_was_missed_while_the_daemon_was_off_is_made_up_for_once_by_its_next_start() {
    let world = world_with(YEARLY);
    world.start().stop();
    long_ago(&world);
    let daemon = world.start();
    wait_for("the backup that makes up for it", || {
        scheduled_jobs(&world).into_iter().find(|job| job["state"] == "succeeded")
    });
    let state = schedule(&world, "yearly");
    assert!(state["last_due_at"].as_str().unwrap().ends_with("-01-01T00:00:00Z"), "{state:#}");
    assert!([1, 2].map(serde_json::Value::from).contains(&state["skipped"]), "{state:#}");
    assert!(state["last_skipped_why"].as_str().unwrap().contains("makes up for it"), "{state:#}");
    let _next = daemon.restart();
    assert_eq!(scheduled_jobs(&world).len(), 1);
    assert_eq!(schedule(&world, "yearly")["skipped"], state["skipped"]);
}

#[test]
fn a_scheduled_verification_takes_the_backup_that_was_verified_longest_ago_and_a_prune_follows_the_rules() {
    let world = world_with(
        "[[schedule]]\nname = \"checks\"\ncron = \"0 0 1 1 *\"\njob = \"verify\"\nwhich = \"oldest\"\n\
         [[schedule]]\nname = \"rules\"\ncron = \"0 0 1 1 *\"\njob = \"prune\"\n",
    );
    let _daemon = world.start();
    let empty = world.ctl(&["schedule", "run", "checks"]).expect_code(0);
    assert!(empty.stdout.contains("there is no backup to verify"), "{}", empty.stdout);
    let ids = [(); 2].map(|()| {
        let job = world.ctl(&["backup", "--json"]).expect_code(0).json();
        job["backup_id"].as_str().unwrap().to_owned()
    });
    for wanted in [&ids[0], &ids[1], &ids[0]] {
        let job = world.ctl(&["schedule", "run", "checks", "--json"]).expect_code(0).json();
        assert_eq!((&job["kind"], &job["backup_id"]), (&"verify".into(), &wanted.as_str().into()), "{job:#}");
    }
    let pruned = world.ctl(&["schedule", "run", "rules", "--json"]).expect_code(0).json();
    assert_eq!(pruned["kind"], "prune");
    assert_eq!(world.ctl(&["list", "--json"]).expect_code(0).json()["backups"].as_array().unwrap().len(), 2);
}
