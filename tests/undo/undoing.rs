//! `restore --undo`.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use super::{Live, MountedWorld, backup, change_everything, job_of, keeping_world};
use crate::support::World;

#[test]
fn an_undo_brings_back_what_was_replaced_and_an_undo_of_the_undo_what_was_restored() {
    undo_and_undo_the_undo(&keeping_world());
}

#[test]
fn an_undo_brings_back_what_was_replaced_in_a_root_that_is_a_mount_point() {
    let Some(mounted) = MountedWorld::keeping() else { return };
    undo_and_undo_the_undo(&mounted.world);
    let kept = mounted.world.laid_aside();
    assert!(kept.iter().any(|path| path.starts_with("studies/.carelog-restore/")), "{kept:?}");
}

#[track_caller]
fn undo_and_undo_the_undo(world: &World) {
    let daemon = world.start();
    let id = backup(world);
    let then = Live::of(world);
    change_everything(world);
    let now = Live::of(world);
    let restore = job_of(world, &["restore", &id]);
    assert!(Live::of(world) == then);

    let plan = world.ctl(&["restore", "--undo", &restore, "--dry-run", "--json"]).expect_code(0).json();
    assert_eq!(plan["undoes"], restore.as_str(), "{plan:#}");
    assert_eq!(plan["sources"].as_array().unwrap().len(), 2);
    let undo = job_of(world, &["restore", "--undo", &restore, "-m", "a mistake"]);
    assert!(Live::of(world) == now);
    // What the first one had replaced is live; beside it lies what the undo replaced.
    let kept = world.laid_aside();
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(kept.iter().all(|path| path.contains(&undo)), "{kept:?}");

    // Across a restart.
    let _daemon = daemon.restart();
    let again = job_of(world, &["restore", "--undo", &undo]);
    assert!(Live::of(world) == then);
    let shown = world.ctl(&["job", "show", &again, "--json"]).expect_code(0).json();
    assert_eq!(shown["kind"], "restore");
    assert!(shown["safety_backup_id"].is_string(), "{shown:#}");
    let audit = world.ctl(&["audit", "--json"]).expect_code(0).stdout;
    assert!(audit.contains(&format!("undo={restore}")) && audit.contains("a mistake"), "{audit}");
}

#[test]
fn what_was_written_into_a_file_that_both_share_comes_from_the_safety_backup() {
    write_into_a_shared_file_and_undo(&keeping_world());
}

#[test]
fn what_was_written_into_a_file_that_both_share_of_a_mounted_root_comes_from_the_safety_backup() {
    let Some(mounted) = MountedWorld::keeping() else { return };
    write_into_a_shared_file_and_undo(&mounted.world);
}

#[track_caller]
fn write_into_a_shared_file_and_undo(world: &World) {
    // Old enough to be taken from the live tree and not from the archive.
    let shared = world.clinic.studies.join("study-002/report.txt");
    let _daemon = world.start();
    let id = backup(world);
    change_everything(world);
    let now = Live::of(world);
    let restore = job_of(world, &["restore", &id]);

    // Whether the two are one file depends on the file system and on the clock; made one here, so that they are.
    let mut kept = world.laid_aside().into_iter().map(|path| world.path("clinic").join(path));
    let kept = kept.find(|path| path.is_dir()).unwrap();
    let kept_file = kept.join("study-002/report.txt");
    if fs::metadata(&kept_file).unwrap().ino() != fs::metadata(&shared).unwrap().ino() {
        let time = fs::metadata(&shared).unwrap().modified().unwrap();
        fs::remove_file(&shared).unwrap();
        fs::hard_link(&kept_file, &shared).unwrap();
        assert_eq!(fs::metadata(&shared).unwrap().modified().unwrap(), time);
    }
    // The same length, and the time set back: only the change time tells.
    let time = fs::metadata(&shared).unwrap().modified().unwrap();
    let text = fs::read_to_string(&shared).unwrap().replace("nothing", "NOTHING");
    fs::write(&shared, text).unwrap();
    fs::File::options().write(true).open(&shared).unwrap().set_modified(time).unwrap();

    job_of(world, &["restore", "--undo", &restore]);
    assert!(Live::of(world) == now);
}

