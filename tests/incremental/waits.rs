//! What nobody needs is removed only while it is certain that nobody needs it.

use std::fs;

use super::{Picture, archive, backup, delete, flip, id, image, show, world_of};
use crate::support::World;
use crate::support::clinic::{noise, write_file};

/// Two days, of which the first is deleted, so that its archive stays for the second; the daemon has ended.
fn two_days_the_first_deleted(world: &World) -> [serde_json::Value; 2] {
    let daemon = world.start();
    let days = [0, 1].map(|day| {
        write_file(&image(world, day), &noise(700 + day, 40_000));
        backup(world)
    });
    delete(world, &days[0]);
    daemon.stop();
    days
}

fn lose_catalog(world: &World) {
    for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
        let _absent = fs::remove_file(world.state_dir().join(name));
    }
}

#[track_caller]
fn problems(world: &World) -> String {
    world.ctl(&["status", "--json"]).expect_code(0).json()["problems"].to_string()
}

#[test]
fn after_a_rebuild_with_an_archive_that_cannot_be_read_nothing_is_removed_until_everything_is_verified() {
    let world = world_of(10);
    let [first, second] = two_days_the_first_deleted(&world);
    let live = Picture::live(&world);
    let second_path = archive(&world, &second);
    // So much that its restore point is not found either.
    let aside = world.path("aside");
    fs::copy(&second_path, &aside).unwrap();
    let size = second["size_bytes"].as_u64().unwrap();
    fs::File::options().write(true).open(&second_path).unwrap().set_len(size / 2).unwrap();
    lose_catalog(&world);

    let daemon = world.start();

    assert!(archive(&world, &first).exists(), "the second needs it");
    let name = second["filename"].as_str().unwrap();
    let told = problems(&world);
    assert!(told.contains("nothing is removed from the store by itself") && told.contains("verify --all"), "{told}");
    assert!(told.contains(&format!("{name} cannot be read")), "{told}");
    let verified = world.ctl(&["verify", "--all"]).expect_code(7);
    assert!(verified.stderr.contains(name), "{}", verified.stderr);
    // Nor behind later jobs.
    let later = backup(&world);
    assert!(archive(&world, &first).exists());
    daemon.stop();

    // With a sound copy in its place everything is known again, and then what nobody needs goes.
    fs::copy(&aside, &second_path).unwrap();
    let daemon = world.start();
    assert_eq!(show(&world, id(&first))["needed_by"], serde_json::json!([second["id"]]));
    live.assert_is(&Picture::restored(&world, id(&second)));
    world.ctl(&["verify", "--all"]).expect_code(0);
    let told = problems(&world);
    assert!(!told.contains("nothing is removed") && !told.contains("cannot be read"), "{told}");
    delete(&world, &second);
    assert!(!archive(&world, &first).exists(), "nobody needs it any more");
    show(&world, id(&later));
    daemon.stop();
}

#[test]
fn a_trailer_with_a_bad_bit_costs_neither_the_backup_nor_what_it_needs() {
    let world = world_of(10);
    let [first, second] = two_days_the_first_deleted(&world);
    let live = Picture::live(&world);
    flip(&archive(&world, &second), second["size_bytes"].as_u64().unwrap() - 40);
    lose_catalog(&world);

    let _daemon = world.start();

    assert!(archive(&world, &first).exists());
    assert_eq!(show(&world, id(&second))["state"], "corrupt");
    assert_eq!(show(&world, id(&first))["needed_by"], serde_json::json!([second["id"]]));
    let verified = world.ctl(&["verify", id(&second)]).expect_code(7);
    assert!(verified.stderr.contains("trailer is damaged"), "{}", verified.stderr);
    let target = world.path("to");
    fs::create_dir(&target).unwrap();
    let restored = world.ctl(&["restore", id(&second), "--to", target.to_str().unwrap()]).expect_code(3);
    assert!(restored.stderr.contains("trailer is damaged"), "{}", restored.stderr);
    live.assert_is(&Picture::at(&target.join("data.json"), &target.join("studies")));
    assert_eq!(super::backup_with(&world, &[], 3)["mode"], "full", "nothing is built on it");
}

#[test]
fn a_stray_mark_beside_the_only_good_backup_does_not_remove_it() {
    let world = world_of(10);
    let daemon = world.start();
    let only = backup(&world);
    daemon.stop();
    let path = archive(&world, &only);
    fs::write(format!("{}.retained", path.display()), "").unwrap();
    let daemon = world.start();
    assert!(path.exists());
    assert!(problems(&world).contains("nothing is removed from the store by itself"));
    world.ctl(&["verify", "--all"]).expect_code(0);
    daemon.restart();
    assert!(path.exists(), "it is the last of its sources");
}

#[test]
fn an_archive_that_waits_goes_when_an_admin_names_it() {
    let world = world_of(10);
    let [first, second] = two_days_the_first_deleted(&world);
    fs::remove_file(archive(&world, &second)).unwrap();
    lose_catalog(&world);
    let _daemon = world.start();
    backup(&world);
    assert!(archive(&world, &first).exists(), "the second may come back");
    delete(&world, &first);
    assert!(!archive(&world, &first).exists());
}
