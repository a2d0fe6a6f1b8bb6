//! Users that were renumbered, or are gone, since the backup.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::Path;

use nix::mount::{MsFlags, mount};

use super::foreign_backup;
use crate::support::World;
use crate::support::mount::{Tmpfs, may_mount};
use crate::support::unprivileged::runs_as_nobody;

/// Whoever looks up users from now on finds those of this machine and `others`: name and number, groups alike.
fn let_there_be(world: &World, others: &[(&str, u32)]) {
    for (file, rest) in [("passwd", "::/:/bin/false"), ("group", "")] {
        let own = world.path(file);
        let is_first = !own.exists();
        let system = Path::new("/etc").join(file);
        if is_first {
            fs::copy(&system, world.path(&format!("{file}.system"))).unwrap();
        }
        let mut text = fs::read_to_string(world.path(&format!("{file}.system"))).unwrap();
        for (name, number) in others {
            let number = if file == "passwd" { format!("{number}:{number}") } else { format!("{number}:") };
            text += &format!("{name}:x:{number}{rest}\n");
        }
        fs::write(&own, text).unwrap();
        if is_first {
            mount(Some(&own), &system, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
        }
    }
}

fn owner(path: &Path) -> (u32, u32) {
    let found = fs::symlink_metadata(path).unwrap();
    (found.uid(), found.gid())
}

#[test]
fn a_year_later_a_name_decides_and_a_number_that_has_none_stays() {
    if may_mount() {
        owners_come_back(|_| None);
    }
}

#[test]
fn so_it_is_where_the_entries_of_the_root_are_swapped_one_by_one() {
    if may_mount() {
        owners_come_back(|world| {
            fs::remove_dir_all(&world.clinic.studies).unwrap();
            Some(Tmpfs::mount(&world.clinic.studies, 4096))
        });
    }
}

fn owners_come_back(prepare: fn(&World) -> Option<Tmpfs>) {
    let world = World::new();
    let _mounted = prepare(&world);
    let studies = &world.clinic.studies;
    let [of_alice, of_carol, of_root] = ["alice", "carol", "root"].map(|name| studies.join(name));
    let link = studies.join("link");
    for path in [&of_alice, &of_carol, &of_root] {
        fs::write(path, "report").unwrap();
    }
    std::os::unix::fs::symlink("alice", &link).unwrap();
    for path in [studies, &of_alice, &world.clinic.data] {
        chown(path, Some(41_001), Some(41_001)).unwrap();
    }
    std::os::unix::fs::lchown(&link, Some(41_001), Some(41_001)).unwrap();
    chown(&of_carol, Some(41_002), Some(41_002)).unwrap();
    let_there_be(&world, &[("alice", 41_001), ("carol", 41_002)]);
    let _daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);

    // Alice has another number, which Bob has now; Carol is gone. What is live was given to Alice when she got hers.
    let_there_be(&world, &[("alice", 45_001), ("bob", 41_001)]);
    chown(&of_alice, Some(45_001), Some(45_001)).unwrap();
    fs::remove_file(&of_carol).unwrap();
    fs::write(&of_root, "lost").unwrap();
    let target = world.path("target");
    fs::create_dir(&target).unwrap();
    world.ctl(&["restore", "latest", "--yes"]).expect_code(0);
    world.ctl(&["restore", "latest", "--to", target.to_str().unwrap()]).expect_code(0);
    for (data, tree) in [(&world.clinic.data, studies), (&target.join("data.json"), &target.join("studies"))] {
        for path in [data, tree, &tree.join("alice"), &tree.join("link")] {
            assert_eq!(owner(path), (45_001, 45_001), "{}", path.display());
        }
        assert_eq!(owner(&tree.join("carol")), (41_002, 41_002));
        assert_eq!(owner(&tree.join("root")), (0, 0));
    }
    // Nothing differs from the backup by now.
    let plan = world.ctl(&["restore", "latest", "--dry-run", "--json"]).expect_code(0).json();
    let studies = plan["sources"].as_array().unwrap().iter().find(|source| source["name"] == "studies").unwrap();
    assert_eq!(studies["changed"]["files"], 0, "{plan:#}");

    // Without a daemon, perhaps on a rescue system whose users are others, the numbers count.
    let names = world.store_files();
    let archive = names.iter().find(|name| name.starts_with("backup_") && name.ends_with(".zst")).unwrap();
    let extracted = world.path("extracted");
    let archive = world.backups().join(archive);
    world.carelogd(&["extract", archive.to_str().unwrap(), "--to", extracted.to_str().unwrap()]).expect_code(0);
    assert_eq!(owner(&extracted.join("studies/alice")), (41_001, 41_001));
}

#[test]
fn without_rights_all_is_restored_and_every_foreign_owner_is_named() {
    if runs_as_nobody("obstacles::owners::without_rights_all_is_restored_and_every_foreign_owner_is_named") {
        return;
    }
    let world = World::new();
    let foreign = [("by-name", 41_001, r#","user":"root""#), ("by-number", 41_002, r#","user":"carol-of-then""#)];
    let name = foreign_backup(&world, foreign);
    let own = rustix::process::geteuid().as_raw();
    let _daemon = world.start();
    let target = world.path("target");
    fs::create_dir(&target).unwrap();
    for args in [vec!["restore", &name, "--yes"], vec!["restore", &name, "--to", target.to_str().unwrap()]] {
        let answer = world.ctl(&args).expect_code(3);
        let said = answer.stdout + &answer.stderr;
        for part in ["the owner could not be set (only root may)", "studies/by-name", "studies/by-number"] {
            assert!(said.contains(part), "{args:?}: '{part}' is not in {said}");
        }
    }
    for tree in [&world.clinic.studies, &target.join("studies")] {
        for (name, ..) in foreign {
            assert_eq!(fs::read(tree.join(name)).unwrap(), crate::support::evil::HONEST);
            assert_eq!(owner(&tree.join(name)).0, own);
        }
    }
}
