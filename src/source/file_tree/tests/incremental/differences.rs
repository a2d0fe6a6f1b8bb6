//! Every kind of change, and what is read because of it.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use super::super::{tree, zoo};
use super::{Scene, set_mtime};
use crate::source::attributes::Carrier;

/// A tree of two folders, a file in each and one beside them, a link, and a file with three names.
fn scene() -> Scene {
    let scene = Scene::set();
    for name in ["a-b", "a/b", "a/c", "z/last"] {
        scene.write(name, name);
    }
    symlink("a/b", scene.at("link")).unwrap();
    for name in ["a/name 1", "m/name 2", "z/name 3"] {
        scene.write(name, "");
        fs::remove_file(scene.at(name)).unwrap();
    }
    fs::write(scene.at("a/name 1"), "three names").unwrap();
    fs::hard_link(scene.at("a/name 1"), scene.at("m/name 2")).unwrap();
    fs::hard_link(scene.at("a/name 1"), scene.at("z/name 3")).unwrap();
    scene
}

const NAMES_OF_ONE: [&str; 3] = ["t/a/name 1", "t/m/name 2", "t/z/name 3"];

/// `change` makes the next backup read `read`, and nothing else.
#[track_caller]
fn assert_read(change: impl FnOnce(&Scene), read: &[&str]) {
    let mut scene = scene();
    scene.backup();
    change(&scene);
    let outcome = scene.backup();
    assert_eq!(outcome.read, read);
    assert_eq!(outcome.summary.warnings, Vec::<String>::new());
    scene.assert_as_a_full(&outcome);
    // And once that is known, nothing.
    let outcome = scene.backup();
    assert_eq!(outcome.read, Vec::<String>::new());
    scene.assert_as_a_full(&outcome);
}

#[test]
fn nothing_is_read_when_nothing_changed() {
    assert_read(|_| {}, &[]);
}

#[test]
fn a_tree_of_every_kind_of_file_is_taken_over_whole() {
    let mut scene = Scene::set();
    fs::remove_dir(&scene.root).unwrap();
    zoo::make(&scene.root);
    let first = scene.backup();
    assert_eq!(first.taken_over, Vec::<String>::new());
    scene.assert_as_a_full(&first);
    let second = scene.backup();
    // It is dated in a time to come.
    assert_eq!(second.read, ["t/contents/small 4"]);
    assert_eq!(second.taken_over.len() as u64 + 1, first.archive.restore_point().totals.entries);
    assert_eq!(second.archive.restore_point().totals.new_bytes, 0);
    scene.assert_as_a_full(&second);
}

#[test]
fn what_was_added_is_read_and_the_folder_that_it_is_in() {
    assert_read(|scene| scene.write("a/bb", "new"), &["t/a/", "t/a/bb"]);
    assert_read(|scene| scene.write("a/b-/deep", "new"), &["t/a/", "t/a/b-/", "t/a/b-/deep"]);
}

#[test]
fn of_what_was_removed_only_the_folder_is_read() {
    assert_read(|scene| fs::remove_file(scene.at("a/b")).unwrap(), &["t/a/"]);
    assert_read(|scene| fs::remove_file(scene.at("a-b")).unwrap(), &["t/"]);
    assert_read(|scene| fs::remove_file(scene.at("z/last")).unwrap(), &["t/z/"]);
}

#[test]
fn content_of_the_same_length_and_time_is_found_by_the_change_time() {
    let mut scene = scene();
    set_mtime(&scene.at("a/b"), 1_000_000_000);
    scene.backup();
    fs::write(scene.at("a/b"), "A/B").unwrap();
    set_mtime(&scene.at("a/b"), 1_000_000_000);
    let outcome = scene.backup();
    assert_eq!(outcome.read, ["t/a/b"]);
    assert_eq!(outcome.archive.restore_point().totals.new_bytes, 3);
    scene.assert_as_a_full(&outcome);
}

#[test]
fn a_change_of_metadata_alone_costs_no_content() {
    let changes: [&dyn Fn(&Scene); 3] = [
        &|scene| fs::set_permissions(scene.at("a/c"), Permissions::from_mode(0o640)).unwrap(),
        &|scene| {
            let file = File::open(scene.at("a/c")).unwrap();
            Carrier::Open(file.as_fd()).set(b"user.note", b"value").unwrap();
        },
        &|scene| {
            let status = Command::new("setfacl").args(["-m", "u:4711:r"]).arg(scene.at("a/c")).status().unwrap();
            assert!(status.success());
        },
    ];
    for change in changes {
        assert_read(change, &["t/a/c"]);
    }
    if zoo::is_root() {
        assert_read(|scene| std::os::unix::fs::chown(scene.at("a/c"), Some(4711), Some(4712)).unwrap(), &["t/a/c"]);
    }
    let mut scene = scene();
    scene.backup();
    fs::set_permissions(scene.at("a/c"), Permissions::from_mode(0o600)).unwrap();
    assert_eq!(scene.backup().archive.restore_point().totals.new_bytes, 0);
}

