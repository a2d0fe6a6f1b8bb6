//! `status`, and `status --check` with the exit codes of a monitoring plugin.

use super::{backup, full_backup, newest_archive};
use crate::support::World;

#[test]
fn check_tells_each_state_by_its_exit_code() {
    let world = World::new();
    let check = || world.ctl(&["status", "--check"]);
    assert!(check().expect_code(2).stdout.starts_with("CARELOG CRITICAL - "), "no daemon");

    let daemon = world.start();
    let unprotected = check().expect_code(2);
    assert!(unprotected.stdout.contains("no usable backup"), "{}", unprotected.stdout);
    assert_eq!(unprotected.stdout.lines().count(), 1);

    backup(&world);
    let ok = check().expect_code(0);
    assert!(ok.stdout.starts_with("CARELOG OK - protected | 'data_age'="), "{}", ok.stdout);

    // Older than the objective allows.
    let config = world.config();
    world.write_config(&format!("{config}\n[objectives]\nrpo = \"1s\"\n"));
    world.ctl(&["reload"]).expect_code(0);
    crate::support::wait::wait_until("the objective to be missed", || check().code == 1);
    assert!(check().expect_code(1).stdout.contains("objective"));
    world.write_config(&config);
    world.ctl(&["reload"]).expect_code(0);
    check().expect_code(0);

    let archive = newest_archive(&world);
    let cut = std::fs::File::options().write(true).open(&archive).unwrap();
    cut.set_len(1000).unwrap();
    world.ctl(&["verify"]).expect_code(7);
    assert!(check().expect_code(2).stdout.contains("no usable backup"));

    full_backup(&world);
    let at_risk = check().expect_code(1);
    assert!(at_risk.stdout.contains("corrupt"), "{}", at_risk.stdout);
    daemon.stop();
    check().expect_code(2);
}

#[test]
fn status_says_since_when_and_how_fast_and_outlives_the_daemon() {
    let world = World::new();
    let daemon = world.start();
    let before = world.ctl(&["status", "--json"]).expect_code(0).json();
    assert_eq!(before["verdict"], "unprotected");
    assert_eq!(before["protected_since"], serde_json::Value::Null);
    let id = backup(&world);
    world.ctl(&["verify", &id]).expect_code(0);
    world.ctl(&["restore", &id, "--yes"]).expect_code(0);
    let status = world.ctl(&["status", "--json"]).expect_code(0).json();
    let created = &world.ctl(&["show", &id, "--json"]).json()["created_at"];
    assert_eq!(status["verdict"], "protected");
    assert_eq!(status["protected_since"], *created);
    assert_eq!(status["newest_verified"]["id"], id.as_str());
    assert!(status["restore_estimate_seconds"].as_u64().unwrap() >= 1);
    assert!(world.ctl(&["status"]).stdout.contains("PROTECTED"));

    daemon.stop();
    let last = world.ctl(&["status", "--json"]).expect_code(6);
    assert_eq!(last.json()["newest_verified"]["id"], id.as_str());
    let page = world.ctl(&["status"]).expect_code(6);
    assert!(page.stdout.contains("THE DAEMON DOES NOT RUN"), "{}", page.stdout);
    let file = std::fs::read_to_string(world.path("status.json")).unwrap();
    assert!(!file.contains("report.txt"), "status.json is for everybody");
}

#[test]
fn an_archive_that_somebody_removed_or_cut_short_protects_nobody_from_that_moment_on() {
    let world = World::new();
    let _daemon = world.start();
    backup(&world);
    let archive = newest_archive(&world);
    let away = world.path("away");
    std::fs::rename(&archive, &away).unwrap();
    let removed = world.ctl(&["status", "--check"]).expect_code(2);
    assert!(removed.stdout.contains("no usable backup"), "{}", removed.stdout);
    assert!(world.ctl(&["status"]).expect_code(0).stdout.contains("is missing"));
    world.ctl(&["verify"]).expect_code(7);
    let listed = world.ctl(&["list", "--all", "--json"]).expect_code(0).json();
    assert_eq!(listed["backups"][0]["state"], "missing", "{listed:#}");

    std::fs::rename(&away, &archive).unwrap();
    world.ctl(&["verify", listed["backups"][0]["id"].as_str().unwrap()]).expect_code(0);
    world.ctl(&["status", "--check"]).expect_code(0);

    let length = archive.metadata().unwrap().len();
    std::fs::File::options().write(true).open(&archive).unwrap().set_len(length - 1).unwrap();
    world.ctl(&["status", "--check"]).expect_code(2);
    assert!(world.ctl(&["status"]).expect_code(0).stdout.contains("is corrupt"));
}

#[test]
fn every_backup_is_verified_whatever_is_wrong_with_the_others() {
    let world = World::new();
    let _daemon = world.start();
    backup(&world);
    let unreadable = newest_archive(&world);
    std::fs::remove_file(&unreadable).unwrap();
    std::fs::create_dir(&unreadable).unwrap();
    full_backup(&world);
    let damaged = newest_archive(&world);
    let length = damaged.metadata().unwrap().len();
    std::fs::File::options().write(true).open(&damaged).unwrap().set_len(length - 1).unwrap();
    full_backup(&world);
    let result = world.ctl(&["verify", "--all", "--json"]).expect_code(7).json()["result"].clone();
    assert_eq!(result["summary"], "1 of 3 backups are sound");
    let found = result["damage"].to_string();
    for archive in [&unreadable, &damaged] {
        let name = archive.file_name().unwrap().to_str().unwrap();
        assert!(found.contains(name), "{name} is not in {found}");
    }
}
