//! SIGKILL and an injected error at every point of a restore.
//!
//! The points are those that an undisturbed restore passes; a few are named, so that they cannot vanish unnoticed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use nix::sys::signal::Signal;

use super::site::Site;
use crate::support::daemon::Daemon;
use crate::support::process::Answer;

/// The lanes look for work beside what else happens, so its passages are in no order.
const COMMIT: &str = "catalog.before_commit";

/// The n-th passage of a point.
pub(super) type Passage = (String, usize);

/// The passages that `text`, a trace, is of, in their order.
pub(super) fn passages_in(text: &str) -> Vec<Passage> {
    let mut counts = BTreeMap::new();
    let count = |point: &str| {
        let count = counts.entry(point.to_owned()).or_insert(0);
        *count += 1;
        (point.to_owned(), *count)
    };
    text.lines().filter(|point| *point != COMMIT).map(count).collect()
}

/// Every passage of an undisturbed restore.
pub(super) fn passages() -> Vec<Passage> {
    let site = Site::new();
    let trace = site.world.path("trace");
    let passages = passages_at(&site, &trace);
    assert!(passages.iter().any(|(passed, _)| passed == "restore.discard"), "{passages:#?}");
    passages
}

/// Every passage of an undisturbed restore at `site`, which is written down in the file `trace`.
#[track_caller]
pub(super) fn passages_at(site: &Site, trace: &Path) -> Vec<Passage> {
    let passages = passages_of(site, trace, || site.restore());
    for point in [
        "restore.safety_backup_taken",
        "restore.staged",
        "restore.validated",
        "restore.stopped",
        "restore.looked_again",
        "restore.swapped",
        "restore.compared",
        "restore.started",
        "restore.probed",
        "journal.append",
        "journal.written",
        "journal.synced",
        "queue.record_end",
    ] {
        assert!(passages.iter().any(|(passed, _)| passed == point), "{point} is not in {passages:#?}");
    }
    assert!(passages.len() > 60, "{passages:#?}");
    passages
}

/// Every passage of what `act` asks the daemon for, undisturbed.
#[track_caller]
pub(super) fn passages_of(site: &Site, trace: &Path, act: impl FnOnce() -> Answer) -> Vec<Passage> {
    let daemon = site.world.start_with(&[("CARELOG_FAIL_TRACE", trace.to_str().unwrap())]);
    act().expect_code(0);
    daemon.stop();
    passages_in(&fs::read_to_string(trace).unwrap())
}

pub(super) fn plan((point, nth): &Passage, action: &str) -> String {
    format!("{point}={action}@{nth}")
}

/// Runs a restore up to the passage, at which the daemon is killed.
#[track_caller]
pub(super) fn restore_killed_at(passage: &Passage) -> Site {
    let site = Site::new();
    kill_restore_at(&site, passage);
    site
}

#[track_caller]
pub(super) fn kill_restore_at(site: &Site, passage: &Passage) {
    kill_at(site, passage, || site.restore());
}

/// Kills the daemon at `passage` of what `act` asks it for.
#[track_caller]
pub(super) fn kill_at(site: &Site, passage: &Passage, act: impl FnOnce() -> Answer) {
    let plan = plan(passage, "kill");
    let mut daemon = site.world.start_with(&[("CARELOG_FAIL", &plan)]);
    let answer = act();
    let status = daemon.wait();
    assert_eq!(status.signal(), Some(Signal::SIGKILL as i32), "{passage:?}: {status}, {answer:?}");
}

/// After a start, everything is in order without anybody's help, and the next restore succeeds.
#[track_caller]
pub(super) fn assert_recovered(site: &Site, _daemon: &Daemon<'_>, context: &str) {
    assert_eq!(site.restore_jobs().len(), 1, "{context}");
    let job = site.settled_job();
    let is_new = site.assert_whole(context);
    let expected: &[&str] = if is_new { &["succeeded", "warned"] } else { &["interrupted"] };
    assert!(expected.contains(&job["state"].as_str().unwrap()), "{context}: {job:#}");
    if !is_new {
        let message = job["error"]["message"].as_str().unwrap();
        assert!(message.contains("interrupted"), "{context}: {message}");
    }
    let status = site.world.ctl(&["status", "--json"]).expect_code(0).json();
    assert!(!status["problems"].to_string().contains("is not settled"), "{context}: {status:#}");
    site.restore().expect_code(0);
    assert!(site.assert_whole(context), "{context}");
    let restores = site.world.state_dir().join("restores");
    assert_eq!(fs::metadata(restores).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_restore_that_is_killed_at_any_point_is_settled_at_the_next_start() {
    for passage in passages() {
        let site = restore_killed_at(&passage);
        let daemon = site.world.start();
        assert_recovered(&site, &daemon, &format!("killed at {passage:?}"));
    }
}

#[test]
fn a_restore_that_comes_upon_an_error_at_any_point_puts_everything_back_and_the_same_daemon_goes_on() {
    for passage in passages() {
        let site = Site::new();
        let plan = plan(&passage, "error");
        let daemon = site.world.start_with(&[("CARELOG_FAIL", &plan)]);
        let answer = site.restore();
        let context = format!("an error at {passage:?}: {answer:?}");
        if passage.0 == "restore.discard" {
            // It was too late to take back what had succeeded: it is a warning that names what stays.
            let left = site.world.laid_aside();
            assert_eq!((answer.code, left.len()), (3, 1), "{context}: {left:?}");
            assert!(answer.stdout.contains(&left[0]), "{context}");
        } else {
            let is_new = site.assert_whole(&context);
            let expected: &[i32] = if is_new { &[0, 3] } else { &[1] };
            assert!(expected.contains(&answer.code), "{context}");
            assert!(answer.code != 1 || answer.stderr.contains("No space left on device"), "{context}");
            assert!(answer.code != 3 || answer.stdout.contains("No space left on device"), "{context}");
        }
        site.restore().expect_code(0);
        assert!(site.assert_whole(&context), "{context}");
        let daemon = daemon.restart();
        site.wait_settled();
        assert!(site.assert_whole(&context), "{context}");
        drop(daemon);
    }
}
