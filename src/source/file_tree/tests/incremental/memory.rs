//! What was seen last: when it is trusted, and when it is not even believed.

use std::fs;

use jiff::{SignedDuration, Timestamp};
use rustix::fs::{AtFlags, CWD};

use super::super::tree;
use super::{Scene, set_mtime};
use crate::clock::Clock;
use crate::progress::Progress;
use crate::source::facts::Facts;
use crate::source::file_tree::seen::Seen;
use crate::source::testing::{archive_on, damaged_backup_of};
use crate::source::{SnapshotError, SnapshotRequest, Source as _};

fn scene() -> Scene {
    let scene = Scene::set();
    for name in ["a", "b/c", "b/d"] {
        scene.write(name, name);
    }
    scene
}

const ALL: [&str; 5] = ["t/", "t/a", "t/b/", "t/b/c", "t/b/d"];

/// As if everything had been seen just as it is now when the last backup was taken.
fn pretend_that_nothing_changed(scene: &Scene) {
    let facts_of = |path: &str| {
        let path = scene.root.join(path.strip_prefix("t/").unwrap());
        Facts::from(&rustix::fs::statat(CWD, &path, AtFlags::SYMLINK_NOFOLLOW).unwrap())
    };
    let root = facts_of("t/").identity;
    let mut writer = scene.seen.begin(&scene.source.name, scene.last().id(), root).unwrap();
    for path in ALL {
        writer.push(path.as_bytes(), &Seen::of(&facts_of(path), true));
    }
    writer.finish().unwrap().keep().unwrap();
}

#[test]
fn what_was_touched_just_before_it_was_read_is_read_again() {
    let clock = Clock::manual(Timestamp::now() + SignedDuration::from_millis(1500));
    let mut scene = Scene::by(&clock);
    scene.write("young", "x");
    scene.write("of a time to come", "x");
    scene.backup();
    set_mtime(&scene.at("of a time to come"), 4_000_000_000);
    assert_eq!(scene.backup().read, ["t/", "t/of a time to come", "t/young"]);
    clock.advance(SignedDuration::from_secs(3));
    assert_eq!(scene.backup().read.len(), 3, "what was seen last time was too young");
    assert_eq!(scene.backup().read, ["t/of a time to come"]);
}

#[test]
fn a_rescan_reads_everything_and_names_what_changed_behind_all_marks() {
    let mut scene = scene();
    scene.backup();
    scene.write("b/c", "B/C");
    pretend_that_nothing_changed(&scene);
    assert_eq!(scene.take(false, &scene.seen).read, Vec::<String>::new());

    let outcome = scene.take(true, &scene.seen);
    assert_eq!(outcome.read, ALL);
    assert_eq!(outcome.summary.warnings.len(), 1, "{:?}", outcome.summary.warnings);
    assert!(outcome.summary.warnings[0].starts_with("t/b/c: its content is not what it was"));
    assert_eq!(outcome.archive.restore_point().totals.new_bytes, 3);
    scene.assert_as_a_full(&outcome);
}

#[test]
fn a_rescan_does_not_warn_of_what_changed_openly() {
    let mut scene = scene();
    scene.backup();
    scene.write("b/c", "B/C");
    scene.write("b/new", "x");
    let outcome = scene.take(true, &scene.seen);
    assert_eq!(outcome.read.len(), 6);
    assert_eq!(outcome.summary.warnings, Vec::<String>::new());
    scene.assert_as_a_full(&outcome);
}

