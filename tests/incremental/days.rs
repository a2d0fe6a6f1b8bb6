//! Days on which nothing, little or much changes.

use std::fs;
use std::os::unix::fs::FileExt as _;

use super::{Picture, backup, backup_with, id, image, world_of};
use crate::support::World;
use crate::support::clinic::{noise, write_file};

#[test]
fn a_day_on_which_nothing_changed_costs_kilobytes() {
    let world = world_of(400);
    let _daemon = world.start();
    let first = backup(&world);
    assert_eq!((&first["mode"], &first["parent_id"]), (&"full".into(), &serde_json::Value::Null));
    assert!(first["size_bytes"].as_u64().unwrap() > 8_000_000, "{first:#}");

    let second = backup(&world);

    assert_eq!((&second["mode"], &second["parent_id"]), (&"incremental".into(), &first["id"]));
    assert_eq!((&second["raw_bytes"], &second["files"]), (&first["raw_bytes"], &first["files"]));
    assert_eq!(second["new_bytes"], 0);
    assert!(second["size_bytes"].as_u64().unwrap() < 10_000, "{second:#}");
    // It builds on the first through the second, which holds nothing that anybody could need.
    let third = backup(&world);
    assert_eq!((&third["parent_id"], &third["needs"]), (&second["id"], &serde_json::json!([first["id"]])));
    let picture = Picture::live(&world);
    for backup in [&first, &second, &third] {
        picture.assert_is(&Picture::restored(&world, id(backup)));
    }
}

#[test]
fn a_hundredth_that_changed_costs_little_more_than_that_hundredth() {
    let world = world_of(400);
    let _daemon = world.start();
    backup(&world);
    (0..4).for_each(|n| write_file(&image(&world, n * 100), &noise(5000 + n, 20_000)));

    let second = backup(&world);

    assert_eq!(second["new_bytes"], 80_000);
    assert!(second["size_bytes"].as_u64().unwrap() < 80_000 + 30_000, "{second:#}");
}

#[test]
fn moved_and_copied_files_cost_no_content() {
    let world = world_of(100);
    let _daemon = world.start();
    backup(&world);
    let studies = &world.clinic.studies;
    fs::rename(studies.join("archive-01"), studies.join("moved")).unwrap();
    fs::copy(image(&world, 7), studies.join("a-copy")).unwrap();

    let second = backup(&world);

    assert_eq!(second["new_bytes"], 0, "{second:#}");
    Picture::live(&world).assert_is(&Picture::restored(&world, id(&second)));
}

#[test]
fn every_day_comes_back_as_it_was_the_first_a_middle_one_and_the_newest() {
    let world = world_of(60);
    let large = world.clinic.studies.join("large.bin");
    write_file(&large, &noise(1, 9 << 20));
    let mut daemon = world.start();
    let mut days = Vec::new();
    for day in 0..5_u64 {
        if day > 0 {
            write_file(&image(&world, day), &noise(100 + day, 30_000));
            write_file(&world.clinic.studies.join(format!("new-{day}")), &noise(200 + day, 1_000));
            fs::remove_file(image(&world, 50 + day)).unwrap();
            let file = fs::File::options().write(true).open(&large).unwrap();
            file.write_all_at(b"changed in the middle", day << 21).unwrap();
            let mut records = world.clinic.records();
            records["patients"][3]["name"] = format!("Patient of day {day}").into();
            fs::write(&world.clinic.data, serde_json::to_vec_pretty(&records).unwrap()).unwrap();
        }
        days.push((backup(&world), Picture::live(&world)));
    }
    for (day, (backup, _)) in days.iter().enumerate().skip(1) {
        assert_eq!(backup["mode"], "incremental", "day {day}");
        let new = backup["new_bytes"].as_u64().unwrap();
        // Of the large file, the chunks around what was written.
        assert!(new > 30_000 && new < 9 << 20, "day {day}: {backup:#}");
    }
    world.ctl(&["verify", "--all"]).expect_code(0);
    for (backup, picture) in &days {
        picture.assert_is(&Picture::restored(&world, id(backup)));
    }
    // In place too, after a restart: nothing that is needed lies in memory alone.
    daemon = daemon.restart();
    world.ctl(&["restore", id(&days[2].0), "--yes"]).expect_code(0);
    days[2].1.assert_is(&Picture::live(&world));
    world.ctl(&["restore", id(&days[4].0), "--yes"]).expect_code(0);
    days[4].1.assert_is(&Picture::live(&world));
    daemon.stop();
}

