//! A backup folder that is not there, or is another one. The daemon writes nothing, says so, and goes on when it is back.

use std::fs;

use crate::support::World;
use crate::support::mount::{Tmpfs, may_mount};

#[test]
fn a_backup_folder_that_was_moved_away_is_missed_and_not_made_again() {
    let world = World::new();
    let _daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    fs::rename(world.backups(), world.path("elsewhere")).unwrap();
    assert_missed(&world, "there is no such folder");
    assert!(!world.backups().exists());
    fs::rename(world.path("elsewhere"), world.backups()).unwrap();
    assert_found_again(&world);
}

#[test]
fn an_empty_folder_in_place_of_the_store_stays_empty() {
    let world = World::new();
    let _daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    fs::rename(world.backups(), world.path("elsewhere")).unwrap();
    fs::create_dir(world.backups()).unwrap();
    assert_missed(&world, "the folder is empty");
    assert_eq!(world.store_files(), Vec::<String>::new());
    fs::remove_dir(world.backups()).unwrap();
    fs::rename(world.path("elsewhere"), world.backups()).unwrap();
    assert_found_again(&world);
}

#[test]
fn an_empty_file_system_mounted_over_the_store_stays_empty() {
    if !may_mount() {
        return;
    }
    let world = World::new();
    let _daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    let over = Tmpfs::mount(&world.backups(), 1024);
    assert_missed(&world, "the folder is empty");
    assert_eq!(world.store_files(), Vec::<String>::new());
    drop(over);
    assert_found_again(&world);
}

#[test]
fn the_store_of_another_daemon_is_left_alone() {
    let (world, other) = (World::new(), World::new());
    other.start().stop();
    let _daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    fs::rename(world.backups(), world.path("elsewhere")).unwrap();
    fs::rename(other.backups(), world.backups()).unwrap();
    assert_missed(&world, "it is the store ");
    assert_eq!(world.store_files(), [".carelog-store"]);
    fs::rename(world.backups(), other.backups()).unwrap();
    fs::rename(world.path("elsewhere"), world.backups()).unwrap();
    assert_found_again(&world);
}

#[test]
fn a_daemon_that_starts_without_its_store_says_so_and_uses_it_once_it_is_there() {
    let world = World::new();
    let daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    daemon.stop();
    fs::rename(world.backups(), world.path("elsewhere")).unwrap();
    let _daemon = world.start();
    assert_missed(&world, "there is no such folder");
    assert!(!world.backups().exists());
    fs::rename(world.path("elsewhere"), world.backups()).unwrap();
    assert_found_again(&world);
}

/// Whatever needs the store is refused, the status is critical, the live data is untouched.
#[track_caller]
fn assert_missed(world: &World, what: &str) {
    let records = world.clinic.records();
    let id = world.ctl(&["list", "--json"]).json()["backups"][0]["id"].as_str().unwrap().to_owned();
    for args in [
        &["backup"][..],
        &["backup", "--dry-run"],
        &["restore", "latest", "--yes"],
        &["verify", "--all"],
        &["hold", &id, "-m", "keep"],
        &["download", &id, "-o", "copy.tar.zst"],
    ] {
        let answer = world.ctl(args);
        assert_eq!(answer.code, 9, "{args:?}: {answer:?}");
        assert!(answer.stderr.contains(what), "{args:?}: {answer:?}");
    }
    assert_eq!(world.clinic.records(), records);

    let status = world.ctl(&["status", "--json"]).expect_code(0).json();
    let problem = &status["problems"][0];
    assert_eq!(problem["severity"], "critical", "{status:#}");
    assert!(problem["what"].as_str().unwrap().contains(what), "{status:#}");
    let check = world.ctl(&["status", "--check"]).expect_code(2);
    assert!(check.stdout.contains("CRITICAL"), "{check:?}");
}

/// Without a restart, what was there is still good and the next backup succeeds.
#[track_caller]
fn assert_found_again(world: &World) {
    world.ctl(&["verify", "--all"]).expect_code(0);
    world.ctl(&["backup"]).expect_code(0);
    let list = world.ctl(&["list", "--json"]).expect_code(0).json();
    assert_eq!(list["backups"].as_array().unwrap().len(), 2);
    let archives = world.store_files().into_iter().filter(|name| name.ends_with(".tar.zst"));
    assert_eq!(archives.count(), 2);
    assert!(!world.path("copy.tar.zst").exists());
    let status = world.ctl(&["status", "--json"]).expect_code(0).json();
    let critical = status["problems"].as_array().unwrap().iter().filter(|problem| problem["severity"] == "critical");
    assert_eq!(critical.count(), 0, "{status:#}");
}
