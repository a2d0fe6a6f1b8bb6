//! Every command of carelogctl against the real daemon: exit codes, documents, refusals, rights.

mod documents;
mod jobs;
mod refusals;
mod reload;
mod rights;
mod selection;
mod status;
mod trouble;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::World;
use crate::support::clinic::{noise, write_file};
use crate::support::wait::wait_for;

/// Takes a backup and returns its id.
#[track_caller]
fn backup(world: &World) -> String {
    let job = world.ctl(&["backup", "--json"]).expect_code(0).json();
    job["backup_id"].as_str().unwrap().to_owned()
}

/// Takes a backup that builds on no other.
#[track_caller]
fn full_backup(world: &World) {
    world.ctl(&["backup", "--full"]).expect_code(0);
}

/// The archive of the newest backup.
fn newest_archive(world: &World) -> PathBuf {
    let shown = world.ctl(&["show", "latest", "--json"]).expect_code(0).json();
    world.backups().join(shown["filename"].as_str().unwrap())
}

/// A world in which a backup takes many seconds: incompressible data and the slowest compression on one thread.
fn slow_world() -> World {
    let world = World::new();
    world.edit_config("[backup]", "[backup]\ncompression_level = 19\nthreads = 1");
    write_file(&world.clinic.studies.join("large"), &noise(7, 64 << 20));
    // Text that it takes long over.
    let text: Vec<u8> = noise(8, 48 << 20).into_iter().map(|byte| b"abcdefgh"[usize::from(byte % 8)]).collect();
    write_file(&world.clinic.studies.join("text"), &text);
    world
}

/// Enqueues a backup and waits until it reads; returns the job's id.
fn running_backup(world: &World) -> String {
    let started = world.ctl(&["backup", "--detach", "--json"]).expect_code(0).json();
    let id = started["job_id"].as_str().unwrap().to_owned();
    wait_until_it_reads(world, &id);
    id
}

fn wait_until_it_reads(world: &World, job: &str) {
    wait_for("the backup to read", || {
        let shown = world.ctl(&["job", "show", job, "--json"]).expect_code(0).json();
        assert!(["queued", "running"].contains(&shown["state"].as_str().unwrap()), "{shown:#}");
        (shown["progress"]["phase"] == "read").then_some(())
    });
}

/// `command` in the background with its output kept.
fn background(mut command: Command) -> std::process::Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Each of `keys` is there; an absent value is `null` and not left out.
#[track_caller]
fn assert_has_keys(document: &Value, keys: &str) {
    let object = document.as_object().unwrap_or_else(|| panic!("no object: {document}"));
    let missing: Vec<&str> = keys.split_whitespace().filter(|key| !object.contains_key(*key)).collect();
    assert!(missing.is_empty(), "{missing:?} are missing in {document:#}");
}
