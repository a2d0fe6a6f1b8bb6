//! SIGKILL at every passage. After the next start everything is in order without anybody's help.

use std::os::unix::process::ExitStatusExt as _;

use nix::sys::signal::Signal;

use super::aftermath::{assert_consistent, backups, ended_job};
use super::scenario::{COMMIT, Passage, Scenario, Stage, index_of, passages, take_backup};
use crate::support::World;
use crate::support::daemon::Daemon;

#[test]
fn a_daemon_killed_at_any_point_of_its_first_start_or_backup_goes_on_by_itself() {
    let published = index_of(Scenario::Backup, "fsio.published", 1);
    for passage in passages(Scenario::Backup) {
        let stage = Stage::set(Scenario::Backup);
        let _daemon = kill_and_start_again(&stage, passage);
        // Whoever reads the final name reads a whole archive.
        if let Some(index) = passage.index {
            assert_eq!(backups(&stage.world).len(), usize::from(index >= published), "{passage:?}");
        }
        assert_goes_on(&stage.world);
    }
}

#[test]
fn a_daemon_killed_at_any_point_of_a_removal_has_the_backup_wholly_or_not_at_all() {
    let unlinked = index_of(Scenario::Delete, "fsio.unlinked", 1);
    for passage in passages(Scenario::Delete) {
        let stage = Stage::set(Scenario::Delete);
        let _daemon = kill_and_start_again(&stage, passage);
        if let Some(index) = passage.index {
            let left = if index < unlinked { 2 } else { 1 };
            assert_eq!(backups(&stage.world).len(), left, "{passage:?}");
        }
        assert_goes_on(&stage.world);
    }
}

#[test]
fn a_daemon_killed_at_any_point_of_deleting_what_another_needs_has_deleted_it_or_not_and_loses_nothing() {
    let marked = index_of(Scenario::Retain, "fsio.renamed_temporary", 1);
    for passage in passages(Scenario::Retain) {
        let stage = Stage::set(Scenario::Retain);
        let _daemon = kill_and_start_again(&stage, passage);
        let states: Vec<_> = backups(&stage.world).iter().map(|backup| backup["state"].clone()).collect();
        if let Some(index) = passage.index {
            let first = if index < marked { "available" } else { "retained" };
            assert_eq!(states, ["available", first], "{passage:?}");
        }
        assert_goes_on(&stage.world);
    }
}

#[test]
fn a_daemon_killed_at_any_point_of_a_way_into_the_trash_has_gone_it_or_not() {
    for scenario in [Scenario::Trash, Scenario::Expire] {
        kill_everywhere(scenario, "fsio.renamed_temporary", "available", Some("trashed"));
    }
}

#[test]
fn a_daemon_killed_at_any_point_of_taking_a_backup_back_has_done_it_or_not() {
    kill_everywhere(Scenario::TakeBack, "fsio.unlinked", "trashed", Some("available"));
}

#[test]
fn a_daemon_killed_at_any_point_of_emptying_the_trash_has_done_it_or_not_and_loses_nothing() {
    kill_everywhere(Scenario::Empty, "fsio.unlinked", "trashed", None);
    kill_everywhere(Scenario::EmptyRetained, "fsio.renamed_temporary", "trashed", Some("retained"));
}

/// Kills the daemon at every passage of a scenario. Up to `step` the older one of two backups is in the state `before`, and
/// from there on in the state `after`, or gone.
#[track_caller]
fn kill_everywhere(scenario: Scenario, step: &str, before: &str, after: Option<&str>) {
    let step = index_of(scenario, step, 1);
    for passage in passages(scenario) {
        let stage = Stage::set(scenario);
        let _daemon = kill_and_start_again(&stage, passage);
        let backups = backups(&stage.world);
        if let Some(index) = passage.index {
            let older = backups.get(1).map(|backup| backup["state"].as_str().unwrap());
            assert_eq!(older, if index < step { Some(before) } else { after }, "{scenario:?} {passage:?}");
        }
        assert_eq!(backups[0]["state"], "available");
        assert_goes_on(&stage.world);
    }
}

/// Runs the scenario up to the passage, and starts the next daemon. Judges what that makes of the job.
#[track_caller]
fn kill_and_start_again(stage: &Stage, passage: Passage) -> Daemon<'_> {
    kill_and_then(stage, passage, || {})
}

/// The same, and does `meanwhile` before the next daemon is started.
#[track_caller]
pub(super) fn kill_and_then(stage: &Stage, passage: Passage, meanwhile: impl FnOnce()) -> Daemon<'_> {
    let plan = passage.plan("kill");
    let mut daemon = stage.world.spawn_with(&[("CARELOG_FAIL", &plan)]);
    let answer = daemon.is_ready().then(|| stage.run());
    let status = daemon.wait();
    assert_eq!(status.signal(), Some(Signal::SIGKILL as i32), "{passage:?}: {status}, {answer:?}");
    drop(daemon);
    meanwhile();
    let next = stage.world.start();
    let job = ended_job(stage);
    let state = job.as_ref().map(|job| job["state"].as_str().unwrap());
    match state {
        // Killed before its row was there, or before anybody could ask for it.
        None => {
            let may_have_none = passage.point == COMMIT || stage.scenario.has_no_job();
            assert!(may_have_none || answer.is_none(), "{passage:?}: {answer:?}");
        }
        Some("interrupted") => {}
        // Its end was committed before, or it was not claimed before and ran now.
        Some("succeeded") => assert_eq!(passage.point, COMMIT),
        Some(other) => panic!("{passage:?}: the job is {other}: {job:#?}"),
    }
    let told_of_success = !stage.scenario.has_no_job() && answer.is_some_and(|answer| answer.code == 0);
    assert!(!told_of_success || state == Some("succeeded"), "{passage:?}: {job:#?}");
    next
}

/// Everything is in order, and the next backup succeeds.
#[track_caller]
pub(super) fn assert_goes_on(world: &World) {
    assert_consistent(world);
    let before = backups(world).len();
    take_backup(world);
    assert_eq!(backups(world).len(), before + 1);
    assert_consistent(world);
}