#[test]
fn the_safety_backup_of_a_restore_builds_on_what_the_restore_has_just_read() {
    let world = world_of(100);
    world.edit_config("keep_replaced = \"0s\"", "keep_replaced = \"1h\"");
    let _daemon = world.start();
    let first = backup(&world);
    write_file(&image(&world, 3), &noise(1, 25_000));
    let before = Picture::live(&world);

    let restored = world.ctl(&["restore", id(&first), "--yes", "--json"]).expect_code(0).json();

    let safety = super::show(&world, restored["safety_backup_id"].as_str().unwrap());
    assert_eq!((&safety["mode"], &safety["parent_id"]), (&"incremental".into(), &first["id"]));
    assert_eq!(safety["new_bytes"], 25_000);
    before.assert_is(&Picture::restored(&world, id(&safety)));
    // It is no base of anything but of other safety backups.
    let next = backup(&world);
    assert_eq!(next["parent_id"], first["id"]);
    world.ctl(&["restore", "--undo", restored["id"].as_str().unwrap(), "--yes"]).expect_code(0);
    before.assert_is(&Picture::live(&world));
}

#[test]
fn a_full_is_taken_on_request_and_when_the_last_one_is_too_old() {
    let world = world_of(10);
    let daemon = world.start();
    let first = backup(&world);
    let full = backup_with(&world, &["--full"], 0);
    assert_eq!((&full["mode"], &full["needs"]), (&"full".into(), &serde_json::json!([])));
    assert_eq!(backup_with(&world, &["--incremental"], 0)["parent_id"], full["id"]);
    assert_eq!(world.ctl(&["backup", "--dry-run", "--json"]).expect_code(0).json()["mode"], "incremental");
    daemon.stop();

    world.edit_config("[backup]", "[backup]\nfull_every = \"1ms\"");
    let _daemon = world.start();
    assert_eq!(world.ctl(&["backup", "--dry-run", "--json"]).expect_code(0).json()["mode"], "full");
    let due = backup(&world);
    assert_eq!((&due["mode"], &due["parent_id"]), (&"full".into(), &serde_json::Value::Null));
    assert_ne!(due["id"], first["id"]);
    // Whoever asks for an incremental gets one.
    let plan = world.ctl(&["backup", "--incremental", "--dry-run", "--json"]).expect_code(0).json();
    assert_eq!(plan["mode"], "incremental");
    assert_eq!(backup_with(&world, &["--incremental"], 0)["parent_id"], due["id"]);
}

#[test]
fn sources_that_are_backed_up_on_their_own_build_each_on_its_own_newest() {
    let world = world_of(50);
    let _daemon = world.start();
    let both = backup(&world);
    let data = backup_with(&world, &["--source", "data"], 0);
    assert_eq!(data["parent_id"], both["id"]);
    write_file(&image(&world, 3), &noise(1, 25_000));
    let studies = backup_with(&world, &["--source", "studies"], 0);
    assert_eq!((&studies["parent_id"], &studies["new_bytes"]), (&both["id"], &25_000.into()));

    let last = backup(&world);

    assert_eq!((&last["parent_id"], &last["new_bytes"]), (&studies["id"], &0.into()));
    assert_eq!(last["needs"].as_array().unwrap().len(), 2, "{last:#}");
    Picture::live(&world).assert_is(&Picture::restored(&world, id(&last)));
}

#[test]
fn an_incremental_is_not_downloaded_as_if_it_were_complete() {
    let world: World = world_of(10);
    let _daemon = world.start();
    let full = backup(&world);
    let incremental = backup(&world);
    let to = world.path("fetched");
    let refused = world.ctl(&["download", id(&incremental), "-o", to.to_str().unwrap()]).expect_code(9);
    assert!(refused.stderr.contains("not complete without 1 other archive"), "{}", refused.stderr);
    assert!(!to.exists());
    world.ctl(&["download", id(&full), "-o", to.to_str().unwrap()]).expect_code(0);
}