#[test]
fn what_cannot_be_undone_is_refused_with_the_next_step() {
    let world = keeping_world();
    let _daemon = world.start();
    let id = backup(&world);
    let taken = world.ctl(&["show", &id, "--json"]).expect_code(0).json()["job_id"].as_str().unwrap().to_owned();
    let refused = world.ctl(&["restore", "--undo", &taken, "--yes"]).expect_code(2);
    assert!(refused.stderr.contains("it is a backup"), "{}", refused.stderr);
    world.ctl(&["restore", "--undo", "ffff", "--yes"]).expect_code(4);
    world.ctl(&["restore", &id, "--undo", &taken, "--yes"]).expect_code(2);

    change_everything(&world);
    let first = job_of(&world, &["restore", &id]);
    let second = job_of(&world, &["restore", &id, "--source", "data"]);
    let newer = world.ctl(&["restore", "--undo", &first, "--yes"]).expect_code(9);
    assert!(newer.stderr.contains(&format!("carelogctl restore --undo {second}")), "{}", newer.stderr);
    let safety = world.ctl(&["job", "show", &first, "--json"]).json()["safety_backup_id"].as_str().unwrap().to_owned();
    assert!(newer.stderr.contains(&format!("carelogctl restore {safety}")), "{}", newer.stderr);

    job_of(&world, &["restore", "--undo", &second]);
    let undone = world.ctl(&["restore", "--undo", &second, "--yes"]).expect_code(9);
    assert!(undone.stderr.contains("was undone already"), "{}", undone.stderr);
}

#[test]
fn what_is_not_kept_any_more_is_refused_with_its_safety_backup() {
    let world = World::new();
    let _daemon = world.start();
    let id = backup(&world);
    change_everything(&world);
    let now = Live::of(&world);
    let restore = job_of(&world, &["restore", &id]);
    let refused = world.ctl(&["restore", "--undo", &restore, "--yes"]).expect_code(9);
    assert!(refused.stderr.contains("not kept any more"), "{}", refused.stderr);
    let command = refused.stderr.lines().find_map(|line| line.split_once("`carelogctl ")).unwrap().1;
    let args: Vec<&str> = command.split('`').next().unwrap().split(' ').chain(["--yes"]).collect();
    world.ctl(&args).expect_code(0);
    assert!(Live::of(&world) == now);
}

#[test]
fn status_shows_what_is_kept_for_how_long() {
    let world = keeping_world();
    let _daemon = world.start();
    let id = backup(&world);
    assert_eq!(world.ctl(&["status", "--json"]).json()["kept"], serde_json::json!([]));
    change_everything(&world);
    let restore = job_of(&world, &["restore", &id]);
    let kept = world.ctl(&["status", "--json"]).expect_code(0).json()["kept"].clone();
    assert_eq!(kept[0]["job_id"], restore.as_str(), "{kept:#}");
    assert_eq!(kept[0]["sources"], serde_json::json!(["data", "studies"]));
    assert!(kept[0]["until"].is_string() && kept[0]["size_bytes"].as_u64().unwrap() > 10_000, "{kept:#}");
    let page = world.ctl(&["status"]).expect_code(0).stdout;
    assert!(page.contains(&format!("carelogctl restore --undo {restore}")), "{page}");
}

#[test]
fn an_undo_is_offered_only_where_it_would_be_done() {
    let world = keeping_world();
    let _daemon = world.start();
    let id = backup(&world);
    change_everything(&world);
    let older = job_of(&world, &["restore", &id]);
    let newer = job_of(&world, &["restore", &id, "--source", "data"]);
    let is_offered = |job: &str| {
        let command = format!("carelogctl restore --undo {job}");
        let page = world.ctl(&["status"]).expect_code(0).stdout;
        let report = world.ctl(&["job", "show", job, "--report"]).expect_code(0).stdout;
        assert_eq!(page.contains(&command), report.contains(&command), "{page}\n{report}");
        let plan = world.ctl(&["restore", "--undo", job, "--dry-run"]);
        assert_eq!(page.contains(&command), plan.code == 0, "{page}\n{}", plan.stderr);
        page.contains(&command)
    };
    assert!(is_offered(&newer) && !is_offered(&older));
    // Both still lie there.
    assert!(world.ctl(&["job", "show", &older, "--report"]).stdout.contains("What was replaced is kept until"));
    let mut asides = world.laid_aside().into_iter().map(|path| world.path("clinic").join(path));
    fs::remove_file(asides.find(|path| path.is_file() && path.to_str().unwrap().contains(&newer)).unwrap()).unwrap();
    assert!(!is_offered(&newer));
}

