//! The harness itself: a comparison that cannot fail would prove nothing.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::Path;

use crate::support::clinic::noise;
use crate::support::disks::{Disks, FileSystem};
use crate::support::process::{Answer, hermetic, is_root, run};
use crate::support::tree_diff::{assert_same, differences};
use crate::support::{TreeImage, World, tree_zoo};

#[test]
fn a_tree_is_the_same_as_itself_and_as_a_faithful_copy() {
    let dir = tempfile::tempdir().unwrap();
    let (original, copy) = (dir.path().join("original"), dir.path().join("copy"));
    let left_out = tree_zoo::make(&original);
    assert!(!is_root() || left_out.is_empty(), "this file system cannot have {left_out:?}");
    let image = TreeImage::of(&original);
    assert_same(&image, &TreeImage::of(&original));
    assert!(image.entries.len() > 350, "{}", image.entries.len());

    let copied =
        run(hermetic(Path::new("/bin/cp"), dir.path()).args(["--archive", "--sparse=always"]).args([&original, &copy]));
    copied.expect_code(0);
    // cp turns blocks of zeros into holes; what is read from the files is the same.
    assert_same(&image.without_holes(), &TreeImage::of(&copy).without_holes());
}

#[test]
fn every_difference_between_trees_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    for name in ["bytes", "mode", "time", "gone", "linked", "partner"] {
        fs::write(root.join(name), name).unwrap();
    }
    std::os::unix::fs::symlink("bytes", root.join("link")).unwrap();
    File::create(root.join("holes")).unwrap().write_all_at(&noise(1, 1 << 20), 0).unwrap();
    let before = TreeImage::of(root).without_root();

    fs::write(root.join("bytes"), "BYTES").unwrap();
    fs::set_permissions(root.join("mode"), fs::Permissions::from_mode(0o4711)).unwrap();
    File::open(root.join("time")).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    fs::remove_file(root.join("gone")).unwrap();
    fs::remove_file(root.join("partner")).unwrap();
    fs::hard_link(root.join("linked"), root.join("partner")).unwrap();
    fs::remove_file(root.join("link")).unwrap();
    std::os::unix::fs::symlink("mode", root.join("link")).unwrap();
    File::create(root.join("holes")).unwrap().set_len(1 << 20).unwrap();
    fs::create_dir(root.join("new")).unwrap();
    let found = differences(&before, &TreeImage::of(root).without_root());

    let expected = [
        "bytes: content is",
        "gone: missing (a file)",
        "holes: content is",
        "holes: the list of holes is [(0, 1048576)], expected []",
        "link: kind is a link to mode, expected a link to bytes",
        "linked: first name of the same file is linked, expected a single name",
        "mode: mode is 4711, expected 0644",
        "new: not expected (Directory)",
        "partner: content is",
        "partner: size is 6, expected 7",
        "time: mtime is 0, expected ",
    ];
    for line in expected {
        assert!(found.iter().any(|f| f.starts_with(line)), "'{line}' is not in {found:#?}");
    }
}

#[test]
fn the_sample_clinic_is_the_same_each_time() {
    let (one, two) = (World::new(), World::new());
    let contents = |world: &World| {
        TreeImage::of(&world.clinic.studies).map(|_, mut image| {
            image.mtime_ns = 0;
            Some(image)
        })
    };
    assert_same(&contents(&one), &contents(&two));
    assert_eq!(one.clinic.records(), two.clinic.records());
    for key in ["patients", "appointments", "auditLogs", "sessions"] {
        assert!(one.clinic.records()[key].is_array() || one.clinic.records()[key].is_object(), "{key}");
    }
}

#[test]
fn a_daemon_that_cannot_start_is_noticed_at_once_and_not_waited_for() {
    let world = World::new();
    world.write_config("nonsense = true\n");
    let mut daemon = world.spawn_with(&[]);
    assert_eq!(daemon.wait().code(), Some(78));
    assert!(world.log().contains("nonsense: unknown section"), "{}", world.log());
}

#[test]
fn a_disk_that_loses_power_has_what_was_made_durable_and_nothing_else() {
    let Some(mut disks) = Disks::new() else { return };
    let outer = disks.beside("outer");
    disks.mount(FileSystem::Ext4, &outer);
    disks.mount(FileSystem::Xfs, &outer.join("inner"));
    disks.save();
    for folder in [outer.clone(), outer.join("inner")] {
        let kept = File::create(folder.join("kept")).unwrap();
        fs::write(folder.join("kept"), "durable").unwrap();
        kept.sync_all().unwrap();
        fs::write(folder.join("kept"), "another").unwrap();
        fs::rename(folder.join("kept"), folder.join("renamed")).unwrap();
        fs::write(folder.join("lost"), "lost").unwrap();
    }
    disks.lose_power();
    for folder in [outer.clone(), outer.join("inner")] {
        assert!(!folder.join("lost").exists() && !folder.join("renamed").exists(), "{folder:?}");
        // Overwritten in place, its bytes may be gone, and its name is not.
        assert!(folder.join("kept").exists(), "{folder:?}");
    }
    disks.load();
    assert_eq!(fs::read_dir(&outer).unwrap().count(), 1, "the inner one");
    assert_eq!(fs::read_dir(outer.join("inner")).unwrap().count(), 0);
}

#[test]
fn programs_run_in_an_environment_that_the_test_alone_decides() {
    let world = World::new();
    let answer: Answer = run(hermetic(Path::new("/usr/bin/env"), &world.path("")).env("BACKUP_DIR", "/x"));
    let mut names: Vec<_> =
        answer.stdout.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(names, ["BACKUP_DIR", "HOME", "LANG", "PATH", "TZ"]);
}
