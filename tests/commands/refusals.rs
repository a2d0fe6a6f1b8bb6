//! What is refused, with its exit code, and nothing changed.

use super::{backup, full_backup, newest_archive};
use crate::support::tree_diff::assert_same;
use crate::support::wait::wait_until;
use crate::support::{TreeImage, World};

#[test]
fn nothing_is_replaced_or_removed_without_a_confirmation() {
    let world = World::new();
    let _daemon = world.start();
    let id = backup(&world);
    backup(&world);
    let (live, store) = (TreeImage::of(&world.path("clinic")), world.store_files());
    for args in [&["restore", &id][..], &["restore", &id, "--json"], &["delete", &id, "-m", "old"]] {
        let answer = world.ctl(args).expect_code(9);
        assert!(answer.stderr.contains("--yes"), "{}", answer.stderr);
        assert_eq!(answer.stdout, "");
    }
    world.ctl(&["delete", &id, "--yes"]).expect_code(2);
    world.ctl(&["delete", &id, "--yes", "-m", " "]).expect_code(2);
    assert_same(&live, &TreeImage::of(&world.path("clinic")));
    assert_eq!(store, world.store_files());
}

#[test]
fn a_backup_that_is_held_or_the_last_good_one_is_not_deleted() {
    let world = World::new().without_trash();
    let _daemon = world.start();
    let first = backup(&world);
    let last = world.ctl(&["delete", &first, "-m", "mistake", "--yes"]).expect_code(9);
    assert!(last.stderr.contains("last good backup"), "{}", last.stderr);

    // One that does not build on the first.
    full_backup(&world);
    world.ctl(&["hold", &first, "-m", "court order 17"]).expect_code(0);
    let held = world.ctl(&["delete", &first, "-m", "mistake", "--yes"]).expect_code(9);
    assert!(held.stderr.contains("court order 17") && held.stderr.contains("release"), "{}", held.stderr);
    assert_eq!(world.store_files().iter().filter(|name| name.ends_with(".hold")).count(), 1);

    world.ctl(&["release", &first, "-m", "settled"]).expect_code(0);
    world.ctl(&["release", &first, "-m", "settled"]).expect_code(8);
    let archive = world.ctl(&["show", &first, "--json"]).json()["filename"].as_str().unwrap().to_owned();
    world.ctl(&["delete", &first, "-m", "too old", "--yes"]).expect_code(0);
    assert!(!world.store_files().iter().any(|name| name.starts_with(&archive)), "{:?}", world.store_files());
    world.ctl(&["delete", &first, "-m", "too old", "--yes"]).expect_code(4);
    world.ctl(&["hold", &first, "-m", "too late"]).expect_code(4);
    let audit = world.ctl(&["audit"]).expect_code(0).stdout;
    for reason in ["court order 17", "settled", "too old"] {
        assert!(audit.contains(reason), "'{reason}' is not in\n{audit}");
    }
    world.ctl(&["audit", "verify"]).expect_code(0);
}

#[test]
fn a_hold_ends_by_itself_when_it_says_so() {
    let world = World::new();
    let _daemon = world.start();
    let id = backup(&world);
    world.ctl(&["hold", &id, "-m", "past", "--until", "2001-01-01"]).expect_code(2);
    let held = world.ctl(&["hold", &id, "-m", "audit", "--until", "2999-01-01", "--json"]).expect_code(0).json();
    assert_eq!(held["holds"][0]["until"], "2999-01-01T00:00:00Z");
    assert_eq!(held["holds"][0]["reason"], "audit");
}

#[test]
fn a_backup_whose_hold_is_over_can_be_deleted() {
    let world = World::new();
    let _daemon = world.start();
    let id = backup(&world);
    backup(&world);
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3);
    world.ctl(&["hold", &id, "-m", "until the audit", "--until", &soon.to_string()]).expect_code(0);
    let delete = || world.ctl(&["delete", &id, "-m", "too old", "--yes"]);
    let held = delete().expect_code(9);
    assert!(held.stderr.contains("until the audit"), "{}", held.stderr);
    wait_until("the hold to be over", || delete().code == 0);
    assert!(!world.store_files().iter().any(|name| name.ends_with(".hold")), "{:?}", world.store_files());
}