#[test]
fn what_was_replaced_last_is_undone_first_even_if_the_clock_was_set_back() {
    let world = keeping_world();
    let daemon = world.start();
    let id = backup(&world);
    change_everything(&world);
    let older = job_of(&world, &["restore", &id]);
    let newer = job_of(&world, &["restore", &id]);
    daemon.stop();
    let catalog = rusqlite::Connection::open(world.state_dir().join("catalog.db")).unwrap();
    let set_back = "UPDATE jobs SET started_at_ms = started_at_ms - 259200000 WHERE id = ?1";
    assert_eq!(catalog.execute(set_back, [&newer]).unwrap(), 1);
    drop(catalog);
    let _daemon = world.start();
    let refused = world.ctl(&["restore", "--undo", &older, "--dry-run"]).expect_code(9);
    assert!(refused.stderr.contains(&newer), "{}", refused.stderr);
    world.ctl(&["restore", "--undo", &newer, "--dry-run"]).expect_code(0);
}

#[test]
fn what_no_safety_backup_holds_any_more_is_not_discarded() {
    let world = keeping_world().without_trash();
    let daemon = world.start();
    let id = backup(&world);
    change_everything(&world);
    let restore = job_of(&world, &["restore", &id]);
    let kept = world.laid_aside();
    let safety =
        world.ctl(&["job", "show", &restore, "--json"]).json()["safety_backup_id"].as_str().unwrap().to_owned();
    world.ctl(&["delete", &safety, "-m", "made room", "--yes"]).expect_code(0);

    let refused = world.ctl(&["restore", "--undo", &restore, "--yes"]).expect_code(4);
    assert!(refused.stderr.contains(&kept[0]), "{}", refused.stderr);
    daemon.stop();
    // As if an hour had passed.
    let journal = world.state_dir().join(format!("restores/{restore}.journal"));
    let text = fs::read_to_string(&journal).unwrap();
    let (before, behind) = text.split_once("\"keep_until\":\"").unwrap();
    let (_, behind) = behind.split_once('"').unwrap();
    fs::write(&journal, format!("{before}\"keep_until\":\"2020-01-01T00:00:00Z\"{behind}")).unwrap();
    let _daemon = world.start();
    assert_eq!(world.laid_aside(), kept);
    let shown = world.ctl(&["status", "--json"]).json()["kept"][0].clone();
    assert!(shown["until"].is_null() && shown["can_be_undone"] == false, "{shown:#}");
    let report = world.ctl(&["job", "show", &restore, "--report"]).expect_code(0).stdout;
    assert!(report.contains("until it is removed by hand"), "{report}");
}

#[test]
fn an_undo_needs_nothing_of_the_archive_for_what_was_kept_untouched() {
    let world = keeping_world();
    let _daemon = world.start();
    let id = backup(&world);
    change_everything(&world);
    let now = Live::of(&world);
    let restore = job_of(&world, &["restore", &id, "--source", "studies"]);

    let safety =
        world.ctl(&["job", "show", &restore, "--json"]).json()["safety_backup_id"].as_str().unwrap().to_owned();
    // The safety backup builds on it.
    let shown = world.ctl(&["show", &id, "--json"]).expect_code(0).json();
    let archive = world.backups().join(shown["filename"].as_str().unwrap());
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0);
    fs::write(&archive, bytes).unwrap();
    world.ctl(&["verify", &safety]).expect_code(7);

    job_of(&world, &["restore", "--undo", &restore]);
    assert!(Live::of(&world) == now);
}

#[cfg(feature = "failpoints")]
#[test]
fn an_undo_that_is_killed_is_taken_back_or_finished_and_what_was_kept_is_there_until_then() {
    for (point, is_finished) in [("restore.swapped", false), ("restore.discard", true)] {
        let world = keeping_world();
        let daemon = world.start();
        let id = backup(&world);
        let then = Live::of(&world);
        change_everything(&world);
        let now = Live::of(&world);
        let restore = job_of(&world, &["restore", &id]);
        let kept = world.laid_aside();
        daemon.stop();

        let mut daemon = world.start_with(&[("CARELOG_FAIL", &format!("{point}=kill"))]);
        world.ctl(&["restore", "--undo", &restore, "--yes", "--json"]).expect_code(6);
        daemon.wait();
        let _daemon = world.start();
        crate::support::wait::wait_until("the undo to be settled", || world.laid_aside().len() == 2);
        if is_finished {
            assert!(Live::of(&world) == now, "{point}");
            assert!(world.laid_aside() != kept, "{point}");
            world.ctl(&["restore", "--undo", &restore, "--yes"]).expect_code(9);
        } else {
            assert!(Live::of(&world) == then, "{point}");
            assert_eq!(world.laid_aside(), kept, "{point}");
            job_of(&world, &["restore", "--undo", &restore]);
            assert!(Live::of(&world) == now, "{point}");
        }
    }
}
