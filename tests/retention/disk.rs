//! A disk that is full to the last byte.

use std::fs;

use super::{LAST_TWO, full_backup, set_retention, state};
use crate::support::World;
use crate::support::clinic::{noise, write_file};
use crate::support::disks::{Disks, FileSystem};
use crate::support::mount::{Tmpfs, may_mount};

/// A world whose store and state share one small disk, with four backups.
fn fill(world: &World) -> [String; 4] {
    write_file(&world.clinic.studies.join("large.dcm"), &noise(9, 3 << 20));
    [(); 4].map(|()| full_backup(world))
}

/// Backups can be deleted, trashed and pruned although the disk is full, and the daemon starts after `before_start`.
#[track_caller]
fn works_when_full(world: &World, fill_up: impl Fn(), before_start: impl Fn()) {
    set_retention(world, "trash = \"2d\"\n");
    let daemon = world.start();
    let [first, second, third, _] = fill(world);
    fill_up();
    // Into the trash, which frees nothing, and out of it.
    world.ctl(&["delete", &first, "-m", "made room", "--yes"]).expect_code(0);
    assert_eq!(state(world, &first), "trashed");
    fill_up();
    world.ctl(&["delete", &first, "-m", "made room", "--yes"]).expect_code(0);
    world.ctl(&["show", &first]).expect_code(4);
    daemon.stop();

    set_retention(world, &format!("{LAST_TWO}trash = \"0s\"\n"));
    before_start();
    let daemon = world.start();
    fill_up();
    let pruned = world.ctl(&["prune", "--yes"]).expect_code(0).stdout;
    assert!(pruned.contains("1 backup expired"), "{pruned}");
    world.ctl(&["show", &second]).expect_code(4);
    world.ctl(&["verify", &third]).expect_code(0);
    world.ctl(&["audit", "verify"]).expect_code(0);
    daemon.stop();
}

/// Takes up all that is left in the folder of `world`.
fn take_up(world: &World) {
    let mut file = fs::File::options().create(true).append(true).open(world.path("filler")).unwrap();
    for size in [1 << 20, 4096, 1] {
        let block = vec![0x55_u8; size];
        while std::io::Write::write_all(&mut file, &block).is_ok() {}
    }
}

#[test]
fn backups_can_be_removed_when_the_disk_of_store_and_catalog_is_full() {
    if !may_mount() {
        return;
    }
    let outer = tempfile::tempdir().unwrap();
    let disk = Tmpfs::mount(outer.path(), 96 * 1024);
    let world = World::below(disk.path());
    works_when_full(&world, || take_up(&world), || take_up(&world));
}

#[test]
fn backups_can_be_removed_when_an_ext4_or_xfs_of_both_is_full() {
    for file_system in [FileSystem::Ext4, FileSystem::Xfs] {
        let Some(mut disks) = Disks::new() else { return };
        let mounted = disks.beside("disk");
        disks.mount(file_system, &mounted);
        let world = World::below(&mounted);
        // The sockets lie there too, and there has to be room for their names.
        works_when_full(&world, || take_up(&world), || {});
    }
}

#[test]
fn a_restore_whose_safety_backup_would_not_fit_is_refused_before_anything_is_written() {
    if !may_mount() {
        return;
    }
    let world = World::new();
    let disk = Tmpfs::mount(&world.backups(), 16 * 1024);
    world.edit_config("/backups\"\n", "/backups\"\nmin_free = \"0%\"\n");
    let _daemon = world.start();
    let id = full_backup(&world);
    write_file(&world.clinic.studies.join("large.dcm"), &noise(9, 4 << 20));
    full_backup(&world);
    disk.fill();
    let files = world.store_files();
    let refused = world.ctl(&["restore", &id, "--yes"]).expect_code(9);
    assert!(refused.stderr.contains("not enough room for the safety backup of the restore"), "{refused:?}");
    assert!(refused.stderr.contains("are needed") && refused.stderr.contains("carelogctl delete"), "{refused:?}");
    assert_eq!(world.store_files(), files);
    assert!(world.clinic.studies.join("large.dcm").exists());
}
