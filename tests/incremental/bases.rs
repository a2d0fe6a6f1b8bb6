//! A base that cannot be relied on: the backup is a full one and says why.

use std::fs::{self, File};

use carelogd::archive::ArchiveReader;

use super::{Picture, archive, backup, backup_with, flip, id, image, world_of};
use crate::support::World;
use crate::support::clinic::{noise, write_file};

/// Takes a backup that has to say that it stored everything again, and why.
#[track_caller]
fn assert_full(world: &World, why: &str) -> serde_json::Value {
    let answer = world.ctl(&["backup", "--json"]).expect_code(3).json();
    let warnings = answer["result"]["warnings"].to_string();
    assert!(warnings.contains("everything was stored again") && warnings.contains(why), "{warnings}");
    let full = super::show(world, answer["backup_id"].as_str().unwrap());
    assert_eq!((&full["mode"], &full["needs"]), (&"full".into(), &serde_json::json!([])));
    Picture::live(world).assert_is(&Picture::restored(world, id(&full)));
    full
}

#[test]
fn a_base_that_is_missing_or_damaged_makes_the_next_backup_a_full_one_with_a_warning() {
    let world = world_of(30);
    let _daemon = world.start();

    let missing = backup(&world);
    fs::remove_file(archive(&world, &missing)).unwrap();
    let full = assert_full(&world, "archive");
    assert_eq!(backup(&world)["parent_id"], full["id"], "the next builds on the full again");

    let cut = backup_with(&world, &["--full"], 0);
    File::options().write(true).open(archive(&world, &cut)).unwrap().set_len(1000).unwrap();
    assert_full(&world, "not a complete CareLog archive");

    let restore_point = backup_with(&world, &["--full"], 0);
    flip(&archive(&world, &restore_point), restore_point["size_bytes"].as_u64().unwrap() - 120);
    assert_full(&world, restore_point["filename"].as_str().unwrap());

    let manifest = backup_with(&world, &["--full"], 0);
    let path = archive(&world, &manifest);
    flip(&path, middle_of_manifest(&path));
    assert_full(&world, "damaged");
}

#[test]
fn a_base_of_the_base_that_is_missing_counts_as_much_as_the_base_itself() {
    let world = world_of(30);
    let _daemon = world.start();
    let first = backup(&world);
    write_file(&image(&world, 1), &noise(1, 20_000));
    let second = backup(&world);
    assert_eq!(second["needs"], serde_json::json!([first["id"]]));
    fs::remove_file(archive(&world, &first)).unwrap();
    let full = assert_full(&world, first["filename"].as_str().unwrap());
    // Told in the status too, and at the next start the catalog knows.
    let refused = world.ctl(&["restore", id(&second), "--yes"]).expect_code(7);
    assert!(refused.stderr.contains(first["filename"].as_str().unwrap()), "{}", refused.stderr);
    assert_eq!(backup(&world)["parent_id"], full["id"]);
}

#[test]
fn an_archive_that_is_known_to_be_damaged_is_built_on_by_nobody() {
    let world = world_of(30);
    // So that one byte is one chunk.
    world.edit_config("[backup]", "[backup]\ncompression = \"none\"");
    let _daemon = world.start();
    let first = backup(&world);
    // A chunk that the second day does not have any more.
    let content = content_of(&archive(&world, &first), b"studies/archive-01/image-0001.dcm");
    fs::remove_file(image(&world, 1)).unwrap();
    let second = backup(&world);
    flip(&archive(&world, &first), content);
    world.ctl(&["verify", id(&first)]).expect_code(7);
    world.ctl(&["verify", id(&second)]).expect_code(7);
    assert_eq!(super::show(&world, id(&second))["state"], "available", "it is not hurt");
    // The content comes back, and would be found in the damaged archive.
    write_file(&image(&world, 1), &noise(1001, 20_000));
    assert_full(&world, first["filename"].as_str().unwrap());
}

/// A place in the stored bytes of the manifest.
fn middle_of_manifest(path: &std::path::Path) -> u64 {
    let archive = ArchiveReader::open(File::open(path).unwrap()).unwrap();
    let location = archive.locate(&archive.restore_point().manifest[0].id).unwrap();
    let frame = archive.frames()[location.frame as usize];
    frame.position + u64::from(frame.stored) / 2
}

/// A place in the stored bytes of a member that no compressor shortens.
pub(super) fn content_of(path: &std::path::Path, member: &[u8]) -> u64 {
    let archive = ArchiveReader::open(File::open(path).unwrap()).unwrap();
    let entry = archive.entry(member).unwrap().unwrap();
    let location = archive.locate(&entry.content().unwrap().chunks[0].id).unwrap();
    let frame = archive.frames()[location.frame as usize];
    let share = u64::from(location.offset + location.length / 2) * u64::from(frame.stored) / u64::from(frame.raw);
    frame.position + share
}

#[test]
fn a_tree_that_was_not_mounted_for_a_night_is_said_aloud_and_is_not_stored_again_when_it_is_back() {
    let world = world_of(30);
    let _daemon = world.start();
    let first = backup(&world);
    let (studies, elsewhere) = (&world.clinic.studies, world.clinic.studies.with_extension("elsewhere"));
    fs::rename(studies, &elsewhere).unwrap();
    fs::create_dir(studies).unwrap();
    let empty = backup_with(&world, &[], 3);

    let status = world.ctl(&["status", "--json"]).expect_code(0).json();
    assert_eq!(status["verdict"], "at_risk", "{status:#}");
    assert!(status["problems"].to_string().contains("far smaller than was usual"), "{status:#}");
    let kept = world.ctl(&["delete", id(&first), "-m", "room", "--yes"]).expect_code(9);
    assert!(kept.stderr.contains("the last good backup of source 'studies'"), "{kept:?}");

    fs::remove_dir(studies).unwrap();
    fs::rename(&elsewhere, studies).unwrap();
    let back = backup(&world);
    assert_eq!((&back["mode"], &back["needs"]), (&"incremental".into(), &serde_json::json!([first["id"]])));
    assert!(back["new_bytes"].as_u64().unwrap() < 10_000, "{back:#} after {empty:#}");
    Picture::live(&world).assert_is(&Picture::restored(&world, id(&back)));
    assert_eq!(world.ctl(&["status", "--json"]).expect_code(0).json()["verdict"], "protected");
}
