//! What a person is told of a restore is so.

use std::fs;

use super::{Live, backup, change_everything, job_of, keeping_world};
use crate::support::World;
use crate::support::clinic::{noise, write_file};

/// Zeroes a piece of the archive of backup `id`, without another size or a new time being needed to see it.
fn damage(world: &World, id: &str, at: usize) {
    let shown = world.ctl(&["show", id, "--json"]).expect_code(0).json();
    let archive = world.backups().join(shown["filename"].as_str().unwrap());
    let mut bytes = fs::read(&archive).unwrap();
    bytes[at..at + 64].fill(0);
    fs::write(&archive, bytes).unwrap();
}

#[test]
fn a_backup_that_a_restore_found_damaged_protects_nobody_any_more() {
    let world = World::new();
    let _daemon = world.start();
    let id = backup(&world);
    damage(&world, &id, 600);
    world.ctl(&["status", "--check"]).expect_code(0);
    let refused = world.ctl(&["restore", &id, "--yes"]).expect_code(7);
    // By its id: `latest` is another one from now on.
    assert!(refused.stderr.contains(&format!("carelogctl restore {id} --partial")), "{}", refused.stderr);
    assert_eq!(refused.stderr.matches("damaged: ").count(), 1, "{}", refused.stderr);
    assert_eq!(world.ctl(&["show", &id, "--json"]).json()["state"], "corrupt");
    world.ctl(&["status", "--check"]).expect_code(2);
    world.ctl(&["restore", "latest", "--yes"]).expect_code(4);
}

#[test]
fn a_partial_restore_counts_what_it_restored() {
    let world = World::new();
    write_file(&world.clinic.studies.join("a-large"), &noise(9, 12 << 20));
    let _daemon = world.start();
    let id = backup(&world);
    let held = world.ctl(&["show", &id, "--json"]).json();
    let shown = held["filename"].as_str().unwrap();
    let length = fs::metadata(world.backups().join(shown)).unwrap().len();
    damage(&world, &id, usize::try_from(length / 2).unwrap());
    change_everything(&world);
    let job = world.ctl(&["restore", &id, "--partial", "--yes", "--json"]).expect_code(3).json();
    let restored = &job["result"];
    assert_eq!(restored["files"].as_u64().unwrap(), held["files"].as_u64().unwrap() - 1, "{restored:#}");
    assert!(restored["bytes"].as_u64().unwrap() < 12 << 20, "{restored:#}");
    let report = world.ctl(&["job", "show", job["id"].as_str().unwrap(), "--report", "--json"]).json();
    let sources = report["restore"]["sources"].as_array().unwrap();
    let studies = sources.iter().find(|source| source["name"] == "studies").unwrap();
    // What is live now is not what the backup says.
    assert!(studies["after"].is_null(), "{studies:#}");
}

#[test]
fn a_source_of_another_kind_is_not_protected_by_the_name_it_has() {
    let world = World::new();
    let daemon = world.start();
    let id = backup(&world);
    daemon.stop();
    let other = world.path("clinic/studies.json");
    fs::write(&other, "{}").unwrap();
    let config = world.config();
    let (before, studies) = config.split_once("name = \"studies\"").unwrap();
    let rest = studies.split_once("[access]").map(|(_, rest)| format!("[access]{rest}")).unwrap_or_default();
    let other = other.to_str().unwrap();
    world.write_config(&format!("{before}name = \"studies\"\ntype = \"json\"\npath = \"{other}\"\n{rest}"));
    let _daemon = world.start();
    let status = world.ctl(&["status", "--json"]).expect_code(0).json();
    let sources = status["sources"].as_array().unwrap();
    let studies = sources.iter().find(|source| source["name"] == "studies").unwrap();
    assert!(studies["newest_backup"].is_null(), "{studies:#}");
    assert_eq!(status["verdict"], "unprotected");
    world.ctl(&["restore", &id, "--yes"]).expect_code(4);
}

#[test]
fn a_plan_into_a_directory_is_of_the_paths_that_were_named() {
    let world = World::new();
    let _daemon = world.start();
    let id = backup(&world);
    let target = world.path("target");
    fs::create_dir(&target).unwrap();
    let plan = |path: &str| {
        world.ctl(&["restore", &id, "--to", target.to_str().unwrap(), "--path", path, "--dry-run", "--json"])
    };
    let plan_of_one = plan("studies/study-001/report.txt").expect_code(0).json();
    let size = fs::metadata(world.clinic.studies.join("study-001/report.txt")).unwrap().len();
    let sources = plan_of_one["sources"].as_array().unwrap();
    assert_eq!((sources.len(), &sources[0]["added"]), (1, &serde_json::json!({ "files": 1, "bytes": size })));
    plan("studies/absent").expect_code(4);
}

