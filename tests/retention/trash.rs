//! The trash.

use std::fs;

use super::{full_backup, set_retention, show, state, world_with};
use crate::support::clinic::{noise, write_file};
use crate::support::tree_diff::assert_same;
use crate::support::{TreeImage, World};

/// What is live.
fn live(world: &World) -> (Vec<u8>, TreeImage) {
    (fs::read(&world.clinic.data).unwrap(), TreeImage::of(&world.clinic.studies))
}

#[test]
fn what_was_deleted_is_taken_back_bit_for_bit() {
    let world = World::new();
    world.edit_config(r#"exclude = ["auditLogs", "sessions"]"#, "");
    let _daemon = world.start();
    full_backup(&world);
    write_file(&world.clinic.studies.join("new.dcm"), &noise(3, 70_000));
    // It needs the first one's archive.
    let id = world.ctl(&["backup", "--json"]).expect_code(0).json()["backup_id"].as_str().unwrap().to_owned();
    let (data, studies) = live(&world);
    fs::remove_file(world.clinic.studies.join("new.dcm")).unwrap();
    let newest = full_backup(&world);

    let deleted = world.ctl(&["delete", &id, "-m", "mistaken", "--yes"]).expect_code(0).stdout;

    assert!(deleted.contains("is in the trash until"), "{deleted}");
    let listed = world.ctl(&["list", "--json"]).expect_code(0).json();
    assert!(listed["backups"].as_array().unwrap().iter().all(|backup| backup["id"] != id.as_str()), "{listed:#}");
    let text = world.ctl(&["list", "--all"]).expect_code(0).stdout;
    assert!(text.contains("trashed until "), "{text}");
    assert!(show(&world, &id)["trashed_until"].is_string());
    for args in [&["restore", &id, "--yes"][..], &["download", &id, "-o", "-"]] {
        let refused = world.ctl(args).expect_code(8);
        assert!(refused.stderr.contains("restore-deleted"), "{refused:?}");
    }
    world.ctl(&["verify", &id]).expect_code(0);
    assert_eq!(state(&world, &id), "trashed");
    // The next backup does not build on it.
    let next = world.ctl(&["backup", "--json"]).expect_code(0).json()["backup_id"].as_str().unwrap().to_owned();
    assert_eq!(show(&world, &next)["parent_id"], newest.as_str());

    world.ctl(&["restore-deleted", &id, "-m", " "]).expect_code(2);
    let taken_back = world.ctl(&["restore-deleted", &id, "-m", "a mistake"]).expect_code(0);
    assert!(taken_back.stderr.contains("carelogctl hold"), "{taken_back:?}");
    assert_eq!(
        (state(&world, &id), &show(&world, &id)["trashed_until"]),
        ("available".to_owned(), &serde_json::Value::Null)
    );
    world.ctl(&["restore-deleted", &id, "-m", "again"]).expect_code(8);
    world.ctl(&["restore", &id, "--yes"]).expect_code(0);
    assert!(fs::read(&world.clinic.data).unwrap() == data);
    assert_same(&studies.without_root(), &TreeImage::of(&world.clinic.studies).without_root());
    let audit = world.ctl(&["audit"]).expect_code(0).stdout;
    assert!(audit.contains("backup.restore_deleted") && audit.contains("a mistake"), "{audit}");
}

#[test]
fn to_delete_what_lies_in_the_trash_removes_it_at_once() {
    let world = World::new();
    let _daemon = world.start();
    let id = full_backup(&world);
    full_backup(&world);
    for gone in ["is in the trash until", "is removed"] {
        let deleted = world.ctl(&["delete", &id, "-m", "too old", "--yes"]).expect_code(0).stdout;
        assert!(deleted.contains(gone), "{deleted}");
    }
    world.ctl(&["show", &id]).expect_code(4);
    assert_eq!(world.store_files().len(), 3, "{:?}", world.store_files());
}

#[test]
fn what_is_held_or_has_become_the_last_good_backup_does_not_leave_the_trash() {
    let world = World::new();
    let daemon = world.start();
    let [held, good, newest] = [(); 3].map(|()| full_backup(&world));
    for id in [&held, &good] {
        world.ctl(&["delete", id, "-m", "too old", "--yes"]).expect_code(0);
    }
    world.ctl(&["hold", &held, "-m", "court order"]).expect_code(0);
    world.ctl(&["delete", &held, "-m", "too old", "--yes"]).expect_code(9);
    daemon.stop();
    set_retention(&world, "trash = \"1ms\"\n");
    let archive = world.backups().join(show_offline(&world, &newest));
    let daemon = world.start();
    let away = world.path("away");
    fs::rename(&archive, &away).unwrap();

    world.ctl(&["prune", "--yes"]).expect_code(0);

    assert_eq!([&held, &good].map(|id| state(&world, id)), ["trashed", "trashed"]);
    assert!(world.log().contains("it is the last good backup of source"), "{}", world.log());
    let refused = world.ctl(&["delete", &good, "-m", "too old", "--yes"]).expect_code(9);
    assert!(refused.stderr.contains("restore-deleted"), "{refused:?}");
    fs::rename(&away, &archive).unwrap();
    let pruned = world.ctl(&["prune", "--yes"]).expect_code(0).stdout;
    assert!(pruned.contains("1 left the trash for good"), "{pruned}");
    world.ctl(&["show", &good]).expect_code(4);
    assert_eq!(state(&world, &held), "trashed");
    daemon.stop();
}

/// The name of a backup's archive, while no daemon runs.
fn show_offline(world: &World, id: &str) -> String {
    let daemon = world.start();
    let name = show(world, id)["filename"].as_str().unwrap().to_owned();
    daemon.stop();
    name
}

#[test]
fn the_trash_and_its_holds_outlive_the_catalog() {
    let world = world_with("trash = \"30d\"\n");
    let daemon = world.start();
    let [trashed, held, _] = [(); 3].map(|()| full_backup(&world));
    for id in [&trashed, &held] {
        world.ctl(&["delete", id, "-m", "too old", "--yes"]).expect_code(0);
    }
    world.ctl(&["hold", &held, "-m", "court order"]).expect_code(0);
    let before = [&trashed, &held].map(|id| show(&world, id));
    daemon.stop();
    for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
        let _absent = fs::remove_file(world.state_dir().join(name));
    }
    let daemon = world.start();
    for before in &before {
        let after = show(&world, before["id"].as_str().unwrap());
        for key in ["state", "trashed_until", "holds"] {
            assert_eq!(after[key], before[key], "{key}");
        }
    }
    daemon.stop();
    // A mark that cannot be read: its time begins anew. One that somebody took away: it is taken back.
    let mark =
        |backup: &serde_json::Value| world.backups().join(format!("{}.trashed", backup["filename"].as_str().unwrap()));
    fs::write(mark(&before[0]), "garbage").unwrap();
    fs::remove_file(mark(&before[1])).unwrap();
    let _daemon = world.start();
    assert_eq!([&trashed, &held].map(|id| state(&world, id)), ["trashed", "available"]);
    world.ctl(&["restore-deleted", &trashed, "-m", "after all"]).expect_code(0);
    world.ctl(&["verify", "--all"]).expect_code(0);
}

#[test]
fn what_others_need_stays_for_them_when_it_leaves_the_trash() {
    let world = World::new();
    let daemon = world.start();
    let base = full_backup(&world);
    world.ctl(&["backup"]).expect_code(0);
    world.ctl(&["delete", &base, "-m", "too old", "--yes"]).expect_code(0);
    assert_eq!(state(&world, &base), "trashed");
    daemon.stop();
    set_retention(&world, "trash = \"1ms\"\n");
    let _daemon = world.start();
    world.ctl(&["prune", "--yes"]).expect_code(0);
    assert_eq!(state(&world, &base), "retained");
    world.ctl(&["restore-deleted", &base, "-m", "too late"]).expect_code(8);
    world.ctl(&["verify", "--all"]).expect_code(0);
    assert!(!world.store_files().iter().any(|name| name.ends_with(".trashed")), "{:?}", world.store_files());
}
