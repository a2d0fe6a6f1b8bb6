//! Recovery that is itself disturbed, and recovery that cannot be.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use nix::sys::signal::Signal;

use super::crashes::{Passage, assert_recovered, passages, passages_in, plan, restore_killed_at};
use super::site::Site;
use crate::support::wait::wait_until;

/// What a start passes, up to the end of its recovery, after a kill at `passage`.
fn recovery_after(passage: &Passage) -> Vec<Passage> {
    let site = restore_killed_at(passage);
    let trace = site.world.path("trace");
    recovery_of(&site, &trace)
}

/// What a start of the daemon of `site` passes, up to the end of its recovery. It is written down in the file `trace`.
#[track_caller]
pub(super) fn recovery_of(site: &Site, trace: &Path) -> Vec<Passage> {
    let _earlier = fs::remove_file(trace);
    let daemon = site.world.start_with(&[("CARELOG_FAIL_TRACE", trace.to_str().unwrap())]);
    site.wait_settled();
    let passed = || passages_in(&fs::read_to_string(trace).unwrap_or_default());
    // The last line can be read before it is synced.
    wait_until("the last line of the journal to be synced", || {
        let passed = passed();
        let count = |point: &str| passed.iter().filter(|(passed, _)| passed == point).count();
        count("journal.append") == count("journal.synced")
    });
    daemon.stop();
    passed()
}

#[test]
fn a_recovery_that_is_killed_at_any_point_is_gone_on_with_at_the_next_start() {
    // Points that lead to the same recovery are tried once.
    let mut seen = BTreeSet::new();
    for passage in passages() {
        let recovery = recovery_after(&passage);
        if !seen.insert(recovery.clone()) {
            continue;
        }
        for point in recovery {
            let context = format!("killed at {passage:?}, then at {point:?}");
            let site = restore_killed_at(&passage);
            let plan = plan(&point, "kill");
            let mut daemon = site.world.spawn_with(&[("CARELOG_FAIL", &plan)]);
            let status = daemon.wait();
            assert_eq!(status.signal(), Some(Signal::SIGKILL as i32), "{context}: {status}");
            let daemon = site.world.start();
            assert_recovered(&site, &daemon, &context);
        }
    }
    assert!(seen.len() > 3, "{seen:#?}");
}

#[test]
fn a_restore_that_waited_during_the_crash_runs_beside_the_rest_of_the_recovery() {
    let site = Site::with_hooks(|hooks| {
        // The first one stops the application only when the second one waits.
        let wait = format!("while ! test -e {}; do sleep 0.01; done", hooks.world.path("go").display());
        hooks.hook("stop_application", &format!("{}; {wait}", hooks.line("stop")))
            + &hooks.hook("start_application", &format!("{}; sleep 0.2", hooks.line("start")))
    });
    let mut daemon = site.world.start_with(&[("CARELOG_FAIL", "restore.swapped=kill")]);
    for _ in 0..2 {
        site.world.ctl(&["restore", &site.backup, "--yes", "--detach"]).expect_code(0);
    }
    fs::write(site.world.path("go"), "").unwrap();
    assert_eq!(daemon.wait().signal(), Some(Signal::SIGKILL as i32));

    let _daemon = site.world.start();
    let states = || {
        let jobs = site.world.ctl(&["jobs", "--all", "--json"]).expect_code(0).json();
        let restores = jobs["jobs"].as_array().unwrap().iter().filter(|job| job["kind"] == "restore").cloned();
        restores.map(|job| job["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    wait_until("the second restore", || states() == ["succeeded", "interrupted"]);
    site.wait_settled();
    assert!(site.assert_whole("the second restore"));
}

#[test]
fn what_cannot_be_settled_is_said_and_left_alone_until_it_can() {
    let site = restore_killed_at(&("restore.swapped".to_owned(), 1));
    let aside = site.world.laid_aside().into_iter().find(|name| name.contains("data.json")).unwrap();
    let aside = site.world.path("clinic").join(aside);
    let rescued = site.world.path("rescued");
    fs::rename(&aside, &rescued).unwrap();
    let daemon = site.world.start();
    assert!(site.marker().exists());
    let job = site.job().unwrap();
    assert_eq!(job["state"], "interrupted", "{job:#}");
    assert!(job["error"]["message"].as_str().unwrap().contains(aside.to_str().unwrap()), "{job:#}");
    let status = site.world.ctl(&["status", "--json"]).expect_code(0).json();
    assert_eq!(status["problems"][0]["severity"], "critical", "{status:#}");
    assert!(status["problems"][0]["what"].as_str().unwrap().contains("is not settled"), "{status:#}");
    let report = || site.world.ctl(&["job", "show", job["id"].as_str().unwrap(), "--report"]).expect_code(0).stdout;
    let nothing_changed = "Nothing that was live is another than before";
    assert!(report().contains("NOT SETTLED") && !report().contains(nothing_changed), "{}", report());
    let refused = site.restore().expect_code(9);
    assert!(refused.stderr.contains("restart carelogd"), "{refused:?}");
    let started = site.calls().iter().filter(|call| call.starts_with("start")).count();
    assert_eq!(started, 0, "on data that is half old and half new");

    fs::rename(&rescued, &aside).unwrap();
    let _daemon = daemon.restart();
    site.wait_settled();
    assert!(!report().contains("NOT SETTLED") && report().contains(nothing_changed), "{}", report());
    assert!(!site.assert_whole("settled late"));
}

#[test]
fn what_could_not_be_settled_is_settled_by_the_next_restore_without_a_restart() {
    let site = restore_killed_at(&("restore.swapped".to_owned(), 1));
    let aside = site.world.laid_aside().into_iter().find(|name| name.contains("data.json")).unwrap();
    let aside = site.world.path("clinic").join(aside);
    let rescued = site.world.path("rescued");
    fs::rename(&aside, &rescued).unwrap();
    let _daemon = site.world.start();
    site.restore().expect_code(9);
    assert!(site.marker().exists());

    fs::rename(&rescued, &aside).unwrap();
    site.restore().expect_code(0);
    site.wait_settled();
    assert!(!site.marker().exists());
    assert!(site.assert_whole("restored after it was settled"));
    let status = site.world.ctl(&["status", "--json"]).expect_code(0).json();
    assert!(!status["problems"].to_string().contains("is not settled"), "{status:#}");
}
