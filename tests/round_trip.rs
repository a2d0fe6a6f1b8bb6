//! What was backed up comes back: every kind of file with all that belongs to it, by each way back and for each codec.

use std::fs;
use std::path::Path;

use crate::support::clinic::{noise, write_file};
use crate::support::process::is_root;
use crate::support::tree_diff::assert_same;
use crate::support::unprivileged::runs_as_nobody;
use crate::support::{TreeImage, World, tree_zoo};

#[test]
fn everything_comes_back_from_zstd() {
    everything_comes_back("zstd");
}

#[test]
fn everything_comes_back_from_gzip() {
    everything_comes_back("gzip");
}

#[test]
fn everything_comes_back_from_a_plain_tar() {
    everything_comes_back("none");
}

#[test]
fn everything_of_their_own_comes_back_to_an_unprivileged_user() {
    if runs_as_nobody("round_trip::everything_of_their_own_comes_back_to_an_unprivileged_user") {
        return;
    }
    everything_comes_back("zstd");
}

fn everything_comes_back(codec: &str) {
    let world = World::new();
    world.edit_config(r#"exclude = ["auditLogs", "sessions"]"#, "");
    world.edit_config("[backup]", &format!("[backup]\ncompression = \"{codec}\""));
    let left_out = tree_zoo::make(&world.clinic.studies);
    assert!(left_out.is_empty(), "this file system cannot have {left_out:?}");
    let original = Live::of(&world);
    let _daemon = world.start();
    let backup = world.ctl(&["backup", "--json"]).expect_code(0).json()["backup_id"].as_str().unwrap().to_owned();

    elsewhere_is_the_same(&world, &backup, &original);

    damage(&world);
    let damaged = Live::of(&world);
    let restored = world.ctl(&["restore", &backup, "--yes", "--json"]).expect_code(0).json();
    original.assert_is(&Live::of(&world));

    // What was replaced is not lost: the safety backup brings even the damage back.
    let safety = restored["safety_backup_id"].as_str().unwrap();
    world.ctl(&["restore", safety, "--yes"]).expect_code(0);
    damaged.assert_is(&Live::of(&world));

    lose_everything(&world);
    // There is nothing to save first, and that has to be accepted.
    let refused = world.ctl(&["restore", &backup, "--yes"]).expect_code(9);
    assert!(refused.stderr.contains("--accept-unsaved"), "{}", refused.stderr);
    world.ctl(&["restore", &backup, "--yes", "--accept-unsaved"]).expect_code(0);
    original.assert_is(&Live::of(&world));
    let beside: Vec<_> = fs::read_dir(world.path("clinic")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside.len(), 2, "something was left beside the sources: {beside:?}");
    // So that the world can be removed with its test.
    make_removable(&world.clinic.studies);
}

/// What is live: the JSON file, its attributes, and the tree without what is never backed up.
struct Live {
    json: Vec<u8>,
    data: TreeImage,
    studies: TreeImage,
}

impl Live {
    fn of(world: &World) -> Self {
        Self::at(&world.clinic.data, &world.clinic.studies)
    }

    fn at(data: &Path, studies: &Path) -> Self {
        let studies = TreeImage::of(studies).without_sockets();
        Self { json: fs::read(data).unwrap(), data: TreeImage::of(data), studies }
    }

    #[track_caller]
    fn assert_is(&self, found: &Self) {
        assert!(self.json == found.json, "the JSON file differs");
        assert_same(&self.data, &found.data);
        assert_same(&self.studies, &found.studies);
    }
}

/// The two ways back that touch nothing live, one of them without a daemon.
fn elsewhere_is_the_same(world: &World, backup: &str, original: &Live) {
    let target = world.path("target");
    fs::create_dir(&target).unwrap();
    world.ctl(&["restore", backup, "--to", target.to_str().unwrap()]).expect_code(0);
    original.assert_is(&Live::at(&target.join("data.json"), &target.join("studies")));

    let names = world.store_files();
    let archive = names.iter().find(|name| name.starts_with("backup_") && !name.ends_with(".sha256")).unwrap();
    let (archive, extracted) = (world.backups().join(archive), world.path("extracted"));
    world.carelogd(&["extract", archive.to_str().unwrap(), "--to", extracted.to_str().unwrap()]).expect_code(0);
    original.assert_is(&Live::at(&extracted.join("data.json"), &extracted.join("studies")));
    for dir in [target, extracted] {
        make_removable(&dir);
        fs::remove_dir_all(dir).unwrap();
    }
}

/// Something of each kind: changed, shortened, replaced by another kind, removed, added, other mode, other links.
fn damage(world: &World) {
    let root = &world.clinic.studies;
    fs::write(&world.clinic.data, br#"{"patients": []}"#).unwrap();
    fs::write(root.join("contents/one-block"), noise(9, 4096)).unwrap();
    fs::File::options().write(true).open(root.join("contents/noise-9-mib")).unwrap().set_len(100).unwrap();
    fs::remove_dir_all(root.join("contents/many")).unwrap();
    fs::remove_file(root.join("names/new\nline")).unwrap();
    fs::remove_file(root.join("links/to-folder")).unwrap();
    fs::create_dir(root.join("links/to-folder")).unwrap();
    fs::remove_file(root.join("zz-third-name")).unwrap();
    write_file(&root.join("zz-third-name"), b"target");
    fs::remove_file(root.join("special/fifo")).unwrap();
    fs::remove_file(root.join("sparse/over-8-gib")).unwrap();
    write_file(&root.join("encrypted/README.locked"), b"pay");
    write_file(&root.join("study-000/report.txt"), b"overwritten");
}

fn lose_everything(world: &World) {
    make_removable(&world.clinic.studies);
    fs::remove_dir_all(&world.clinic.studies).unwrap();
    fs::remove_file(&world.clinic.data).unwrap();
}

/// A folder that its owner may not write to can be emptied by root alone.
fn make_removable(dir: &Path) {
    if is_root() {
        return;
    }
    use std::os::unix::fs::PermissionsExt as _;
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap).filter(|entry| entry.file_type().unwrap().is_dir()) {
        fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o700)).unwrap();
        make_removable(&entry.path());
    }
}
