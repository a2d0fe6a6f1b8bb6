//! A catalog that is damaged or gone, and a second daemon that wants the same one.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::World;

#[test]
fn a_second_daemon_on_the_same_state_folder_is_told_who_is_there() {
    let world = World::new();
    let first = world.start();
    let mut second = world.spawn_with(&[]);
    assert_eq!(second.wait().code(), Some(1));
    let expected = format!("carelogd.lock' is locked by process {}; stop that process first", first.pid());
    assert!(world.log().contains(&expected), "{}", world.log());
    world.ctl(&["backup"]).expect_code(0);
    first.stop();
}

#[test]
fn a_second_daemon_with_another_state_folder_does_not_take_the_socket() {
    let world = World::new();
    let first = world.start();
    world.edit_config("/state\"", "/other-state\"");
    world.edit_config("/backups\"", "/other-backups\"");
    let mut second = world.spawn_with(&[]);
    assert_eq!(second.wait().code(), Some(1));
    assert!(world.log().contains("another carelogd listens at"), "{}", world.log());
    world.ctl(&["status"]).expect_code(0);
    first.stop();
}

#[test]
fn a_catalog_full_of_garbage_is_set_aside_and_rebuilt() {
    rebuild_after(|catalog| fs::write(catalog, vec![0xA5; 40_000]).unwrap());
}

#[test]
fn a_catalog_that_was_cut_is_set_aside_and_rebuilt() {
    rebuild_after(|catalog| {
        let file = fs::OpenOptions::new().write(true).open(catalog).unwrap();
        file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    });
}

#[test]
fn a_catalog_with_damaged_pages_is_set_aside_and_rebuilt() {
    rebuild_after(|catalog| {
        let file = fs::OpenOptions::new().write(true).open(catalog).unwrap();
        for page in 1..file.metadata().unwrap().len() / 4096 {
            file.write_all_at(&[0xFF; 64], page * 4096).unwrap();
        }
    });
}

#[test]
fn a_catalog_that_is_gone_is_rebuilt() {
    let world = World::new();
    let before = fill(&world);
    for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
        let _absent = fs::remove_file(world.state_dir().join(name));
    }
    let _daemon = world.start();
    assert_eq!(essentials(&world), before);
    world.ctl(&["backup"]).expect_code(0);
}

/// Damages the catalog of a daemon that has backups and holds, and makes sure that the next one knows all of them.
#[track_caller]
fn rebuild_after(damage: impl FnOnce(&Path)) {
    let world = World::new();
    let before = fill(&world);
    let catalog = world.state_dir().join("catalog.db");
    settle(&catalog);
    damage(&catalog);
    let damaged = fs::read(&catalog).unwrap();
    let daemon = world.start();
    assert_eq!(essentials(&world), before);
    assert!(world.log().contains("the catalog was damaged ("), "{}", world.log());
    world.ctl(&["verify", "--all"]).expect_code(0);
    world.ctl(&["audit", "verify"]).expect_code(0);
    // The hold still holds.
    let held = before.iter().find(|backup| backup["holds"] != json!([])).unwrap()["id"].as_str().unwrap().to_owned();
    world.ctl(&["delete", &held, "-m", "try", "--yes"]).expect_code(9);
    // One that needs none of the others.
    world.ctl(&["backup", "--full"]).expect_code(0);
    // What was rebuilt is durable: the next start has nothing to repair.
    let _daemon = daemon.restart();
    assert_eq!(essentials(&world)[1..], before);

    let names = fs::read_dir(world.state_dir()).unwrap().map(|entry| entry.unwrap().path());
    let mut aside: Vec<_> = names.filter(|path| path.to_string_lossy().contains("catalog.db.damaged-")).collect();
    aside.retain(|path| !path.to_string_lossy().ends_with("-wal") && !path.to_string_lossy().ends_with("-shm"));
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert!(fs::read(&aside[0]).unwrap() == damaged, "what was set aside was changed");
}

/// Brings everything into the file itself: what is still in its log would repair the damage.
#[track_caller]
fn settle(catalog: &Path) {
    let connection = rusqlite::Connection::open(catalog).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    connection.close().unwrap();
    assert!(!catalog.with_extension("db-wal").exists());
}

/// Two backups, a safety backup, a hold; then the daemon is stopped. Returns what has to be known again.
#[track_caller]
fn fill(world: &World) -> Vec<Value> {
    let daemon = world.start();
    world.ctl(&["backup", "-m", "the first"]).expect_code(0);
    world.ctl(&["hold", "latest", "-m", "audit of 2025"]).expect_code(0);
    world.ctl(&["backup", "--source", "studies"]).expect_code(0);
    world.ctl(&["restore", "latest", "--yes"]).expect_code(0);
    let essentials = essentials(world);
    assert_eq!(essentials.len(), 3);
    daemon.stop();
    essentials
}

/// What of each backup is known from the store alone.
#[track_caller]
fn essentials(world: &World) -> Vec<Value> {
    let list = world.ctl(&["list", "--all", "--json"]).expect_code(0).json();
    let mut backups = list["backups"].as_array().unwrap().clone();
    for backup in &mut backups {
        let fields = backup.as_object_mut().unwrap();
        for known_to_the_catalog_alone in ["job_id", "verified_at", "verify_result", "copies"] {
            fields.remove(known_to_the_catalog_alone).unwrap();
        }
    }
    backups
}
