//! Hostile archives that were put into the store.

use std::fs;

use super::{OUTSIDE, zoo};
use crate::support::tree_diff::assert_same;
use crate::support::{TreeImage, World};

#[test]
fn a_daemon_with_hostile_archives_in_its_store_starts_serves_and_touches_nothing_outside() {
    let world = World::new();
    // So that the store exists.
    world.start().stop();
    // Content with holes of gigabytes is for extract alone: a store hashes all of it.
    let cases: Vec<_> = zoo::cases().into_iter().filter(|case| case.archive.hole == 0).collect();
    let name = |n: usize| format!("backup_2025-01-01_00-{:02}-{:02}.tar.zst", n / 60, n % 60);
    for (n, case) in cases.iter().enumerate() {
        case.archive.write(&world.backups().join(name(n)));
    }
    let outside = world.path(&format!("targets/{OUTSIDE}"));
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    let before = TreeImage::of(&outside);

    let mut daemon = world.start();
    let listed = world.ctl(&["list", "--all", "--json"]).expect_code(0).json();
    let known: Vec<&str> =
        listed["backups"].as_array().unwrap().iter().map(|backup| backup["filename"].as_str().unwrap()).collect();
    assert!(known.len() > 10, "{known:?}");
    world.ctl(&["list", "--all"]).expect_code(0);
    world.ctl(&["status"]).expect_code(0);
    world.ctl(&["verify", "--all"]).expect_code(7);
    for (n, case) in cases.iter().enumerate() {
        let name = name(n);
        if !known.contains(&name.as_str()) {
            assert!(world.log().contains(&name), "nothing was said of '{}', which is not listed", case.name);
            continue;
        }
        let target = world.path(&format!("targets/{n}"));
        fs::create_dir(&target).unwrap();
        let shown = world.ctl(&["show", &name]).expect_code(0);
        assert!(!shown.stdout.contains('\u{1b}'), "{}", case.name);
        let verified = world.ctl(&["verify", &name]);
        assert!([0, 7].contains(&verified.code), "{}: {verified:#?}", case.name);
        let planned = world.ctl(&["restore", &name, "--to", target.to_str().unwrap(), "--dry-run"]);
        assert!([0, 1, 4, 7].contains(&planned.code), "{}: {planned:#?}", case.name);
        let restored = world.ctl(&["restore", &name, "--to", target.to_str().unwrap()]);
        assert!([0, 1, 3, 4, 7].contains(&restored.code), "{}: {restored:#?}", case.name);
        assert!(restored.code != 0 || case.code == 0, "{} was restored without a word", case.name);
        // The sources of another clinic are not those of this one.
        let live = world.ctl(&["restore", &name, "--yes"]);
        assert_ne!(live.code, 0, "{}: {live:#?}", case.name);
    }
    assert_same(&before, &TreeImage::of(&outside));
    world.ctl(&["backup"]).expect_code(0);
    assert!(!world.log().contains("panicked"), "something panicked");
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(daemon.wait().success());
}
