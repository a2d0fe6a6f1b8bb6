//! An error (a full disk, by its number) at every passage. The job says it, and the same daemon goes on.

use std::fs;

use super::aftermath::{assert_consistent, backups, ended_job};
use super::scenario::{COMMIT, KEEPING_SEEN, Passage, Scenario, Stage, index_of, passages, take_backup};
use crate::support::daemon::Daemon;
use crate::support::process::Answer;
use crate::support::wait::wait_until;

#[test]
fn a_backup_that_comes_upon_an_error_at_any_point_leaves_nothing_and_the_next_one_succeeds() {
    for passage in passages(Scenario::Backup) {
        let stage = Stage::set(Scenario::Backup);
        let (_daemon, answer) = run_with_an_error(&stage, passage);
        assert_eq!(backups(&stage.world).len(), usize::from(answer.code == 0), "{passage:?}");
        assert_goes_on(&stage);
    }
}

#[test]
fn a_removal_that_comes_upon_an_error_at_any_point_leaves_the_backup_listed_or_gone() {
    let unlinked = index_of(Scenario::Delete, "fsio.unlinked", 1);
    for passage in passages(Scenario::Delete) {
        let stage = Stage::set(Scenario::Delete);
        let (_daemon, answer) = run_with_an_error(&stage, passage);
        let is_gone = answer.code == 0 || passage.index.is_some_and(|index| index >= unlinked);
        assert_eq!(backups(&stage.world).len(), if is_gone { 1 } else { 2 }, "{passage:?}: {answer:?}");
        assert_goes_on(&stage);
    }
}

/// Runs the scenario with an error at the passage, and judges what the client and the job say. When the error keeps the
/// daemon from starting, it is started again first, as its service manager does.
#[track_caller]
fn run_with_an_error(stage: &Stage, passage: Passage) -> (Daemon<'_>, Answer) {
    let plan = passage.plan("error");
    let trace = stage.world.path("passed");
    let mut daemon =
        stage.world.spawn_with(&[("CARELOG_FAIL", &plan), ("CARELOG_FAIL_TRACE", trace.to_str().unwrap())]);
    let starts_at_once = daemon.is_ready();
    if !starts_at_once {
        assert_eq!(daemon.wait().code(), Some(1), "{passage:?}");
        let log = stage.world.log();
        assert!(log.lines().last().is_some_and(|line| line.contains("No space left on device")), "{passage:?}: {log}");
        daemon = stage.world.start();
    }
    let answer = stage.run();
    if starts_at_once && passage.point == COMMIT {
        // A lane goes to rest with a commit behind the answer: the error belongs to it, and not to what is asked for next.
        let passed = || fs::read_to_string(&trace).unwrap_or_default();
        wait_until("the error", || passed().lines().filter(|point| *point == COMMIT).count() >= passage.nth);
    }
    let job = ended_job(stage);
    let state = job.as_ref().map(|job| job["state"].as_str().unwrap());
    match answer.code {
        0 => {
            // A change of the catalog is tried again, and what was seen is only worth time. A mark in the store is written
            // again with the room that was set aside.
            let is_mark = matches!(stage.scenario, Scenario::Retain | Scenario::Trash | Scenario::Expire)
                && ["fsio.wrote_temporary", "fsio.renamed_temporary"].contains(&passage.point);
            assert!(
                !starts_at_once || is_mark || ["queue.record_end", COMMIT, KEEPING_SEEN].contains(&passage.point),
                "{passage:?}"
            );
            assert!(!is_mark || stage.world.log().contains("of the reserve"), "{passage:?}");
            assert_eq!(state, Some("succeeded"), "{passage:?}: {job:#?}");
        }
        1 => {
            assert!(answer.stderr.contains("No space left on device"), "{passage:?}: {answer:?}");
            match job {
                // Its row could not be committed.
                None => assert_eq!(passage.point, COMMIT),
                Some(job) => {
                    assert_eq!(job["state"], "failed", "{passage:?}");
                    assert!(job["error"]["message"].as_str().unwrap().contains("No space left"), "{job:#}");
                    assert!(!job["error"]["hint"].as_str().unwrap().is_empty(), "{job:#}");
                }
            }
        }
        other => panic!("{passage:?}: exit code {other}: {answer:?}"),
    }
    (daemon, answer)
}

#[test]
fn deleting_what_another_needs_is_done_or_not_done_whatever_error_comes() {
    for passage in passages(Scenario::Retain) {
        let stage = Stage::set(Scenario::Retain);
        let (_daemon, answer) = run_with_an_error(&stage, passage);
        let states: Vec<_> = backups(&stage.world).iter().map(|backup| backup["state"].clone()).collect();
        let first = if answer.code == 0 { "retained" } else { "available" };
        assert_eq!(states, ["available", first], "{passage:?}: {answer:?}");
        assert_goes_on(&stage);
    }
}

#[test]
fn what_goes_into_the_trash_is_there_or_not_whatever_error_comes() {
    for scenario in [Scenario::Trash, Scenario::Expire] {
        for passage in passages(scenario) {
            let stage = Stage::set(scenario);
            let (_daemon, answer) = run_with_an_error(&stage, passage);
            let states: Vec<_> = backups(&stage.world).iter().map(|backup| backup["state"].clone()).collect();
            let first = if answer.code == 0 { "trashed" } else { "available" };
            assert_eq!(states, ["available", first], "{passage:?}: {answer:?}");
            assert_goes_on(&stage);
        }
    }
}

/// Without a restart everything is in order, and the next backup succeeds.
#[track_caller]
fn assert_goes_on(stage: &Stage) {
    assert_consistent(&stage.world);
    let before = backups(&stage.world).len();
    take_backup(&stage.world);
    assert_eq!(backups(&stage.world).len(), before + 1);
    assert_consistent(&stage.world);
}
