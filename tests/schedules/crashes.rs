//! A daemon that is killed while it decides: a run is neither lost nor doubled.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;

use jiff::Timestamp;
use nix::sys::signal::Signal;

use super::{YEARLY, long_ago, schedule, scheduled_jobs, world_with};
use crate::support::World;
use crate::support::wait::wait_for;

/// A world in which a run is due that was missed.
fn world_in_arrears() -> World {
    let world = world_with(YEARLY);
    world.start().stop();
    long_ago(&world);
    world
}

/// One job came of it, now or before, and what was missed before is counted once.
#[track_caller]
fn assert_made_up_for_once(world: &World, skipped: &serde_json::Value, at: &str) {
    let _daemon = world.start();
    wait_for("the end of the job", || {
        let jobs = scheduled_jobs(world);
        let all_ended = |jobs: &Vec<serde_json::Value>| {
            jobs.iter().all(|job| job["state"] != "queued" && job["state"] != "running")
        };
        Some(jobs).filter(|jobs| !jobs.is_empty()).filter(all_ended)
    });
    assert_round_made(world);
    let state = schedule(world, "yearly");
    assert_eq!((scheduled_jobs(world).len(), &state["skipped"]), (1, skipped), "killed at {at}");
    assert!(state["last_due_at"].is_string(), "killed at {at}: {state:#}");
}

/// Waits for the end of a round that begins now: whatever it would begin is there then.
#[track_caller]
fn assert_round_made(world: &World) {
    let now = Timestamp::now();
    // Its start and its end each ask for a round.
    world.ctl(&["backup"]).expect_code(0);
    wait_for("a round", || {
        let status = fs::read_to_string(world.path("status.json")).ok()?;
        let status: serde_json::Value = serde_json::from_str(&status).ok()?;
        let written: Timestamp = status["generated_at"].as_str()?.parse().ok()?;
        (written > now).then_some(())
    });
}

#[test]
fn a_daemon_killed_around_a_decision_neither_loses_nor_doubles_its_run() {
    // How it goes when nothing happens, and which commit is that of the decision.
    let undisturbed = world_in_arrears();
    let trace = undisturbed.path("trace");
    let daemon = undisturbed.start_with(&[("CARELOG_FAIL_TRACE", trace.to_str().unwrap())]);
    wait_for("the decision", || {
        fs::read_to_string(&trace).is_ok_and(|trace| trace.contains("scheduler.enqueued")).then_some(())
    });
    daemon.stop();
    let passed = fs::read_to_string(&trace).unwrap();
    let before = passed.lines().take_while(|point| *point != "scheduler.due");
    let commit = before.filter(|point| *point == "catalog.before_commit").count() + 1;
    let daemon = undisturbed.start();
    let skipped = schedule(&undisturbed, "yearly")["skipped"].clone();
    assert_eq!(scheduled_jobs(&undisturbed).len(), 1);
    daemon.stop();

    let in_the_commit = format!("catalog.before_commit=kill@{commit}");
    for point in ["scheduler.due=kill", &in_the_commit, "scheduler.enqueued=kill"] {
        let world = world_in_arrears();
        let mut daemon = world.spawn_with(&[("CARELOG_FAIL", point)]);
        assert_eq!(daemon.wait().signal(), Some(Signal::SIGKILL as i32), "{point}");
        assert_made_up_for_once(&world, &skipped, point);
    }
}

#[test]
fn a_decision_that_cannot_be_written_is_made_by_a_later_round() {
    let world = world_in_arrears();
    let _daemon = world.start_with(&[("CARELOG_FAIL", "scheduler.due=error")]);
    wait_for("the next round", || (!scheduled_jobs(&world).is_empty()).then_some(()));
    assert_eq!(scheduled_jobs(&world).len(), 1);
}
