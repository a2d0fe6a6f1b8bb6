//! SIGKILL, and a power cut, at every point of an undo.

use std::path::Path;

use serde_json::Value;

use super::crashes::{Passage, kill_at, passages_of};
use super::powered::{CLINIC_ON_XFS, Inner, PoweredSite, STUDIES_ON_EXT4};
use super::site::{Live, Site};
use crate::crash::aftermath::assert_consistent;
use crate::support::disks::FileSystem;

/// Restores, and keeps what was replaced. Returns the job's id. No daemon runs then.
#[track_caller]
fn restore_and_keep(site: &Site) -> String {
    site.keep_replaced();
    let daemon = site.world.start();
    let id = site.restore().expect_code(0).json()["id"].as_str().unwrap().to_owned();
    daemon.stop();
    assert!(Live::of(&site.world) == site.then);
    id
}

/// Every passage of an undisturbed undo.
#[track_caller]
fn passages(site: &Site, restore: &str, trace: &Path) -> Vec<Passage> {
    let passages = passages_of(site, trace, || site.undo(restore));
    // Both sources are swapped, and what the restore had kept of each goes.
    for passage in [("restore.swapped", 2), ("restore.discard", 2), ("journal.synced", 10), ("queue.record_end", 1)] {
        assert!(passages.contains(&(passage.0.to_owned(), passage.1)), "{passage:?} is not in {passages:#?}");
    }
    passages
}

/// After a start the undo of `restore` is finished or taken back, without anybody's help; what is kept is what fits, and
/// brings the other state back.
#[track_caller]
fn assert_finished_or_taken_back(site: &Site, restore: &str, context: &str) {
    let job = site.settled_job();
    let undo = job["id"].as_str().unwrap();
    assert_ne!(undo, restore, "{context}");
    let is_taken_back = site.assert_of_one_piece(context);
    let expected: &[&str] = if is_taken_back { &["interrupted"] } else { &["succeeded", "warned"] };
    assert!(expected.contains(&job["state"].as_str().unwrap()), "{context}: {job:#}");

    let keeper = if is_taken_back { restore } else { undo };
    let kept = site.world.laid_aside();
    assert!(kept.len() == 2 && kept.iter().all(|path| path.contains(keeper)), "{context}: {kept:?}, {job:#}");
    let status = site.world.ctl(&["status", "--json"]).expect_code(0).json();
    let keepers: Vec<&Value> = status["kept"].as_array().unwrap().iter().map(|kept| &kept["job_id"]).collect();
    assert_eq!(keepers, [keeper], "{context}: {status:#}");
    assert!(!status["problems"].to_string().contains("is not settled"), "{context}: {status:#}");
    assert_consistent(&site.world);

    if !is_taken_back {
        site.undo(restore).expect_code(9);
    }
    site.undo(keeper).expect_code(0);
    assert_ne!(site.assert_of_one_piece(context), is_taken_back, "{context}");
}

#[test]
fn an_undo_that_is_killed_at_any_point_is_finished_or_taken_back_at_the_next_start() {
    let site = Site::new();
    let restore = restore_and_keep(&site);
    for passage in passages(&site, &restore, &site.world.path("trace")) {
        let site = Site::new();
        let restore = restore_and_keep(&site);
        kill_at(&site, &passage, || site.undo(&restore));
        let _daemon = site.world.start();
        assert_finished_or_taken_back(&site, &restore, &format!("killed at {passage:?}"));
    }
}

#[test]
fn an_undo_in_a_mounted_root_that_is_killed_at_any_point_is_finished_or_taken_back_at_the_next_start() {
    disturb_everywhere(FileSystem::Xfs, STUDIES_ON_EXT4, |_| {});
}

#[test]
fn an_undo_that_loses_power_at_any_point_is_finished_or_taken_back_at_the_next_start() {
    disturb_everywhere(FileSystem::Ext4, CLINIC_ON_XFS, PoweredSite::lose_power);
}

#[test]
fn an_undo_in_a_mounted_root_that_loses_power_at_any_point_is_finished_or_taken_back_at_the_next_start() {
    disturb_everywhere(FileSystem::Xfs, STUDIES_ON_EXT4, PoweredSite::lose_power);
}

/// Kills the daemon at every passage of an undo and then does what `and` says.
fn disturb_everywhere(outer: FileSystem, inner: Inner, and: impl Fn(&PoweredSite)) {
    let Some(powered) = PoweredSite::on(outer, inner) else { return };
    let site = &powered.site;
    let restore = restore_and_keep(site);
    powered.save();
    for passage in passages(site, &restore, &powered.disks.beside("trace")) {
        powered.load();
        kill_at(site, &passage, || site.undo(&restore));
        and(&powered);
        let _daemon = site.world.start();
        assert_finished_or_taken_back(site, &restore, &format!("disturbed at {passage:?}"));
    }
}
