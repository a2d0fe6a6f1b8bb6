//! The power goes at every point of a restore: what was not made durable by then is gone, on one disk or on several. What
//! one disk wrote says nothing of what another one did.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;

use nix::sys::signal::Signal;

use super::crashes::{Passage, assert_recovered, kill_restore_at, passages_at, plan};
use super::powered::{CLINIC_ON_XFS, Inner, PoweredSite, STATE_ON_EXT4, STUDIES_ON_EXT4};
use super::recovery::recovery_of;
use super::site::Live;
use crate::crash::aftermath::assert_consistent;
use crate::support::disks::FileSystem;

/// The power goes at every passage of a restore, and once when its success was reported.
fn lose_power_everywhere(outer: FileSystem, inner: Inner) {
    let Some(powered) = PoweredSite::on(outer, inner) else { return };
    let PoweredSite { site, disks } = &powered;
    for passage in passages_at(site, &disks.beside("trace")) {
        powered.load();
        kill_restore_at(site, &passage);
        disks.lose_power();
        let daemon = site.world.start();
        assert_recovered(site, &daemon, &format!("the power went at {passage:?}"));
        assert_consistent(&site.world);
        daemon.stop();
    }
    powered.load();
    let daemon = site.world.start();
    site.restore().expect_code(0);
    daemon.kill9();
    disks.lose_power();
    let daemon = site.world.start();
    assert!(site.assert_whole("the power went after the restore"));
    assert_eq!(site.job().unwrap()["state"], "succeeded");
    assert_recovered(site, &daemon, "the power went after the restore");
    assert_consistent(&site.world);
}

#[test]
fn a_restore_on_one_ext4_disk_that_loses_power_at_any_point_is_settled_at_the_next_start() {
    lose_power_everywhere(FileSystem::Ext4, None);
}

#[test]
fn a_restore_on_one_xfs_disk_that_loses_power_at_any_point_is_settled_at_the_next_start() {
    lose_power_everywhere(FileSystem::Xfs, None);
}

#[test]
fn a_restore_of_sources_on_a_disk_of_their_own_that_loses_power_at_any_point_is_settled_at_the_next_start() {
    lose_power_everywhere(FileSystem::Ext4, CLINIC_ON_XFS);
}

#[test]
fn a_restore_whose_state_is_on_a_disk_of_its_own_that_loses_power_at_any_point_is_settled_at_the_next_start() {
    lose_power_everywhere(FileSystem::Xfs, STATE_ON_EXT4);
}

#[test]
fn a_restore_of_a_root_that_is_a_disk_that_loses_power_at_any_point_is_settled_at_the_next_start() {
    lose_power_everywhere(FileSystem::Xfs, STUDIES_ON_EXT4);
}

#[test]
fn a_restore_that_failed_at_any_point_and_then_loses_power_leaves_nothing() {
    let Some(powered) = PoweredSite::on(FileSystem::Xfs, STUDIES_ON_EXT4) else { return };
    let PoweredSite { site, disks } = &powered;
    for passage in passages_at(site, &disks.beside("trace")) {
        powered.load();
        let plan = plan(&passage, "error");
        let daemon = site.world.start_with(&[("CARELOG_FAIL", &plan)]);
        let answer = site.restore();
        daemon.kill9();
        disks.lose_power();
        let daemon = site.world.start();
        let context = format!("the power went after an error at {passage:?}: {answer:?}");
        site.settled_job();
        let is_new = site.assert_of_one_piece(&context);
        assert_eq!(is_new, answer.code != 1, "{context}");
        assert_consistent(&site.world);
        if passage.0 != "restore.discard" {
            assert!(site.world.laid_aside().is_empty(), "{context}: {:?}", site.world.laid_aside());
        }
        // What could not be removed then is removed later.
        site.restore().expect_code(0);
        daemon.restart().stop();
        assert!(site.assert_whole(&context), "{context}");
    }
}

#[test]
fn a_recovery_that_loses_power_at_any_point_is_gone_on_with_at_the_next_start() {
    let Some(powered) = PoweredSite::on(FileSystem::Xfs, STUDIES_ON_EXT4) else { return };
    let site = &powered.site;
    let cut_at = |passage: &Passage| {
        powered.load();
        kill_restore_at(site, passage);
        powered.lose_power();
    };
    // Points behind which the same is left to be done are tried once.
    let mut seen = BTreeSet::new();
    for passage in passages_at(site, &powered.disks.beside("trace")) {
        cut_at(&passage);
        let recovery = recovery_of(site, &powered.disks.beside("recovery"));
        let names: Vec<String> = recovery.iter().map(|(point, _)| point.clone()).collect();
        for (at, point) in recovery.into_iter().enumerate() {
            if !seen.insert(names[at..].to_vec()) {
                continue;
            }
            let context = format!("the power went at {passage:?}, then at {point:?}");
            cut_at(&passage);
            let plan = plan(&point, "kill");
            let mut daemon = site.world.spawn_with(&[("CARELOG_FAIL", &plan)]);
            let status = daemon.wait();
            assert_eq!(status.signal(), Some(Signal::SIGKILL as i32), "{context}: {status}");
            drop(daemon);
            powered.lose_power();
            let daemon = site.world.start();
            assert_recovered(site, &daemon, &context);
            assert_consistent(&site.world);
            daemon.stop();
        }
    }
    assert!(seen.len() > 50, "{seen:#?}");
}

#[test]
fn what_a_restore_kept_is_all_there_and_the_restore_too_when_the_power_goes_behind_its_commit() {
    for (outer, inner) in [(FileSystem::Ext4, CLINIC_ON_XFS), (FileSystem::Xfs, STUDIES_ON_EXT4)] {
        let Some(powered) = PoweredSite::on(outer, inner) else { return };
        let PoweredSite { site, disks } = &powered;
        site.keep_replaced();
        powered.save();
        let passages = passages_at(site, &disks.beside("trace"));
        let probed = passages.iter().position(|(point, _)| point == "restore.probed").unwrap();
        for passage in passages[probed..].iter().map(Some).chain([None]) {
            powered.load();
            let context = format!("the power went at {passage:?}");
            match passage {
                Some(passage) => kill_restore_at(site, passage),
                None => {
                    let daemon = site.world.start();
                    site.restore().expect_code(0);
                    daemon.kill9();
                }
            }
            disks.lose_power();
            let daemon = site.world.start();
            let job = site.settled_job();
            let kept = site.world.laid_aside();
            let is_new = site.assert_of_one_piece(&context);
            assert_eq!(is_new, job["state"] == "succeeded", "{context}: {job:#}");
            assert!(is_new || passage.is_some(), "{context}");
            assert_eq!(kept.len(), if is_new { 2 } else { 0 }, "{context}: {kept:?}");
            if is_new {
                site.undo(job["id"].as_str().unwrap()).expect_code(0);
                assert!(Live::of(&site.world) == site.now, "{context}");
            }
            daemon.stop();
        }
    }
}
