//! Jobs: waiting for them, leaving them, stopping them, several at once.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{background, running_backup, slow_world, wait_until_it_reads};
use crate::support::World;
use crate::support::process::Answer;
use crate::support::wait::wait_for;

#[test]
fn a_cancelled_backup_ends_with_130_and_leaves_a_clean_store() {
    let world = slow_world();
    let _daemon = world.start();
    let store = world.store_files();
    let waiting = background(world.ctl_command(&["backup", "--no-progress"]));
    let id = wait_for("the job", || {
        let jobs = world.ctl(&["jobs", "--json"]).expect_code(0).json();
        jobs["jobs"][0]["id"].as_str().map(str::to_owned)
    });
    wait_until_it_reads(&world, &id);
    assert_ne!(world.store_files(), store, "there is nothing that could be left behind");
    world.ctl(&["job", "cancel", &id]).expect_code(0);
    let waited: Answer = waiting.wait_with_output().unwrap().into();
    let waited = waited.expect_code(130);
    assert!(waited.stderr.contains("cancelled"), "{}", waited.stderr);
    assert_eq!(world.store_files(), store);
    assert_eq!(world.ctl(&["list", "--all", "--json"]).json()["backups"], serde_json::json!([]));
    world.ctl(&["job", "cancel", &id]).expect_code(8);
    world.ctl(&["job", "watch", &id]).expect_code(130);
    // What stands in the way of nothing.
    world.ctl(&["backup", "--source", "data"]).expect_code(0);
}

#[test]
fn a_job_that_waits_is_cancelled_at_once() {
    let world = slow_world();
    let _daemon = world.start();
    let first = running_backup(&world);
    let second = world.ctl(&["backup", "--detach"]).expect_code(0).stdout.trim().to_owned();
    assert_eq!(world.ctl(&["job", "show", &second, "--json"]).json()["state"], "queued");
    world.ctl(&["job", "cancel", &second]).expect_code(0);
    assert_eq!(world.ctl(&["job", "show", &second, "--json"]).json()["state"], "cancelled");
    assert_eq!(world.ctl(&["job", "show", &first, "--json"]).json()["state"], "running");
    world.ctl(&["job", "cancel", &first]).expect_code(0);
}

#[test]
fn an_interrupt_leaves_the_job_running_and_says_how_to_go_on() {
    let world = slow_world();
    let _daemon = world.start();
    let client = background(world.ctl_command(&["backup", "--no-progress"]));
    let id = wait_for("the job", || {
        let jobs = world.ctl(&["jobs", "--json"]).expect_code(0).json();
        jobs["jobs"][0]["id"].as_str().map(str::to_owned)
    });
    wait_until_it_reads(&world, &id);
    kill(Pid::from_raw(client.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let left: Answer = client.wait_with_output().unwrap().into();
    let left = left.expect_code(0);
    assert!(left.stderr.contains(&format!("carelogctl job watch {id}")), "{}", left.stderr);
    assert_eq!(left.stdout.trim(), id);
    assert_eq!(world.ctl(&["job", "show", &id, "--json"]).json()["state"], "running");
    world.ctl(&["job", "cancel", &id]).expect_code(0);
}

#[test]
fn a_detached_backup_can_be_watched_to_its_end() {
    let world = World::new();
    let _daemon = world.start();
    let id = world.ctl(&["backup", "--detach"]).expect_code(0).stdout.trim().to_owned();
    world.ctl(&["job", "watch", &id]).expect_code(0);
    // One that has ended ends at once, the same way.
    world.ctl(&["job", "watch", &id]).expect_code(0);
    let job = world.ctl(&["job", "show", &id, "--json"]).json();
    assert_eq!(job["state"], "succeeded");
    let backup = job["backup_id"].as_str().unwrap();
    assert_eq!(world.ctl(&["show", backup, "--json"]).json()["job_id"], id.as_str());
}

#[test]
fn two_clients_at_once_both_get_their_backup() {
    let world = World::new();
    let _daemon = world.start();
    let clients: Vec<_> = (0..2).map(|_| background(world.ctl_command(&["backup", "--json"]))).collect();
    let mut backups: Vec<String> = clients
        .into_iter()
        .map(|client| {
            let answer: Answer = client.wait_with_output().unwrap().into();
            answer.expect_code(0).json()["backup_id"].as_str().unwrap().to_owned()
        })
        .collect();
    backups.sort();
    backups.dedup();
    assert_eq!(backups.len(), 2);
    world.ctl(&["verify", "--all"]).expect_code(0);
    let jobs = world.ctl(&["jobs", "--json"]).json();
    let spans: Vec<_> = jobs["jobs"].as_array().unwrap().iter().filter(|job| job["kind"] == "backup").collect();
    let time = |job: &serde_json::Value, key: &str| job[key].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let (later, earlier) = (spans[0], spans[1]);
    let apart = time(earlier, "finished_at") <= time(later, "started_at")
        || time(later, "finished_at") <= time(earlier, "started_at");
    assert!(apart, "the write lane is serial: {jobs:#}");
}
