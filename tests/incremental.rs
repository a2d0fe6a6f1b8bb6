//! Backups that build on others: what they cost, that each comes back whole, and that nothing which one of them needs can
//! be lost by any command.

mod bases;
mod days;
mod extraction;
mod hurt;
// Crashes need the points of failure.
#[cfg(feature = "failpoints")]
mod model;
mod rescan;
mod retained;

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::clinic::{noise, write_file};
use crate::support::tree_diff::assert_same;
use crate::support::{TreeImage, World};

/// A world whose JSON file is backed up whole, and whose tree has `files` files of 20 kB.
fn world_of(files: u64) -> World {
    let world = World::new();
    world.edit_config(r#"exclude = ["auditLogs", "sessions"]"#, "");
    for n in 0..files {
        write_file(&image(&world, n), &noise(1000 + n, 20_000));
    }
    world
}

/// Where image `n` of that tree is.
fn image(world: &World, n: u64) -> PathBuf {
    world.clinic.studies.join(format!("archive-{:02}/image-{n:04}.dcm", n % 7))
}

/// Takes a backup with these arguments that ends with `code`, and returns it.
#[track_caller]
fn backup_with(world: &World, args: &[&str], code: i32) -> Value {
    let answer = world.ctl(&[&["backup", "--json"], args].concat()).expect_code(code);
    show(world, answer.json()["backup_id"].as_str().unwrap())
}

#[track_caller]
fn backup(world: &World) -> Value {
    backup_with(world, &[], 0)
}

#[track_caller]
fn show(world: &World, id: &str) -> Value {
    world.ctl(&["show", id, "--json"]).expect_code(0).json()
}

fn id(backup: &Value) -> &str {
    backup["id"].as_str().unwrap()
}

#[track_caller]
fn delete(world: &World, backup: &Value) {
    world.ctl(&["delete", id(backup), "-m", "no longer needed", "--yes"]).expect_code(0);
}

/// The archive file of a backup.
fn archive(world: &World, backup: &Value) -> PathBuf {
    world.backups().join(backup["filename"].as_str().unwrap())
}

/// What is live, or what was written out of it.
#[derive(Clone)]
struct Picture {
    data: Vec<u8>,
    studies: TreeImage,
}

impl Picture {
    fn live(world: &World) -> Self {
        Self::at(&world.clinic.data, &world.clinic.studies)
    }

    fn at(data: &Path, studies: &Path) -> Self {
        Self { data: fs::read(data).unwrap(), studies: TreeImage::of(studies).without_holes() }
    }

    /// What `restore --to` makes of a backup.
    #[track_caller]
    fn restored(world: &World, backup: &str) -> Self {
        let target = world.path("target");
        fs::create_dir(&target).unwrap();
        world.ctl(&["restore", backup, "--to", target.to_str().unwrap()]).expect_code(0);
        let picture = Self::at(&target.join("data.json"), &target.join("studies"));
        fs::remove_dir_all(target).unwrap();
        picture
    }

    /// What `carelogd extract` makes of an archive and those beside it. By path, for then it does not wait for the disk.
    #[track_caller]
    fn extracted(world: &World, archive: &Path) -> Self {
        let target = world.path("extracted");
        let (archive, to) = (archive.to_str().unwrap(), target.to_str().unwrap());
        world.carelogd(&["extract", archive, "--to", to, "--path", "data.json", "--path", "studies"]).expect_code(0);
        let picture = Self::at(&target.join("data.json"), &target.join("studies"));
        fs::remove_dir_all(target).unwrap();
        picture
    }

    #[track_caller]
    fn assert_is(&self, found: &Self) {
        assert!(self.data == found.data, "the JSON file differs");
        assert_same(&self.studies, &found.studies);
    }
}

/// Changes one byte of a file.
fn flip(path: &Path, at: u64) {
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x55], at).unwrap();
}
