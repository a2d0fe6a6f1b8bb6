//! Deleting what others need, and losing the catalog that knows it.

use std::fs;

use super::{Picture, archive, backup, delete, id, image, show, world_of};
use crate::support::World;
use crate::support::clinic::{noise, write_file};

/// Three days, each with something of its own.
fn three_days(world: &World) -> [(serde_json::Value, Picture); 3] {
    [0, 1, 2].map(|day| {
        write_file(&image(world, day), &noise(700 + day, 40_000));
        (backup(world), Picture::live(world))
    })
}

#[test]
fn an_archive_outlives_its_backup_for_as_long_as_others_need_it() {
    let world = world_of(50);
    let _daemon = world.start();
    let [(first, _), (second, picture), (third, _)] = three_days(&world);
    assert_eq!(show(&world, id(&first))["needed_by"], serde_json::json!([third["id"], second["id"]]));

    delete(&world, &first);

    let listed = world.ctl(&["list", "--json"]).expect_code(0).json();
    assert_eq!(listed["backups"].as_array().unwrap().len(), 2, "{listed:#}");
    let retained = show(&world, id(&first));
    assert_eq!((&retained["state"], &retained["needs"]), (&"retained".into(), &serde_json::json!([])));
    assert!(archive(&world, &first).exists());
    picture.assert_is(&Picture::restored(&world, id(&second)));
    // Its restore point is gone, and its archive cannot be had by asking again.
    world.ctl(&["restore", id(&first), "--yes"]).expect_code(4);
    world.ctl(&["download", id(&first), "-o", world.path("x").to_str().unwrap()]).expect_code(9);
    let refused = world.ctl(&["delete", id(&first), "-m", "x", "--yes"]).expect_code(9);
    assert!(refused.stderr.contains("stays while 2 others need it"), "{}", refused.stderr);
    world.ctl(&["verify", "--all"]).expect_code(0);

    // Of the second only the third needs anything, and of the first the third still does.
    delete(&world, &second);
    assert_eq!(show(&world, id(&second))["state"], "retained");
    assert_eq!(show(&world, id(&first))["needed_by"], serde_json::json!([third["id"]]));
    let refused = world.ctl(&["delete", id(&third), "-m", "x", "--yes"]).expect_code(9);
    assert!(refused.stderr.contains("last good backup"), "{}", refused.stderr);
    super::backup_with(&world, &["--full"], 0);
    delete(&world, &third);

    let left = world.ctl(&["list", "--all", "--json"]).expect_code(0).json();
    assert_eq!(left["backups"].as_array().unwrap().len(), 1, "{left:#}");
    assert_eq!(world.store_files().len(), 3, "{:?}", world.store_files());
    world.ctl(&["audit", "verify"]).expect_code(0);
}

#[test]
fn a_catalog_that_was_lost_knows_again_who_needs_what_and_what_was_deleted() {
    let world = world_of(50);
    let daemon = world.start();
    let [(first, _), (second, _), (third, picture)] = three_days(&world);
    delete(&world, &first);
    let before = [&first, &second, &third].map(|backup| show(&world, id(backup)));
    daemon.stop();
    for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
        let _absent = fs::remove_file(world.state_dir().join(name));
    }

    let _daemon = world.start();

    for before in before {
        let after = show(&world, id(&before));
        for key in ["state", "mode", "parent_id", "needs", "needed_by", "new_bytes"] {
            assert_eq!(after[key], before[key], "{key} of {before:#}");
        }
    }
    picture.assert_is(&Picture::restored(&world, id(&third)));
    delete(&world, &second);
    assert!(archive(&world, &first).exists() && archive(&world, &second).exists());
}

#[test]
fn a_hold_outlasts_the_last_who_needed_the_archive() {
    let world = world_of(20);
    let _daemon = world.start();
    let [(first, _), (second, _), (third, _)] = three_days(&world);
    world.ctl(&["hold", id(&first), "-m", "audit"]).expect_code(0);
    world.ctl(&["delete", id(&first), "-m", "x", "--yes"]).expect_code(9);
    world.ctl(&["release", id(&first), "-m", "done"]).expect_code(0);
    delete(&world, &first);
    world.ctl(&["hold", id(&first), "-m", "after all"]).expect_code(0);
    super::backup_with(&world, &["--full"], 0);
    delete(&world, &third);
    delete(&world, &second);
    assert!(archive(&world, &first).exists() && !archive(&world, &second).exists());
    world.ctl(&["release", id(&first), "-m", "done"]).expect_code(0);
    backup(&world);
    assert!(!archive(&world, &first).exists(), "the next job finds that nobody needs it");
}