#[test]
fn a_time_typed_as_the_list_shows_it_names_that_backup() {
    let world = World::new();
    let _daemon = world.start();
    let id = backup(&world);
    let table = world.ctl(&["list"]).expect_code(0).stdout;
    let line = table.lines().nth(1).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = format!("{} {}", words[1], words[2]);
    let plan = world.ctl(&["restore", "--at", &at, "--dry-run", "--json"]).expect_code(0).json();
    assert_eq!(plan["backup"]["id"], id.as_str());
    assert_eq!(world.ctl(&["list", "--until", &at, "--json"]).json()["backups"][0]["id"], id.as_str());
    let none = world.ctl(&["restore", "--at", "2d", "--dry-run"]).expect_code(4);
    assert!(none.stderr.contains("no backup began at"), "{}", none.stderr);
}

#[test]
fn a_restore_says_how_to_bring_back_what_it_replaced_and_that_command_does() {
    let world = keeping_world();
    let _daemon = world.start();
    let id = backup(&world);
    change_everything(&world);
    let now = Live::of(&world);
    let said = world.ctl(&["restore", &id, "--yes"]).expect_code(0).stdout;
    let command = said.lines().find_map(|line| line.split_once("carelogctl ")).unwrap().1;
    let args: Vec<&str> = command.split(' ').chain(["--yes"]).collect();
    world.ctl(&args).expect_code(0);
    assert!(Live::of(&world) == now);

    let plain = World::new();
    let _daemon = plain.start();
    let id = backup(&plain);
    let said = plain.ctl(&["restore", &id, "--yes"]).expect_code(0).stdout;
    assert!(!said.contains("--undo"), "nothing is kept: {said}");
}

#[test]
fn no_option_is_offered_that_does_not_help() {
    let world = World::new();
    let _daemon = world.start();
    let id = backup(&world);
    let real = world.path("clinic/real");
    fs::rename(&world.clinic.studies, &real).unwrap();
    std::os::unix::fs::symlink(&real, &world.clinic.studies).unwrap();
    let refused = world.ctl(&["restore", &id, "--yes"]);
    assert!(refused.code != 0 && !refused.stderr.contains("--accept-unsaved"), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("symbolic link") && refused.stderr.contains("nothing was changed"),
        "{}",
        refused.stderr
    );
    assert!(!refused.stderr.contains("backs up the others"), "{}", refused.stderr);
    assert!(world.clinic.studies.is_symlink());
}

#[test]
fn the_time_of_a_small_restore_is_no_measure_of_a_large_one() {
    let world = World::new();
    let _daemon = world.start();
    let id = backup(&world);
    job_of(&world, &["restore", &id, "--path", "data.json"]);
    let status = world.ctl(&["status", "--json"]).expect_code(0).json();
    assert!(status["restore_estimate_seconds"].is_null(), "{status:#}");
    job_of(&world, &["restore", &id]);
    let status = world.ctl(&["status", "--json"]).expect_code(0).json();
    assert!(status["restore_estimate_seconds"].is_u64(), "{status:#}");
}

/// One that needs no other.
fn full_backup(world: &World) -> String {
    world.ctl(&["backup", "--full", "--json"]).expect_code(0).json()["backup_id"].as_str().unwrap().to_owned()
}

#[test]
fn counts_are_of_one_or_of_many_and_a_failed_verification_sums_up() {
    let world = World::new().without_trash();
    let _daemon = world.start();
    let (first, second) = (full_backup(&world), full_backup(&world));
    let removed = world.ctl(&["delete", &first, "-m", "made room", "--yes"]).expect_code(0).stdout;
    assert!(removed.contains(".tar.zst is removed") && removed.contains("freed"), "{removed}");
    damage(&world, &second, 600);
    let third = full_backup(&world);
    let found = world.ctl(&["verify", "--all"]).expect_code(7);
    assert!(found.stdout.contains("1 of 2 backups are sound"), "{found:?}");
    assert!(found.stderr.contains("damage was found: ") && found.stderr.contains("it hurts"), "{found:?}");
    world.ctl(&["list", "--limit", "0"]).expect_code(2);
    world.ctl(&["verify", &third]).expect_code(0);
}
