//! Sources that make trouble: done with warnings, or failed, and always with the name of the file.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

use super::backup;
use crate::support::World;
use crate::support::unprivileged::runs_as_nobody;

#[test]
fn a_file_that_cannot_be_read_is_a_warning_with_its_name() {
    if runs_as_nobody("commands::trouble::a_file_that_cannot_be_read_is_a_warning_with_its_name") {
        return;
    }
    let world = World::new();
    let (file, folder) = (world.clinic.studies.join("study-001/report.txt"), world.clinic.studies.join("incoming"));
    fs::write(folder.join("inside"), "").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o000)).unwrap();
    let _daemon = world.start();
    let answer = world.ctl(&["backup"]).expect_code(3);
    for name in ["studies/study-001/report.txt", "studies/incoming"] {
        assert!(answer.stderr.contains(name), "{name} is not in {}", answer.stderr);
    }
    let job = world.ctl(&["jobs", "--json"]).json()["jobs"][0].clone();
    assert_eq!(job["state"], "warned");
    let shown = world.ctl(&["show", "latest", "--json"]).json();
    let studies = shown["sources"].as_array().unwrap().iter().find(|source| source["name"] == "studies").unwrap();
    assert_eq!(studies["warnings"].as_array().unwrap().len(), 2, "{studies:#}");
    world.ctl(&["verify"]).expect_code(0);
    // So that the world can be removed.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_file_that_never_keeps_still_is_taken_with_a_warning() {
    let world = World::new();
    let path = world.clinic.studies.join("study-001/running.log");
    fs::write(&path, vec![b'x'; 32 << 20]).unwrap();
    let _daemon = world.start();
    let is_done = AtomicBool::new(false);
    let answer = std::thread::scope(|scope| {
        scope.spawn(|| {
            let file = fs::File::options().write(true).open(&path).unwrap();
            while !is_done.load(Ordering::Relaxed) {
                file.write_all_at(b"y", 12_345).unwrap();
            }
        });
        let answer = world.ctl(&["backup"]);
        is_done.store(true, Ordering::Relaxed);
        answer
    });
    let answer = answer.expect_code(3);
    assert!(answer.stderr.contains("studies/study-001/running.log changed while it was read"), "{}", answer.stderr);
    world.ctl(&["verify"]).expect_code(0);
}

#[test]
fn a_source_that_is_gone_or_is_no_json_fails_by_name_and_leaves_nothing() {
    let world = World::new();
    let _daemon = world.start();
    let store = world.store_files();
    fs::write(&world.clinic.data, "{ \"patients\": [").unwrap();
    let answer = world.ctl(&["backup"]).expect_code(1);
    assert!(answer.stderr.contains("data.json") && answer.stderr.contains("JSON"), "{}", answer.stderr);
    fs::remove_file(&world.clinic.data).unwrap();
    let answer = world.ctl(&["backup"]).expect_code(1);
    assert!(answer.stderr.contains("data.json"), "{}", answer.stderr);
    assert_eq!(world.store_files(), store);
    world.ctl(&["backup", "--source", "studies"]).expect_code(0);
}

#[test]
fn a_backup_that_would_leave_too_little_free_is_refused_before_it_begins() {
    let world = World::new();
    world.edit_config("[backup]", "[backup]\nmin_free = \"5000TB\"");
    let _daemon = world.start();
    let store = world.store_files();
    let answer = world.ctl(&["backup"]).expect_code(9);
    assert!(answer.stderr.contains("not enough room"), "{}", answer.stderr);
    assert_eq!(world.store_files(), store);
}

#[test]
fn a_backup_of_much_less_than_before_asks_whether_data_was_lost() {
    let world = World::new();
    let _daemon = world.start();
    let id = backup(&world);
    for study in 0..5 {
        fs::remove_dir_all(world.clinic.studies.join(format!("study-00{study}"))).unwrap();
    }
    let answer = world.ctl(&["backup"]).expect_code(3);
    assert!(answer.stderr.contains("studies") && answer.stderr.contains("was data lost?"), "{}", answer.stderr);
    // Whoever restores knows.
    world.ctl(&["restore", &id, "--yes"]).expect_code(0);
}
