//! `restore --path`.

use std::fs;

use super::{Live, MountedWorld, backup, change_everything, job_of, keeping_world};
use crate::support::World;

#[test]
fn a_path_in_place_replaces_what_it_names_and_leaves_the_rest() {
    restore_paths_and_undo(&keeping_world());
}

#[test]
fn a_path_in_a_root_that_is_a_mount_point_replaces_what_it_names_and_leaves_the_rest() {
    let Some(mounted) = MountedWorld::keeping() else { return };
    restore_paths_and_undo(&mounted.world);
}

#[track_caller]
fn restore_paths_and_undo(world: &World) {
    let _daemon = world.start();
    let id = backup(world);
    let studies = world.clinic.studies.clone();
    let then = fs::read(studies.join("study-000/report.txt")).unwrap();
    change_everything(world);
    fs::write(studies.join("study-002/report.txt"), "later").unwrap();
    let before = Live::of(world);

    let job = job_of(world, &["restore", &id, "--path", "studies/study-000", "--path", "studies/study-001/report.txt"]);
    assert_eq!(fs::read(studies.join("study-000/report.txt")).unwrap(), then);
    assert_ne!(fs::read_to_string(studies.join("study-001/report.txt")).unwrap(), "nonsense");
    // What was not named is as it was: the other source, other files, new ones.
    assert_eq!(world.clinic.records(), before.records);
    assert_eq!(fs::read_to_string(studies.join("study-002/report.txt")).unwrap(), "later");
    assert_eq!(fs::read_to_string(studies.join("new.txt")).unwrap(), "new");

    // An undo takes back what was named, and not what was written beside it since.
    fs::write(studies.join("study-002/report.txt"), "even later").unwrap();
    job_of(world, &["restore", "--undo", &job]);
    assert!(!studies.join("study-000/report.txt").exists());
    assert_eq!(fs::read_to_string(studies.join("study-001/report.txt")).unwrap(), "nonsense");
    assert_eq!(fs::read_to_string(studies.join("study-002/report.txt")).unwrap(), "even later");
}

#[test]
fn a_path_into_a_directory_writes_what_it_names_and_nothing_else() {
    let world = World::new();
    let _daemon = world.start();
    let id = backup(&world);
    let target = world.path("target");
    fs::create_dir(&target).unwrap();
    let to = target.to_str().unwrap();
    world.ctl(&["restore", &id, "--to", to, "--path", "studies/study-001", "--path", "data.json"]).expect_code(0);
    assert!(target.join("studies/study-001/report.txt").exists() && target.join("data.json").exists());
    assert!(!target.join("studies/study-000").exists());
}

#[test]
fn a_path_that_the_backup_does_not_hold_or_that_is_within_a_document_is_not_found() {
    let world = World::new();
    let _daemon = world.start();
    let id = backup(&world);
    let before = Live::of(&world);
    for path in ["studies/absent", "absent", "data.json/patients", "", "/etc/passwd", "studies/../data.json"] {
        let answer = world.ctl(&["restore", &id, "--path", path, "--yes"]).expect_code(4);
        assert!(answer.stderr.contains(&format!("does not hold '{path}'")), "{}", answer.stderr);
    }
    world.ctl(&["restore", &id, "--path", "studies/study-000", "--source", "data", "--yes"]).expect_code(2);
    assert!(Live::of(&world) == before);
    // A document is named by its own path, which is all of it.
    world.ctl(&["restore", &id, "--path", "data.json", "--yes"]).expect_code(0);
}

#[test]
fn a_plan_tells_how_much_is_added_changed_and_removed_and_how_long_it_takes() {
    let world = World::new();
    let _daemon = world.start();
    let id = backup(&world);
    let same = world.ctl(&["restore", &id, "--source", "studies", "--dry-run", "--json"]).expect_code(0).json();
    assert_eq!((&same["needed_bytes"], &same["estimate_seconds"]), (&0.into(), &serde_json::Value::Null), "{same:#}");
    let report = fs::metadata(world.clinic.studies.join("study-000/report.txt")).unwrap().len();
    change_everything(&world);
    let plan = world.ctl(&["restore", &id, "--source", "studies", "--dry-run", "--json"]).expect_code(0).json();
    let studies = &plan["sources"][0];
    assert_eq!(studies["added"], serde_json::json!({ "files": 1, "bytes": report }), "{studies:#}");
    assert_eq!(studies["removed"], serde_json::json!({ "files": 1, "bytes": 3 }), "{studies:#}");
    assert_eq!(studies["changed"]["files"], 1, "{studies:#}");
    assert!(plan["free_bytes"].as_u64().unwrap() > plan["needed_bytes"].as_u64().unwrap(), "{plan:#}");
    job_of(&world, &["restore", &id]);
    let again = world.ctl(&["restore", &id, "--dry-run", "--json"]).expect_code(0).json();
    assert!(again["estimate_seconds"].as_u64().unwrap() >= 1, "{again:#}");
}
