//! Live places that are another than they were, cannot be written, or have no room.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::support::clinic::{noise, write_file};
use crate::support::mount::{Tmpfs, may_mount};
use crate::support::process::Answer;
use crate::support::tree_diff::assert_same;
use crate::support::unprivileged::runs_as_nobody;
use crate::support::{TreeImage, World};

/// A restore by `args` is refused, and nothing is another than before: the clinic, and what the store holds.
#[track_caller]
fn assert_refused(world: &World, args: &[&str], code: i32) -> Answer {
    let (clinic, store) = (TreeImage::of(&world.path("clinic")), world.store_files());
    let answer = world.ctl(&[&["restore", "latest", "--yes"], args].concat()).expect_code(code);
    // A folder in which an exchange was tried has another time.
    assert_same(&clinic.without_root(), &TreeImage::of(&world.path("clinic")).without_root());
    assert_eq!(world.store_files(), store, "{answer:?}");
    answer
}

#[test]
fn a_source_that_became_a_link_is_refused_by_name_and_nothing_is_written_through_it() {
    for name in ["studies", "data.json"] {
        let world = World::new();
        let _daemon = world.start();
        world.ctl(&["backup"]).expect_code(0);
        let (live, elsewhere) = (world.path("clinic").join(name), world.path("elsewhere"));
        fs::rename(&live, &elsewhere).unwrap();
        symlink(&elsewhere, &live).unwrap();
        let before = TreeImage::of(&elsewhere);
        // What stands there cannot be saved; and that it may be lost does not make a folder or file of it.
        let refused = assert_refused(&world, &[], 9);
        let accepted = assert_refused(&world, &["--accept-unsaved"], 9);
        for answer in [refused, accepted] {
            let place = format!("{} is a symbolic link, not ", live.display());
            assert!(answer.stderr.contains(&place), "'{place}' is not in {answer:?}");
        }
        assert_same(&before, &TreeImage::of(&elsewhere));
    }
}

#[cfg(feature = "failpoints")]
#[test]
fn a_source_that_becomes_a_link_during_a_restore_is_left_alone() {
    use crate::support::pause::Pause;
    let world = World::new();
    let daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    daemon.stop();
    fs::write(world.clinic.studies.join("new.txt"), "new").unwrap();
    let (pause, _daemon) = Pause::at(&world, "restore.validated");
    let mut command = world.ctl_command(&["restore", "latest", "--yes"]);
    let client = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    pause.wait_reached();
    let elsewhere = world.path("elsewhere");
    fs::rename(&world.clinic.studies, &elsewhere).unwrap();
    symlink(&elsewhere, &world.clinic.studies).unwrap();
    let before = TreeImage::of(&elsewhere);
    pause.release();
    let answer: Answer = client.wait_with_output().unwrap().into();
    let answer = answer.expect_code(1);
    assert!(answer.stderr.contains("symbolic link"), "{answer:?}");
    assert_same(&before, &TreeImage::of(&elsewhere));
    assert!(world.clinic.studies.is_symlink());
    let names = fs::read_dir(world.path("clinic")).unwrap().count();
    assert_eq!(names, 2, "{answer:?}");
}

#[test]
fn a_folder_that_may_not_be_written_is_refused_for_a_file_and_avoided_for_a_tree() {
    if runs_as_nobody(
        "obstacles::places::a_folder_that_may_not_be_written_is_refused_for_a_file_and_avoided_for_a_tree",
    ) {
        return;
    }
    let world = World::new();
    let _daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    let report = world.clinic.studies.join("study-000/report.txt");
    fs::write(&report, "lost").unwrap();
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let clinic = world.path("clinic");
    mode(&clinic, 0o555);
    let refused = assert_refused(&world, &[], 9);
    for part in [world.clinic.data.to_str().unwrap(), "the folder that it is in cannot be written", "give carelogd"] {
        assert!(refused.stderr.contains(part), "'{part}' is not in {refused:?}");
    }
    mode(&world.clinic.studies, 0o555);
    let refused = assert_refused(&world, &["--source", "studies"], 9);
    assert!(refused.stderr.contains("neither the folder nor the one above it can be written"), "{refused:?}");

    // Within the folder itself there is another way.
    mode(&world.clinic.studies, 0o755);
    world.ctl(&["restore", "latest", "--source", "studies", "--yes"]).expect_code(0);
    assert!(fs::read_to_string(&report).unwrap().contains("nothing abnormal"));
    mode(&clinic, 0o755);
}

#[test]
fn a_read_only_mount_is_refused_before_anything_is_touched() {
    if !may_mount() {
        return;
    }
    let world = World::new();
    let daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    daemon.stop();
    let disk = Tmpfs::mount(&world.path("clinic"), 8192);
    write_file(&world.clinic.data, b"{}");
    write_file(&world.clinic.studies.join("report.txt"), b"other");
    disk.set_read_only(true);
    let _daemon = world.start();
    for source in ["data", "studies"] {
        let refused = assert_refused(&world, &["--source", source], 9);
        assert!(refused.stderr.contains("Read-only file system"), "{refused:?}");
        assert!(
            refused.stderr.contains("cannot be written") || refused.stderr.contains("can be written"),
            "{refused:?}"
        );
    }
}

#[test]
fn without_room_for_staging_a_restore_is_refused_with_the_figures() {
    if !may_mount() {
        return;
    }
    let world = World::new();
    let large = world.clinic.studies.join("large.dcm");
    write_file(&large, &noise(9, 6 << 20));
    let daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    daemon.stop();
    let _disk = Tmpfs::mount(&world.path("clinic"), 4096);
    write_file(&world.clinic.data, b"{}");
    write_file(&world.clinic.studies.join("report.txt"), b"other");
    let _daemon = world.start();
    let refused = assert_refused(&world, &[], 9);
    let said = refused.stderr;
    assert!(said.contains("not enough room beside the live data: about ") && said.contains("MiB are needed"), "{said}");
    assert!(said.contains("are free") && said.contains("nothing was changed"), "{said}");
    let plan = world.ctl(&["restore", "latest", "--dry-run", "--json"]).expect_code(0).json();
    assert!(plan["needed_bytes"].as_u64() > plan["free_bytes"].as_u64(), "{plan:#}");
}

#[test]
fn a_file_below_an_overlay_of_two_disks_is_refused_before_the_application_is_stopped() {
    if !may_mount() {
        return;
    }
    let world = World::new();
    let daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    daemon.stop();
    let lower = Tmpfs::mount(&world.path("lower"), 8192);
    write_file(&world.path("lower/data.json"), b"{}");
    write_file(&world.path("lower/studies/report.txt"), b"other");
    let upper = Tmpfs::mount(&world.path("upper"), 8192);
    for folder in ["upper/data", "upper/work"] {
        fs::create_dir(world.path(folder)).unwrap();
    }
    let path = |name: &str| world.path(name).display().to_string();
    let options = format!("lowerdir={},upperdir={},workdir={}", path("lower"), path("upper/data"), path("upper/work"));
    let clinic = world.path("clinic");
    mount(Some("overlay"), &clinic, Some("overlay"), MsFlags::empty(), Some(options.as_str())).unwrap();
    let _daemon = world.start();
    let refused = assert_refused(&world, &["--source", "data"], 9);
    assert!(refused.stderr.contains("lies on another file system than its folder"), "{refused:?}");
    umount2(&clinic, MntFlags::MNT_DETACH).unwrap();
    drop((lower, upper));
}