#[test]
fn what_got_another_name_is_read_and_costs_no_content() {
    assert_read(|scene| fs::rename(scene.at("a/b"), scene.at("m/b")).unwrap(), &["t/a/", "t/m/", "t/m/b"]);
    let mut scene = scene();
    scene.backup();
    fs::rename(scene.at("z"), scene.at("b")).unwrap();
    let outcome = scene.backup();
    // The names of the file that has three are what they were but for one, and so is its change time.
    assert_eq!(outcome.read, ["t/", "t/b/", "t/b/last", "t/b/name 3"]);
    assert_eq!(outcome.archive.restore_point().totals.new_bytes, 0);
    scene.assert_as_a_full(&outcome);
}

#[test]
fn what_became_of_another_kind_is_read() {
    let replaced = |scene: &Scene| fs::remove_file(scene.at("a/b")).unwrap();
    assert_read(
        |scene| {
            replaced(scene);
            symlink("c", scene.at("a/b")).unwrap();
        },
        &["t/a/", "t/a/b"],
    );
    assert_read(
        |scene| {
            replaced(scene);
            scene.write("a/b/in it", "x");
        },
        &["t/a/", "t/a/b/", "t/a/b/in it"],
    );
    assert_read(
        |scene| {
            fs::remove_file(scene.at("link")).unwrap();
            scene.write("link", "a/b");
        },
        &["t/", "t/link"],
    );
}

#[test]
fn a_folder_that_became_a_file_is_read_as_one() {
    assert_read(
        |scene| {
            fs::remove_file(scene.at("m/name 2")).unwrap();
            fs::remove_dir(scene.at("m")).unwrap();
            scene.write("m", "a file");
        },
        &["t/", NAMES_OF_ONE[0], "t/m", NAMES_OF_ONE[2]],
    );
}

#[test]
fn another_name_makes_all_names_of_a_file_be_read() {
    let [first, second, third] = NAMES_OF_ONE;
    let link = |scene: &Scene, name: &str| fs::hard_link(scene.at("m/name 2"), scene.at(name)).unwrap();
    assert_read(|scene| link(scene, "zz"), &["t/", first, second, third, "t/zz"]);
    // The first one is the entry from now on.
    assert_read(|scene| link(scene, "a/a"), &["t/a/", "t/a/a", first, second, third]);
    assert_read(|scene| link(scene, "0"), &["t/", "t/0", first, second, third]);
}

#[test]
fn a_name_less_makes_the_others_be_read() {
    let [first, second, third] = NAMES_OF_ONE;
    assert_read(|scene| fs::remove_file(scene.at("a/name 1")).unwrap(), &["t/a/", second, third]);
    assert_read(|scene| fs::remove_file(scene.at("z/name 3")).unwrap(), &[first, second, "t/z/"]);
    assert_read(
        |scene| {
            fs::remove_file(scene.at("a/name 1")).unwrap();
            fs::remove_file(scene.at("m/name 2")).unwrap();
        },
        &["t/a/", "t/m/", third],
    );
}

#[test]
fn a_first_name_that_is_left_out_from_now_on_hands_its_content_to_the_next() {
    let mut scene = scene();
    scene.backup();
    scene.source = tree(&scene.root, &["a/name*"]);
    let outcome = scene.backup();
    assert_eq!(outcome.read, NAMES_OF_ONE[1..]);
    assert_eq!(outcome.archive.restore_point().totals.new_bytes, 0);
    scene.assert_as_a_full(&outcome);
    // And back.
    scene.source = tree(&scene.root, &[]);
    let outcome = scene.backup();
    assert_eq!(outcome.read, NAMES_OF_ONE);
    scene.assert_as_a_full(&outcome);
}

#[test]
fn names_that_sort_unlike_they_look_are_found_again() {
    let mut scene = Scene::set();
    for name in ["a", "a-b", "a.", "a0", "b"] {
        scene.write(&format!("x/{name}"), name);
    }
    for name in ["a/b", "a-/b", "a.b/c", "a-b/c", "a0/x", "%/%41"] {
        scene.write(&format!("y/{name}"), name);
    }
    for name in [&b"\xff"[..], b"a\xfe", b"%FF", b"line\nbreak", b"quote\"\\"] {
        fs::write(scene.root.join(OsStr::from_bytes(name)), name).unwrap();
    }
    scene.backup();
    let outcome = scene.backup();
    assert_eq!(outcome.read, Vec::<String>::new());
    scene.assert_as_a_full(&outcome);
    fs::write(scene.root.join(OsStr::from_bytes(b"a\xfe")), "other").unwrap();
    fs::remove_dir_all(scene.at("y/a-")).unwrap();
    let outcome = scene.backup();
    assert_eq!(outcome.read, ["t/a\\xfe", "t/y/"]);
    scene.assert_as_a_full(&outcome);
}

#[test]
fn a_second_source_of_a_like_name_is_not_taken_for_the_first() {
    let mut scene = scene();
    scene.backup();
    let other = Scene { source: tree(&scene.at("a"), &[]), ..scene };
    let outcome = other.take(false, &other.seen);
    assert_eq!(outcome.taken_over, Vec::<String>::new());
    other.assert_as_a_full(&outcome);
}
