//! A daemon that is asked to end, and clients that die, while a job runs.

use std::process::Stdio;

use nix::sys::signal::Signal;

use crate::support::World;
use crate::support::pause::Pause;
use crate::support::wait::wait_until;

#[test]
fn sigterm_during_a_backup_ends_the_daemon_and_leaves_an_interrupted_job_and_a_clean_store() {
    let world = World::new();
    let (pause, mut daemon) = Pause::at(&world, "backup.source_read");
    let client = background(&world, &["backup"]);
    pause.wait_reached();
    daemon.signal(Signal::SIGTERM);
    wait_until("the daemon to hear it", || world.log().contains("SIGTERM: ending"));
    pause.release();
    assert!(daemon.wait().success());
    let answer: crate::support::process::Answer = client.wait_with_output().unwrap().into();
    assert!(answer.stderr.contains("shutting down") && answer.stderr.contains("carelogctl job show"), "{answer:?}");
    assert_eq!(answer.code, 8, "{answer:?}");
    assert_eq!(world.store_files(), [".carelog-store"]);
    assert!(!world.socket().exists());

    let _daemon = world.start();
    let job = only_job(&world);
    assert_eq!(job["state"], "interrupted", "{job:#}");
    world.ctl(&["backup"]).expect_code(0);
}

#[test]
fn a_client_that_is_killed_while_it_waits_changes_nothing_for_the_job() {
    let world = World::new();
    let (pause, _daemon) = Pause::at(&world, "backup.source_read");
    let mut client = background(&world, &["backup"]);
    pause.wait_reached();
    client.kill().unwrap();
    client.wait().unwrap();
    pause.release();
    wait_until("the end of the job", || only_job(&world)["state"] == "succeeded");
    world.ctl(&["verify", "latest"]).expect_code(0);
}

#[test]
fn a_job_that_is_cancelled_while_it_runs_leaves_nothing_and_its_client_is_told() {
    let world = World::new();
    let (pause, _daemon) = Pause::at(&world, "backup.source_read");
    let client = background(&world, &["backup"]);
    pause.wait_reached();
    let id = only_job(&world)["id"].as_str().unwrap().to_owned();
    world.ctl(&["job", "cancel", &id]).expect_code(0);
    pause.release();
    assert_eq!(client.wait_with_output().unwrap().status.code(), Some(130));
    assert_eq!(only_job(&world)["state"], "cancelled");
    assert_eq!(world.store_files(), [".carelog-store"]);
    world.ctl(&["backup"]).expect_code(0);
}

#[test]
fn a_restore_that_is_cancelled_between_two_sources_leaves_the_live_data_alone() {
    let world = World::new();
    let daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    daemon.stop();
    let live = || crate::support::TreeImage::of(&world.path("clinic"));
    let before = live();
    let (pause, _daemon) = Pause::at(&world, "restore.staged");
    let client = background(&world, &["restore", "latest", "--yes"]);
    pause.wait_reached();
    let id = world.ctl(&["jobs", "--json"]).json()["jobs"][0]["id"].as_str().unwrap().to_owned();
    world.ctl(&["job", "cancel", &id]).expect_code(0);
    pause.release();
    assert_eq!(client.wait_with_output().unwrap().status.code(), Some(130));
    // Its time of change tells that the folder was staged in; everything in it is as it was.
    let without_root = |image: crate::support::TreeImage| image.without_root();
    crate::support::tree_diff::assert_same(&without_root(before), &without_root(live()));
}

#[track_caller]
fn background(world: &World, args: &[&str]) -> std::process::Child {
    world.ctl_command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[track_caller]
fn only_job(world: &World) -> serde_json::Value {
    let jobs = world.ctl(&["jobs", "--all", "--json"]).expect_code(0).json();
    let jobs = jobs["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 1, "{jobs:#?}");
    jobs[0].clone()
}
