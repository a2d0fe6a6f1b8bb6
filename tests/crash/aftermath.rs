//! What has to hold after any disturbance.

use std::collections::BTreeSet;

use serde_json::Value;

use super::scenario::Stage;
use crate::support::World;
use crate::support::wait::wait_for;

/// The catalog's backups, newest first.
#[track_caller]
pub(super) fn backups(world: &World) -> Vec<Value> {
    let list = world.ctl(&["list", "--all", "--json"]).expect_code(0).json();
    list["backups"].as_array().unwrap().clone()
}

/// The job that the scenario asked for, if it was ever entered, once it has ended.
#[track_caller]
pub(super) fn ended_job(stage: &Stage) -> Option<Value> {
    wait_for("the end of the job", || {
        let jobs = stage.world.ctl(&["jobs", "--all", "--json"]).expect_code(0).json();
        let mut jobs = jobs["jobs"].as_array().unwrap().clone();
        jobs.retain(|job| job["kind"] == stage.scenario.kind());
        if stage.has_deleted_before() {
            // The newest is listed first.
            let before = jobs.pop();
            assert_eq!(before.unwrap()["state"], "succeeded");
        }
        assert!(jobs.len() <= 1, "{jobs:#?}");
        let job = jobs.pop();
        let is_final = job.as_ref().is_none_or(|job| job["state"] != "queued" && job["state"] != "running");
        is_final.then_some(job)
    })
}

/// The store holds the listed backups, each with its checksum, and nothing else; each is sound, or retained because
/// another needs it, or in the trash; the audit chain holds.
#[track_caller]
pub(crate) fn assert_consistent(world: &World) {
    let backups = backups(world);
    let mut expected = BTreeSet::from([".carelog-store".to_owned()]);
    for backup in &backups {
        let name = backup["filename"].as_str().unwrap();
        expected.extend([name.to_owned(), format!("{name}.sha256")]);
        if backup["state"] == "retained" {
            assert_ne!(backup["needed_by"], serde_json::json!([]), "{backup:#}");
            expected.insert(format!("{name}.retained"));
        } else if backup["state"] == "trashed" {
            assert!(backup["trashed_until"].is_string(), "{backup:#}");
            expected.insert(format!("{name}.trashed"));
        } else {
            assert_eq!(backup["state"], "available", "{backup:#}");
        }
    }
    assert_eq!(world.store_files().into_iter().collect::<BTreeSet<_>>(), expected);
    if !backups.is_empty() {
        world.ctl(&["verify", "--all", "--json"]).expect_code(0);
    }
    world.ctl(&["audit", "verify"]).expect_code(0);
}