#[test]
fn holds_that_are_placed_at_the_same_moment_all_hold() {
    let world = World::new();
    let _daemon = world.start();
    let id = backup(&world);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (world, id) = (&world, &id);
            scope.spawn(move || world.ctl(&["hold", id, "-m", &format!("reason {n}")]).expect_code(0));
        }
    });
    let shown = world.ctl(&["show", &id, "--json"]).expect_code(0).json();
    assert_eq!(shown["holds"].as_array().unwrap().len(), 8, "{:#}", shown["holds"]);
}

#[test]
fn the_only_backup_whose_archive_is_still_there_is_the_last_good_one() {
    let world = World::new();
    let _daemon = world.start();
    let first = backup(&world);
    backup(&world);
    std::fs::remove_file(newest_archive(&world)).unwrap();
    let refused = world.ctl(&["delete", &first, "-m", "too old", "--yes"]).expect_code(9);
    assert!(refused.stderr.contains("last good backup"), "{}", refused.stderr);
}

#[test]
fn what_makes_no_sense_is_a_usage_error_before_anything_is_done() {
    let world = World::new();
    let _daemon = world.start();
    backup(&world);
    for args in [
        &["nonsense"][..],
        &["backup", "--nonsense"],
        &["list", "--since", "yesterday-ish"],
        &["restore"],
        &["restore", "latest", "--at", "1d", "--yes"],
        &["verify", "latest", "--all"],
        &["hold", "latest"],
    ] {
        let answer = world.ctl(args).expect_code(2);
        assert_ne!(answer.stderr, "", "{args:?}");
    }
    assert_eq!(world.ctl(&["jobs", "--json"]).json()["jobs"].as_array().unwrap().len(), 1);
}

#[test]
fn without_a_daemon_every_command_ends_with_6() {
    let world = World::new();
    for args in [&["backup"][..], &["list"], &["status"], &["restore", "latest", "--yes"], &["jobs"], &["reload"]] {
        let answer = world.ctl(args).expect_code(6);
        assert!(answer.stderr.contains("systemctl start carelogd"), "{}", answer.stderr);
    }
    world.ctl(&["completions", "bash"]).expect_code(0);
}

#[test]
fn damage_is_found_and_the_files_that_it_hurts_are_named() {
    let world = World::new();
    world.edit_config("[backup]", "[backup]\ncompression = \"none\"");
    let _daemon = world.start();
    let id = backup(&world);
    let archive = newest_archive(&world);
    let mut bytes = std::fs::read(&archive).unwrap();
    let hurt = b"Study 3: nothing abnormal.";
    let at = bytes.windows(hurt.len()).position(|window| window == hurt).unwrap();
    bytes[at] ^= 1;
    std::fs::write(&archive, bytes).unwrap();

    world.ctl(&["verify", &id, "--quick"]).expect_code(0);
    let answer = world.ctl(&["verify", &id, "--json"]).expect_code(7);
    let damage = answer.json()["result"]["damage"].to_string();
    assert!(damage.contains("studies/study-003/report.txt"), "{damage}");
    assert!(!damage.contains("study-002"), "{damage}");
    assert!(world.ctl(&["verify", &id]).expect_code(7).stderr.contains("study-003/report.txt"));
    assert_eq!(world.ctl(&["show", &id, "--json"]).json()["state"], "corrupt");
    assert_eq!(world.ctl(&["show", &id, "--json"]).json()["verify_result"], "failed");

    let live = TreeImage::of(&world.path("clinic"));
    let refused = world.ctl(&["restore", &id, "--yes"]).expect_code(7);
    assert!(refused.stderr.contains("nothing was changed"), "{}", refused.stderr);
    assert_same(&live, &TreeImage::of(&world.path("clinic")));
}
