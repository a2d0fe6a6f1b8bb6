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
fn a_bad_bit_in_a_trailer_costs_nothing_of_the_archive_nor_of_those_that_need_it() {
    let world = world_of(30);
    let [first, second] = two_days(&world);
    let live = Picture::live(&world);
    super::flip(&archive(&world, &first), first["size_bytes"].as_u64().unwrap() - 40);
    let (second, to) = (archive(&world, &second), world.path("to"));
    for args in [&[][..], &["--list"]] {
        let target = ["--to", to.to_str().unwrap()];
        let args = if args.is_empty() { &target[..] } else { args };
        let answer = world.carelogd(&[&["extract", second.to_str().unwrap()], args].concat()).expect_code(7);
        assert!(answer.stderr.contains("trailer is damaged"), "{}", answer.stderr);
    }
    live.assert_is(&Picture::at(&to.join("data.json"), &to.join("studies")));
}

#[test]
fn an_archive_beside_it_that_cannot_be_read_is_not_called_absent() {
    let world = world_of(10);
    let [first, second] = two_days(&world);
    let (first, second) = (archive(&world, &first), archive(&world, &second));
    fs::File::options().write(true).open(&first).unwrap().set_len(1000).unwrap();
    let to = world.path("to");
    let answer = world.carelogd(&["extract", second.to_str().unwrap(), "--to", to.to_str().unwrap()]).expect_code(7);
    assert!(answer.stderr.contains("it may be this one, which cannot be read"), "{}", answer.stderr);
    assert!(answer.stderr.contains(first.to_str().unwrap()), "{}", answer.stderr);
    assert!(!answer.stderr.contains("not here"), "{}", answer.stderr);
}

#[test]
fn an_older_archive_that_is_not_needed_is_only_noted_and_so_is_any_when_the_first_is_named_again() {
    let world = world_of(5);
    let daemon = world.start();
    let full = backup(&world);
    let alone = super::backup_with(&world, &["--full"], 0);
    let last = backup(&world);
    daemon.stop();
    let [full, alone, last] = [full, alone, last].map(|backup| archive(&world, &backup));
    let [full, alone, last] = [&full, &alone, &last].map(|path| path.to_str().unwrap());
    for (n, archives) in [&[last, full, alone][..], &[alone, full, alone, last]].into_iter().enumerate() {
        let to = world.path(&format!("to-{n}"));
        let args = [&["extract"], archives, &["--to", to.to_str().unwrap()]].concat();
        let answer = world.carelogd(&args).expect_code(0);
        assert!(answer.stderr.contains(&format!("note: {full} is not needed")), "{}", answer.stderr);
    }
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

#[test]
fn an_archive_that_does_not_exist_is_not_found_and_says_so_once() {
    let world = World::new();
    let answer = world.carelogd(&["extract", "nowhere.tar.zst", "--list"]).expect_code(4);
    assert_eq!(answer.stderr.matches("No such file").count(), 1, "{}", answer.stderr);
}
