//! `carelogctl schedule`.

use super::{YEARLY, schedule, scheduled_jobs, world_with};
#[cfg(feature = "failpoints")]
use crate::support::pause::Pause;

#[test]
fn a_schedule_is_run_by_hand_like_any_job_and_recorded_with_its_name() {
    let world = world_with(YEARLY);
    let _daemon = world.start();
    let ran = world.ctl(&["schedule", "run", "yearly"]).expect_code(0);
    assert!(ran.stdout.starts_with("backup done: "), "{}", ran.stdout);
    let shown = world.ctl(&["show", "latest", "--json"]).expect_code(0).json();
    let user = shown["requested_by"]["user"].as_str().unwrap();
    assert_eq!(shown["description"], format!("schedule yearly, asked for by {user}"));
    let detached = world.ctl(&["schedule", "run", "yearly", "--detach"]).expect_code(0);
    world.ctl(&["job", "watch", detached.stdout.trim()]).expect_code(0);
    let state = schedule(&world, "yearly");
    assert_eq!(
        (&state["last_job_id"], &state["last_due_at"]),
        (&detached.stdout.trim().into(), &serde_json::Value::Null)
    );
    assert_eq!(state["last_job_state"], "succeeded");
    assert_eq!(scheduled_jobs(&world).len(), 0);
    let audit = world.ctl(&["audit", "--json"]).expect_code(0).json();
    let enqueued = audit["records"].as_array().unwrap().iter().filter(|record| record["action"] == "job.enqueue");
    assert_eq!(enqueued.filter(|record| record["detail"].to_string().contains("yearly")).count(), 2, "{audit:#}");
}

#[test]
fn a_schedule_stands_still_until_it_is_resumed_and_says_who_paused_it_and_why() {
    let world = world_with(YEARLY);
    let daemon = world.start();
    world.ctl(&["schedule", "pause", "yearly"]).expect_code(2);
    let refused = world.ctl(&["schedule", "pause", "yearly", "-m", " "]).expect_code(2);
    assert!(refused.stderr.contains("a reason is needed"), "{}", refused.stderr);
    let paused = world.ctl(&["schedule", "pause", "yearly", "-m", "moving house"]).expect_code(0);
    assert!(paused.stdout.contains("moving house"), "{}", paused.stdout);
    let again = world.ctl(&["schedule", "pause", "yearly", "-m", "moving house"]).expect_code(8);
    assert!(again.stderr.contains("the schedule 'yearly' is paused already"), "{}", again.stderr);

    let _daemon = daemon.restart();
    let state = schedule(&world, "yearly");
    assert_eq!((&state["next_due_at"], &state["paused"]["why"]), (&serde_json::Value::Null, &"moving house".into()));
    let list = world.ctl(&["schedule", "list"]).expect_code(0);
    assert!(list.stdout.contains("yearly is paused by "), "{}", list.stdout);
    assert!(world.ctl(&["schedule", "next"]).expect_code(0).stdout.contains("nothing is due"));

    world.ctl(&["schedule", "resume", "yearly", "-m", "moved"]).expect_code(0);
    assert!(schedule(&world, "yearly")["next_due_at"].as_str().unwrap().ends_with("-01-01T00:00:00Z"));
    world.ctl(&["schedule", "resume", "yearly", "-m", "moved"]).expect_code(8);
    let audit = world.ctl(&["audit", "--json"]).expect_code(0).json();
    let records = audit["records"].as_array().unwrap();
    let recorded = |action: &str, why: &str| {
        let is_it = |record: &&serde_json::Value| record["action"] == action && record["object"] == "yearly";
        records.iter().filter(is_it).filter(|record| record["detail"].to_string().contains(why)).count()
    };
    assert_eq!((recorded("schedule.pause", "moving house"), recorded("schedule.resume", "moved")), (1, 1), "{audit:#}");
}

#[test]
fn the_next_times_are_told_as_the_clocks_of_the_zone_and_of_utc_show_them() {
    let world = world_with(
        "[[schedule]]\nname = \"new-year\"\ncron = \"30 2 1 1 *\"\ntimezone = \"Asia/Kathmandu\"\njob = \"prune\"\n",
    );
    let _daemon = world.start();
    let next = world.ctl(&["schedule", "next", "-n", "3", "new-year"]).expect_code(0);
    let lines: Vec<&str> = next.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{}", next.stdout);
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["LOCAL", "UTC", "SCHEDULE", "WORK"]);
    for line in &lines[1..] {
        assert!(line.contains("-01-01 02:30 +05:45") && line.contains("-12-31 20:45"), "{}", next.stdout);
    }
    let document = world.ctl(&["schedule", "next", "-n", "20", "--json"]).expect_code(0).json();
    assert_eq!(document["due"].as_array().unwrap().len(), 20);
}

#[test]
fn a_name_that_is_not_known_is_told_with_those_that_are() {
    let world = world_with(YEARLY);
    let _daemon = world.start();
    for args in [
        &["schedule", "next", "weekly"][..],
        &["schedule", "run", "weekly"],
        &["schedule", "pause", "weekly", "-m", "why not"],
        &["schedule", "resume", "weekly", "-m", "why not"],
    ] {
        let refused = world.ctl(args).expect_code(4);
        assert!(refused.stderr.contains("no schedule is named 'weekly'; there are: yearly"), "{}", refused.stderr);
    }
}

#[test]
#[cfg(feature = "failpoints")]
fn a_schedule_is_not_run_beside_itself() {
    let world = world_with(YEARLY);
    let (pause, _daemon) = Pause::at(&world, "backup.source_read");
    let job = world.ctl(&["schedule", "run", "yearly", "--detach"]).expect_code(0).stdout.trim().to_owned();
    pause.wait_reached();
    let refused = world.ctl(&["schedule", "run", "yearly"]).expect_code(8);
    assert!(refused.stderr.contains(&format!("{job}, has not ended")), "{}", refused.stderr);
    pause.release();
    world.ctl(&["job", "watch", &job]).expect_code(0);
    world.ctl(&["schedule", "run", "yearly"]).expect_code(0);
}

#[test]
fn a_reload_puts_other_schedules_in_force_and_begins_none_of_them() {
    let world = world_with(YEARLY);
    let _daemon = world.start();
    world.edit_config("0 0 1 1 *", "0 0 2 1 *");
    let reloaded = world.ctl(&["reload", "--json"]).expect_code(0).json();
    assert_eq!(reloaded["changed"], serde_json::json!(["schedule"]));
    assert!(schedule(&world, "yearly")["next_due_at"].as_str().unwrap().ends_with("-01-02T00:00:00Z"));
    world.edit_config("0 0 2 1 *", "0 0 31 2 *");
    let refused = world.ctl(&["reload"]).expect_code(1);
    assert!(refused.stderr.contains("schedule.yearly.cron: is never due"), "{}", refused.stderr);
    assert!(schedule(&world, "yearly")["next_due_at"].as_str().unwrap().ends_with("-01-02T00:00:00Z"));
    assert_eq!(scheduled_jobs(&world).len(), 0);
}
