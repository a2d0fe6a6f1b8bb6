//! Recovery from the archive files alone.

use std::fs;

use super::{Picture, archive, backup, id, image, world_of};
use crate::support::World;
use crate::support::clinic::{noise, write_file};

fn two_days(world: &World) -> [serde_json::Value; 2] {
    let daemon = world.start();
    let days = [1, 2].map(|day| {
        write_file(&image(world, day), &noise(day, 20_000));
        backup(world)
    });
    daemon.stop();
    days
}

#[test]
fn an_incremental_is_extracted_with_what_lies_beside_it_or_is_named_behind_it() {
    let world = world_of(30);
    let [first, second] = two_days(&world);
    let live = Picture::live(&world);
    live.assert_is(&Picture::extracted(&world, &archive(&world, &second)));

    let (away, elsewhere) = (world.path("away.tar.zst"), world.path("elsewhere"));
    fs::create_dir(&elsewhere).unwrap();
    fs::rename(archive(&world, &first), elsewhere.join("renamed")).unwrap();
    fs::rename(archive(&world, &second), &away).unwrap();
    let (away, renamed) = (away.to_str().unwrap(), elsewhere.join("renamed"));
    let to = world.path("to");
    world.carelogd(&["extract", away, renamed.to_str().unwrap(), "--to", to.to_str().unwrap()]).expect_code(0);
    live.assert_is(&Picture::at(&to.join("data.json"), &to.join("studies")));
}

#[test]
fn an_archive_that_is_missing_is_named_and_what_does_not_lie_in_it_is_saved() {
    let world = world_of(30);
    let [first, second] = two_days(&world);
    fs::remove_file(archive(&world, &first)).unwrap();
    let second = archive(&world, &second);
    let (second, to) = (second.to_str().unwrap(), world.path("to"));

    let answer = world.carelogd(&["extract", second, "--to", to.to_str().unwrap()]).expect_code(7);

    assert!(answer.stderr.contains(&format!("missing: the archive of backup {}", id(&first))), "{}", answer.stderr);
    assert_eq!(fs::read(to.join("studies/archive-02/image-0002.dcm")).unwrap(), noise(2, 20_000));
    assert!(answer.stderr.contains("left out: studies/archive-01/image-0001.dcm"), "{}", answer.stderr);
}

#[test]
fn archives_in_the_wrong_order_are_not_mistaken_for_the_one_that_is_meant() {
    let world = world_of(5);
    let [first, second] = two_days(&world);
    let [first, second] = [first, second].map(|backup| archive(&world, &backup));
    let (first, second) = (first.to_str().unwrap(), second.to_str().unwrap());
    let to = world.path("to");
    let refused = world.carelogd(&["extract", first, second, "--to", to.to_str().unwrap()]).expect_code(2);
    assert!(refused.stderr.contains("does not build on"), "{}", refused.stderr);
    assert!(!to.exists());
}