#[test]
fn what_was_seen_is_not_believed_when_anything_about_it_is_odd() {
    let mut scene = scene();
    scene.backup();
    let sound = fs::read(scene.seen_file()).unwrap();
    let length = sound.len();
    let mut odd = vec![(Vec::new(), "empty"), (b"something else".to_vec(), "something else")];
    odd.push((sound[..length - 1].to_vec(), "cut off"));
    odd.push(([&sound[..], b"x"].concat(), "longer"));
    for (at, what) in [(0, "foreign"), (8, "newer"), (16, "another backup's"), (32, "of another device")] {
        let mut bytes = sound.clone();
        bytes[at] = bytes[at].wrapping_add(1);
        odd.push((bytes, what));
    }
    for at in 40..length {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        odd.push((bytes, "a bit turned"));
    }
    for (bytes, what) in odd {
        fs::write(scene.seen_file(), bytes).unwrap();
        let outcome = scene.take(false, &scene.seen);
        assert_eq!(outcome.read, ALL, "{what}");
        assert_eq!(outcome.summary.warnings, Vec::<String>::new(), "{what}");
        assert_eq!(outcome.archive.restore_point().totals.new_bytes, 0, "{what}");
    }
    fs::write(scene.seen_file(), sound).unwrap();
    assert_eq!(scene.take(false, &scene.seen).read, Vec::<String>::new());
    fs::remove_file(scene.seen_file()).unwrap();
    assert_eq!(scene.take(false, &scene.seen).read, ALL);
}

#[test]
fn a_crash_between_the_backup_and_what_was_seen_for_it_costs_only_reading() {
    let mut scene = scene();
    scene.backup();
    let before = fs::read(scene.seen_file()).unwrap();
    // Published, but nobody came to keep what was seen.
    let outcome = scene.take(false, &scene.seen);
    scene.archives.push(outcome.archive);
    let unfinished = scene.seen_file().with_extension("new");
    assert!(unfinished.exists());
    std::mem::forget(outcome.draft);
    assert_eq!(fs::read(scene.seen_file()).unwrap(), before);

    let outcome = scene.backup();
    assert_eq!(outcome.read, ALL);
    assert_eq!(outcome.archive.restore_point().totals.new_bytes, 0);
    scene.assert_as_a_full(&outcome);
    assert!(!unfinished.exists());
    assert_eq!(scene.backup().read, Vec::<String>::new());
}

#[test]
fn a_draft_that_nobody_keeps_leaves_nothing() {
    let mut scene = scene();
    scene.backup();
    let before = fs::read(scene.seen_file()).unwrap();
    drop(scene.take(false, &scene.seen));
    assert_eq!(fs::read_dir(scene.folder.path().join("seen")).unwrap().count(), 1);
    assert_eq!(fs::read(scene.seen_file()).unwrap(), before);
}

#[test]
fn a_backup_that_none_will_build_on_reads_what_was_seen_and_writes_nothing_down() {
    let mut scene = scene();
    scene.backup();
    let outcome = scene.take(false, &scene.seen.clone().read_only());
    assert!(outcome.draft.is_none());
    assert_eq!(outcome.read, Vec::<String>::new());
}

#[test]
fn what_cannot_be_written_down_does_not_fail_the_backup() {
    let mut scene = scene();
    fs::write(scene.folder.path().join("seen"), "in the way").unwrap();
    let outcome = scene.backup();
    assert_eq!(outcome.read, ALL);
    assert_eq!(scene.backup().read, ALL);
}

#[test]
fn another_folder_under_the_same_name_is_read() {
    let mut scene = scene();
    scene.backup();
    let moved = scene.folder.path().join("moved");
    fs::rename(&scene.root, &moved).unwrap();
    fs::create_dir(&scene.root).unwrap();
    for name in ["a", "b"] {
        fs::rename(moved.join(name), scene.at(name)).unwrap();
    }
    assert_eq!(scene.backup().read, ALL);
}

#[test]
fn nothing_is_built_on_a_manifest_that_cannot_be_read() {
    let mut scene = scene();
    let damaged = damaged_backup_of(&tree(&scene.root, &[]), b"\"path\":\"t/b/c\"");
    scene.archives.push(damaged);
    pretend_that_nothing_changed(&scene);
    let request = SnapshotRequest { base: Some(scene.last()), seen: Some(&scene.seen), rescan: false };
    archive_on(Some(scene.last()), &scene.archives, &[&scene.source], |writer| {
        match scene.source.snapshot(writer, &request, &Progress::default()) {
            Err(SnapshotError::Base { id, .. }) => assert_eq!(id, scene.last().id()),
            other => panic!("{other:?}"),
        }
        Vec::new()
    });
}
