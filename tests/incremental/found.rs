//! Damage that is found by who did not look for it.

use std::fs;

use super::bases::content_of;
use super::{archive, backup, backup_with, flip, id, image, show, world_of};
use crate::support::World;
use crate::support::clinic::{noise, write_file};

const HURT: &[u8] = b"studies/archive-01/image-0001.dcm";

/// A full and two incrementals that need it, stored as they are, so that one byte is one chunk; a byte of image 1 is bad.
fn with_a_bad_base(world: &World) -> [serde_json::Value; 3] {
    world.edit_config("[backup]", "[backup]\ncompression = \"none\"");
    let daemon = world.start();
    let backups = [10, 11, 12].map(|n| {
        write_file(&image(world, 2), &noise(n, 20_000));
        backup(world)
    });
    daemon.stop();
    let path = archive(world, &backups[0]);
    flip(&path, content_of(&path, HURT));
    backups
}

fn states(world: &World, backups: &[serde_json::Value]) -> Vec<serde_json::Value> {
    backups.iter().map(|backup| show(world, id(backup))["state"].clone()).collect()
}

#[test]
fn a_restore_that_finds_damage_marks_all_that_it_hurts_and_nothing_is_built_on_it() {
    for way in ["to", "partial", "live"] {
        let world = world_of(20);
        let backups = with_a_bad_base(&world);
        let _daemon = world.start();
        let target = world.path("to");
        fs::create_dir(&target).unwrap();
        let to = ["--to", target.to_str().unwrap()];
        let (args, code): (&[&str], _) = match way {
            "to" => (&to, 7),
            "partial" => (&["--partial", to[0], to[1]], 3),
            _ => (&["--yes"], 7),
        };

        world.ctl(&[&["restore", id(&backups[1])], args].concat()).expect_code(code);

        assert_eq!(states(&world, &backups), ["corrupt"; 3], "{way}");
        let next = backup_with(&world, &[], 3);
        assert_eq!(next["mode"], "full", "{way}");
        let refused = world.ctl(&["restore", id(&backups[2]), "--yes"]).expect_code(7);
        assert!(refused.stderr.contains(next["filename"].as_str().unwrap()), "{way}: {}", refused.stderr);
    }
}

#[test]
fn a_backup_that_cannot_read_its_base_marks_it() {
    let world = world_of(20);
    let daemon = world.start();
    let first = backup(&world);
    daemon.stop();
    let size = first["size_bytes"].as_u64().unwrap();
    fs::File::options().write(true).open(archive(&world, &first)).unwrap().set_len(size / 2).unwrap();
    // At the start the size would tell.
    let catalog_knows = |world: &World| show(world, id(&first))["state"].clone();
    let _daemon = world.start();
    assert_eq!(catalog_knows(&world), "corrupt");
    backup_with(&world, &[], 3);
    let second = backup(&world);
    flip(&archive(&world, &second), second["size_bytes"].as_u64().unwrap() - 40);
    assert_eq!(backup_with(&world, &[], 3)["mode"], "full");
    assert_eq!(show(&world, id(&second))["state"], "corrupt");
}

#[test]
fn a_quick_look_does_not_call_sound_what_is_known_to_be_damaged() {
    let world = world_of(20);
    with_a_bad_base(&world);
    let _daemon = world.start();
    world.ctl(&["verify", "--all"]).expect_code(7);
    let quick = world.ctl(&["verify", "--all", "--quick", "--json"]).expect_code(7).json();
    let summary = quick["result"]["summary"].as_str().unwrap();
    assert_eq!(summary, "the structure of 3 of 3 backups is whole; 3 are known to be damaged");
}

#[test]
fn a_base_that_was_removed_names_what_it_hurts_and_what_can_be_done() {
    let world = world_of(20);
    let _daemon = world.start();
    let first = backup(&world);
    write_file(&image(&world, 2), &noise(10, 20_000));
    let second = backup(&world);
    fs::remove_file(archive(&world, &first)).unwrap();
    let target = world.path("to");
    fs::create_dir(&target).unwrap();
    let refused = world.ctl(&["restore", id(&second), "--to", target.to_str().unwrap()]).expect_code(7);
    assert!(refused.stderr.contains("--partial") && refused.stderr.contains("verify"), "{}", refused.stderr);
    let verified = world.ctl(&["verify", id(&second), "--json"]).expect_code(7).json();
    let damage = verified["result"]["damage"].to_string();
    assert!(damage.contains("hurt: studies/archive-01/image-0001.dcm"), "{damage}");
    assert!(!damage.contains("hurt: studies/archive-02/image-0002.dcm"), "{damage}");
    assert!(verified["error"]["message"].as_str().unwrap().contains("it hurts"), "{verified:#}");
}

#[test]
fn a_base_that_was_cut_short_is_not_called_absent() {
    let world = world_of(20);
    let _daemon = world.start();
    let first = backup(&world);
    write_file(&image(&world, 2), &noise(10, 20_000));
    let second = backup(&world);
    let size = first["size_bytes"].as_u64().unwrap();
    fs::File::options().write(true).open(archive(&world, &first)).unwrap().set_len(size / 2).unwrap();
    let verified = world.ctl(&["verify", id(&second), "--json"]).expect_code(7).json();
    let damage = verified["result"]["damage"].to_string();
    assert!(damage.contains("not a complete CareLog archive") && !damage.contains("not at hand"), "{damage}");
    let latest = world.ctl(&["restore", "latest", "--yes"]).expect_code(4);
    assert!(latest.stderr.contains("none of the backups can be restored"), "{}", latest.stderr);
}

#[test]
fn a_backup_of_another_place_is_told_apart_where_somebody_looks_at_it() {
    let world = world_of(3);
    let daemon = world.start();
    let taken = backup(&world);
    daemon.stop();
    let (data, moved) = (world.clinic.data.clone(), world.path("clinic/moved.json"));
    fs::rename(&data, &moved).unwrap();
    world.edit_config("clinic/data.json", "clinic/moved.json");
    let _daemon = world.start();
    let told = format!("backed up from {}", data.display());
    for args in [&["show", id(&taken)][..], &["list", "--json"], &["restore", "latest", "--dry-run"]] {
        let answer = world.ctl(args).expect_code(0);
        assert!(answer.stdout.contains(&told), "{args:?}: {}", answer.stdout);
        assert!(!answer.stdout.contains(&format!("backed up from {}", world.clinic.studies.display())), "{args:?}");
    }
}

#[test]
fn a_backup_says_what_it_is_and_how_much_is_new() {
    let world = world_of(3);
    let _daemon = world.start();
    for (args, mode) in [(&["backup", "--full"][..], "full: "), (&["backup"], "incremental: ")] {
        let said = world.ctl(args).expect_code(0).stdout;
        assert!(said.contains(mode) && said.contains("of content are new"), "{said}");
    }
}
