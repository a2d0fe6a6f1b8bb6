//! `restore --partial`: what is undamaged of a damaged backup.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Live, MountedWorld, backup, change_everything, job_of, keeping_world};
use crate::support::World;
use crate::support::clinic::{noise, write_file};
use crate::support::tree_diff::assert_same;

/// A world whose archive has several frames: the small files are in the first, the large one in all.
fn world_of_frames() -> World {
    let world = World::new();
    write_large(&world);
    world
}

fn write_large(world: &World) {
    write_file(&world.clinic.studies.join("a-large"), &noise(9, 12 << 20));
}

/// Zeroes a piece of the archive of backup `id`.
fn damage(world: &World, id: &str, at: impl Fn(usize) -> usize) {
    let shown = world.ctl(&["show", id, "--json"]).expect_code(0).json();
    let archive: PathBuf = world.backups().join(shown["filename"].as_str().unwrap());
    let mut bytes = fs::read(&archive).unwrap();
    let at = at(bytes.len());
    bytes[at..at + 64].fill(0);
    fs::write(&archive, bytes).unwrap();
}

/// The members that a job names as `so`.
fn named(job: &Value, so: &str) -> Vec<String> {
    let damage = job["result"]["damage"].as_array().unwrap().iter().filter_map(Value::as_str);
    let members = damage.filter_map(|line| line.strip_prefix(so)?.strip_prefix(": "));
    members.map(|rest| rest.split(':').next().unwrap().to_owned()).collect()
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}

#[test]
fn what_is_undamaged_is_restored_in_place_and_what_is_not_stays_as_it_is_and_is_named() {
    restore_partially_and_undo(&keeping_world());
}

#[test]
fn what_is_undamaged_is_restored_into_a_root_that_is_a_mount_point() {
    let Some(mounted) = MountedWorld::keeping() else { return };
    restore_partially_and_undo(&mounted.world);
}

#[track_caller]
fn restore_partially_and_undo(world: &World) {
    write_large(world);
    let _daemon = world.start();
    let id = backup(world);
    let then = Live::of(world);
    damage(world, &id, |length| length / 2);
    change_everything(world);
    let large = world.clinic.studies.join("a-large");
    fs::write(&large, "all that is left").unwrap();
    let now = Live::of(world);
    let refused = world.ctl(&["restore", &id, "--yes"]).expect_code(7);
    assert!(refused.stderr.contains("--partial"), "{}", refused.stderr);
    assert!(Live::of(world) == now);

    let job = world.ctl(&["restore", &id, "--partial", "--yes", "--json"]).expect_code(3).json();
    assert_eq!((&job["state"], named(&job, "left as it is")), (&"warned".into(), vec!["studies/a-large".to_owned()]));
    assert_eq!(read(&large), b"all that is left");
    let live = Live::of(world);
    assert!(live.records == then.records);
    let without_large = |live: &Live| {
        let mut studies = live.studies.clone();
        studies.entries.remove(&b"a-large"[..]).unwrap();
        studies
    };
    assert_same(&without_large(&then), &without_large(&live));

    job_of(world, &["restore", "--undo", job["id"].as_str().unwrap()]);
    assert!(Live::of(world) == now);
}

#[test]
fn a_document_that_is_damaged_stays_as_it_is_and_the_rest_is_restored() {
    let world = world_of_frames();
    let last = world.clinic.studies.join("z-last");
    write_file(&last, &noise(10, 5 << 20));
    let _daemon = world.start();
    let id = backup(&world);
    let then = read(&last);
    // The document comes first.
    damage(&world, &id, |_| 600);
    change_everything(&world);
    fs::write(&last, "another").unwrap();
    let records = world.clinic.records();
    let plan = world.ctl(&["restore", &id, "--partial", "--dry-run", "--json"]).expect_code(0).json();
    assert!(plan["damage"][0].as_str().unwrap().contains("source 'data'"), "{plan:#}");
    let answer = world.ctl(&["restore", &id, "--partial", "--yes"]).expect_code(3);
    assert!(answer.stderr.contains("left as it is: source 'data'"), "{}", answer.stderr);
    assert!(world.clinic.records() == records);
    assert!(read(&last) == then);
}

#[test]
fn what_is_undamaged_is_written_into_a_directory() {
    let world = world_of_frames();
    let _daemon = world.start();
    let id = backup(&world);
    damage(&world, &id, |length| length / 2);
    let [whole, part] = ["whole", "part"].map(|name| {
        fs::create_dir(world.path(name)).unwrap();
        world.path(name).to_str().unwrap().to_owned()
    });
    world.ctl(&["restore", &id, "--to", &whole]).expect_code(7);
    let job = world.ctl(&["restore", &id, "--partial", "--to", &part, "--json"]).expect_code(3).json();
    assert_eq!(named(&job, "left out"), ["studies/a-large"]);
    assert!(world.path("part/data.json").exists() && !world.path("part/studies/a-large").exists());
}
