//! `restore --now`, and what is said without it.

use serde_json::Value;

use crate::support::World;
use crate::support::clinic::{noise, write_file};
use crate::support::process::Answer;
use crate::support::wait::wait_for;

/// A world with a backup in which another takes many seconds.
fn slow_world() -> World {
    let world = World::new();
    world.edit_config("[backup]", "[backup]\ncompression_level = 19\nthreads = 1");
    let text: Vec<u8> = noise(8, 48 << 20).into_iter().map(|byte| b"abcdefgh"[usize::from(byte % 8)]).collect();
    write_file(&world.clinic.studies.join("text"), &text);
    world
}

fn running_backup(world: &World) -> String {
    let id = world.ctl(&["backup", "--source", "studies", "--detach"]).expect_code(0).stdout.trim().to_owned();
    wait_for("the backup to read", || {
        let shown = world.ctl(&["job", "show", &id, "--json"]).expect_code(0).json();
        (shown["progress"]["phase"] == "read").then_some(())
    });
    id
}

fn job(world: &World, id: &str) -> Value {
    world.ctl(&["job", "show", id, "--json"]).expect_code(0).json()
}

#[test]
fn a_restore_asked_for_with_now_stops_a_backup_that_runs() {
    let world = slow_world();
    let _daemon = world.start();
    world.ctl(&["backup", "--source", "data"]).expect_code(0);
    let running = running_backup(&world);
    let restore = world.ctl(&["restore", "latest", "--now", "--yes", "--json"]).expect_code(0).json();
    let stopped = job(&world, &running);
    assert_eq!(stopped["state"], "cancelled");
    let id = restore["id"].as_str().unwrap();
    let message = stopped["error"]["message"].as_str().unwrap();
    assert!(message.contains(&format!("made way for the restore by job {id}")), "{message}");
    let audit = world.ctl(&["audit", "--json"]).expect_code(0).json();
    let records = audit["records"].as_array().unwrap();
    let cancel = records.iter().find(|record| record["action"] == "job.cancel").unwrap();
    assert_eq!(cancel["object"], running.as_str());
    assert!(cancel["detail"].as_str().unwrap().contains(&format!("makes_way_for={id}")), "{cancel:#}");
}

#[test]
fn without_now_the_client_says_which_job_it_waits_for() {
    let world = slow_world();
    let _daemon = world.start();
    world.ctl(&["backup", "--source", "data"]).expect_code(0);
    let running = running_backup(&world);
    let restore = world.ctl(&["restore", "latest", "--yes", "--detach"]).expect_code(0).stdout.trim().to_owned();
    let mut watching = world.ctl_command(&["job", "watch", &restore]);
    let watching = watching.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let line = wait_for("what the restore waits for", || {
        let mut lines = world.ctl_command(&["job", "watch", &restore, "--json"]);
        let mut child = lines.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let update: Value = serde_json::from_str(&line).unwrap();
        update["behind"].is_object().then_some(update)
    });
    assert_eq!(line["behind"]["id"], running.as_str(), "{line:#}");
    assert_eq!(line["behind"]["yields"], true);
    world.ctl(&["job", "cancel", &running]).expect_code(0);
    let watched: Answer = watching.wait_with_output().unwrap().into();
    let watched = watched.expect_code(0);
    assert!(watched.stderr.contains("waits for backup") && watched.stderr.contains("--now"), "{}", watched.stderr);
}
