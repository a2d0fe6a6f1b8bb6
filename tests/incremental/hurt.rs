//! Damage in an archive that several backups need.

use std::fs;

use super::bases::content_of;
use super::{Picture, archive, backup, flip, id, image, show, world_of};
use crate::support::World;

/// A full, an incremental that still has image 1, and one that has not; stored as it is, so that one byte is one chunk.
fn world_with_three(world: &World) -> [serde_json::Value; 3] {
    world.edit_config("[backup]", "[backup]\ncompression = \"none\"");
    let _daemon = world.start();
    let first = backup(world);
    let second = backup(world);
    fs::remove_file(image(world, 1)).unwrap();
    let third = backup(world);
    [first, second, third]
}

const HURT: &str = "studies/archive-01/image-0001.dcm";

#[test]
fn a_damaged_chunk_names_every_restore_point_and_file_that_it_hurts() {
    for asked in ["--all", "first", "second", "third"] {
        let world = world_of(30);
        let [first, second, third] = world_with_three(&world);
        let path = archive(&world, &first);
        flip(&path, content_of(&path, HURT.as_bytes()));
        let _daemon = world.start();
        let asked = match asked {
            "first" => id(&first),
            "second" => id(&second),
            "third" => id(&third),
            all => all,
        };

        let verified = world.ctl(&["verify", asked, "--json"]).expect_code(7).json();

        let damage: Vec<_> =
            verified["result"]["damage"].as_array().unwrap().iter().map(|d| d.as_str().unwrap()).collect();
        let names = |backup: &serde_json::Value| {
            let hurt = format!("{}: hurt: {HURT}", backup["filename"].as_str().unwrap());
            damage.iter().any(|line| *line == hurt)
        };
        assert_eq!([&first, &second, &third].map(names), [true, true, false], "{asked}: {damage:#?}");
        let states = [&first, &second, &third].map(|backup| show(&world, id(backup))["state"].clone());
        assert_eq!(states, ["corrupt", "corrupt", "available"], "{asked}");
    }
}

#[test]
fn what_an_absent_archive_held_is_named_and_the_rest_is_restored_by_a_partial_restore() {
    let world = world_of(30);
    let [first, second, _] = world_with_three(&world);
    let aside = world.path("aside");
    fs::rename(archive(&world, &first), &aside).unwrap();
    let daemon = world.start();
    let states = || [&first, &second].map(|backup| show(&world, id(backup))["state"].clone());
    assert_eq!(states(), ["missing", "missing"]);
    let verified = world.ctl(&["verify", id(&second)]).expect_code(7);
    assert!(verified.stderr.contains(id(&first)), "{}", verified.stderr);
    let target = world.path("to");
    fs::create_dir(&target).unwrap();
    let refused = world.ctl(&["restore", id(&second), "--to", target.to_str().unwrap()]).expect_code(7);
    assert!(refused.stderr.contains(first["filename"].as_str().unwrap()), "{}", refused.stderr);
    world.ctl(&["status", "--check"]).expect_code(2);
    daemon.stop();

    // Back again, everything is as it was.
    fs::rename(&aside, archive(&world, &first)).unwrap();
    let _daemon = world.start();
    assert_eq!(states(), ["available", "available"]);
    Picture::restored(&world, id(&second));
}

#[test]
fn verify_all_reads_each_archive_once() {
    let world = world_of(30);
    let backups = world_with_three(&world);
    let _daemon = world.start();
    let verified = world.ctl(&["verify", "--all", "--json"]).expect_code(0).json();
    let sizes: u64 = backups.iter().map(|backup| backup["size_bytes"].as_u64().unwrap()).sum();
    assert_eq!(verified["result"]["bytes"], sizes);
    assert_eq!(verified["result"]["summary"], "3 of 3 backups are sound");
}
