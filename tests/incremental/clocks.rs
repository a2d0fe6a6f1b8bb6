//! A clock that was ahead for a while.

use super::{archive, backup, backup_with, id, show, world_of};

/// Has the catalog say that the backup was taken a year ahead of the clock, and leaves everything else as it is.
fn date_ahead(world: &crate::support::World, backup: &serde_json::Value) {
    let db = rusqlite::Connection::open(world.state_dir().join("catalog.db")).unwrap();
    let changed = db
        .execute(
            "UPDATE backups SET created_at_ms = created_at_ms + 31536000000, order_ms = order_ms + 31536000000
             WHERE id = ?1",
            [id(backup)],
        )
        .unwrap();
    assert_eq!(changed, 1);
}

#[test]
fn the_backup_after_one_from_the_future_is_the_latest_and_says_that_a_clock_is_wrong() {
    let world = world_of(5);
    let daemon = world.start();
    let ahead = backup(&world);
    daemon.stop();
    date_ahead(&world, &ahead);
    let _daemon = world.start();

    let answer = world.ctl(&["backup", "--json"]).expect_code(3).json();

    let warnings = answer["result"]["warnings"].to_string();
    assert!(warnings.contains("ahead of this machine's clock") && warnings.contains("date"), "{warnings}");
    let next = show(&world, answer["backup_id"].as_str().unwrap());
    assert_eq!(next["parent_id"], ahead["id"]);
    assert_eq!(show(&world, "latest")["id"], next["id"]);
    // What was seen belongs to the parent, so that only what changed is read; and nothing is said any more.
    let third = backup(&world);
    assert_eq!(third["parent_id"], next["id"]);
    let full = backup_with(&world, &["--full"], 0);
    assert_eq!(show(&world, "latest")["id"], full["id"]);
    assert_eq!(backup(&world)["parent_id"], full["id"]);
    assert!(archive(&world, &ahead).exists());
}
