//! Disks that are full or read-only.

use std::fs;

use crate::support::World;
use crate::support::clinic::{noise, write_file};
use crate::support::mount::{Tmpfs, may_mount};
#[cfg(feature = "failpoints")]
use crate::support::pause::Pause;

#[test]
fn a_backup_that_would_leave_too_little_room_is_refused_before_it_begins() {
    if !may_mount() {
        return;
    }
    let world = World::new();
    let _disk = Tmpfs::mount(&world.backups(), 8 * 1024);
    let _daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    let before = world.store_files();
    // One more would fit, and leave less than that.
    set_min_free(&world, "75%");
    world.ctl(&["reload"]).expect_code(0);
    let refused = world.ctl(&["backup", "--full"]).expect_code(9);
    assert!(refused.stderr.contains("not enough room for a backup"), "{refused:?}");
    assert!(refused.stderr.contains("lower [backup] min_free"), "{refused:?}");
    assert_eq!(world.store_files(), before);
    // An incremental takes little.
    world.ctl(&["backup"]).expect_code(0);
}

#[test]
fn a_full_disk_of_the_catalog_is_named_with_its_folder_in_the_answer_the_log_and_the_status() {
    if !may_mount() {
        return;
    }
    let world = World::new();
    let disk = Tmpfs::mount(&world.state_dir(), 4 * 1024);
    let _daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    let filler = disk.fill();

    // What the log of the catalog still has room for is taken.
    let refused = (0..200).map(|_| world.ctl(&["backup", "--detach"])).find(|answer| answer.code != 0).unwrap();

    assert_eq!(refused.code, 1, "{refused:?}");
    let dir = world.state_dir().display().to_string();
    assert!(refused.stderr.contains(&dir) && refused.stderr.contains("full"), "{refused:?}");
    assert!(refused.stderr.contains("df"), "{refused:?}");
    assert!(world.log().contains(&format!("the disk of the state folder {dir} is full")));
    let status = world.ctl(&["status", "--json"]).expect_code(0).json();
    assert!(status["problems"].to_string().contains("the disk of the state folder is full"), "{status:#}");
    fs::remove_file(filler).unwrap();
    world.ctl(&["backup"]).expect_code(0);
    let status = world.ctl(&["status", "--json"]).expect_code(0).json();
    assert!(!status["problems"].to_string().contains("is full"), "{status:#}");
}

#[test]
fn a_first_backup_that_would_not_fit_is_refused_too() {
    if !may_mount() {
        return;
    }
    let world = World::new();
    let _disk = Tmpfs::mount(&world.backups(), 8 * 1024);
    let _daemon = world.start();
    write_file(&world.clinic.studies.join("large.dcm"), &noise(9, 16 << 20));
    let refused = world.ctl(&["backup"]).expect_code(9);
    assert!(refused.stderr.contains("not enough room for a backup"), "{refused:?}");
    assert_eq!(world.ctl(&["list", "--json"]).expect_code(0).json()["backups"], serde_json::json!([]));
}

#[test]
fn a_disk_that_fills_up_during_a_backup_fails_it_and_keeps_nothing_of_it() {
    if !may_mount() {
        return;
    }
    let world = World::new();
    let _disk = Tmpfs::mount(&world.backups(), 8 * 1024);
    set_min_free(&world, "0%");
    let _daemon = world.start();
    // The next one is thought to need about as much as this one.
    world.ctl(&["backup"]).expect_code(0);
    let before = world.store_files();
    let surprise = world.clinic.studies.join("surprise.dcm");
    write_file(&surprise, &noise(9, 16 << 20));

    let failed = world.ctl(&["backup"]).expect_code(1);
    assert!(failed.stderr.contains("No space left on device"), "{failed:?}");
    assert!(failed.stderr.contains("the disk is full: free space"), "{failed:?}");
    assert_eq!(world.store_files(), before);
    assert_eq!(world.ctl(&["status", "--json"]).expect_code(0).json()["verdict"], "at_risk");

    fs::remove_file(surprise).unwrap();
    world.ctl(&["backup"]).expect_code(0);
    world.ctl(&["verify", "--all"]).expect_code(0);
}

#[cfg(feature = "failpoints")]
#[test]
fn a_job_whose_end_cannot_be_recorded_is_no_success_until_it_can() {
    if !may_mount() {
        return;
    }
    let world = World::new();
    let disk = Tmpfs::mount(&world.state_dir(), 1024);
    let (pause, daemon) = Pause::at(&world, "backup.source_read");
    let client = world.ctl_command(&["backup", "--json"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    pause.wait_reached();
    let filler = disk.fill();
    pause.release();
    crate::support::wait::wait_until("the attempt to record the end", || {
        world.log().contains("the end of a job could not be recorded")
    });
    let jobs = world.ctl(&["jobs", "--json"]).expect_code(0).json();
    assert_eq!(jobs["jobs"][0]["state"], "running", "{jobs:#}");
    let refused = world.ctl(&["backup", "--detach"]).expect_code(1);
    assert!(refused.stderr.contains("full"), "{refused:?}");

    fs::remove_file(filler).unwrap();
    let output = client.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let backups = world.ctl(&["list", "--json"]).expect_code(0).json();
    assert_eq!(backups["backups"].as_array().unwrap().len(), 1);
    daemon.stop();
}

#[test]
fn a_store_on_a_read_only_file_system_fails_jobs_with_the_reason_and_loses_nothing() {
    if !may_mount() {
        return;
    }
    let world = World::new();
    let disk = Tmpfs::mount(&world.backups(), 32 * 1024);
    let _daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    world.ctl(&["backup"]).expect_code(0);
    let (files, list) = (world.store_files(), world.ctl(&["list"]).expect_code(0).stdout);

    disk.set_read_only(true);
    let id = world.ctl(&["list", "--json"]).json()["backups"][1]["id"].as_str().unwrap().to_owned();
    for args in [&["backup"][..], &["restore", "latest", "--yes"], &["delete", &id, "-m", "old", "--yes"]] {
        let failed = world.ctl(args).expect_code(1);
        assert!(failed.stderr.contains("Read-only file system"), "{failed:?}");
        assert!(failed.stderr.contains("mounted read-only, perhaps after an error"), "{failed:?}");
    }
    world.ctl(&["verify", "--all"]).expect_code(0);
    assert_eq!(world.store_files(), files);
    assert_eq!(world.ctl(&["list", "--json"]).json()["backups"].as_array().unwrap().len(), 2, "{list}");

    disk.set_read_only(false);
    world.ctl(&["backup"]).expect_code(0);
    world.ctl(&["delete", &id, "-m", "old", "--yes"]).expect_code(0);
}

#[test]
fn a_restore_into_a_directory_on_a_full_disk_says_that_what_lies_there_is_incomplete() {
    if !may_mount() {
        return;
    }
    let world = World::new();
    let target = world.path("target");
    let _disk = Tmpfs::mount(&target, 512);
    let _daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    let failed = world.ctl(&["restore", "latest", "--to", target.to_str().unwrap()]).expect_code(1);
    for part in ["No space left on device", "is incomplete", "empty the directory"] {
        assert!(failed.stderr.contains(part), "{part}: {failed:?}");
    }
    assert!(!failed.stderr.contains("carelogctl delete"), "that frees another disk: {failed:?}");
}

fn set_min_free(world: &World, min_free: &str) {
    world.edit_config("/backups\"\n", &format!("/backups\"\nmin_free = \"{min_free}\"\n"));
}
