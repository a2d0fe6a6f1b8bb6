//! The server goes away in the middle of a swap, and comes back late or not at all.

use std::fs;

use super::crashes::site;
use super::site::Site;
use super::trouble::assert_says;
use crate::support::World;
use crate::support::postgres::{Cluster, has_postgres};
use crate::support::process::{Answer, run};
use crate::support::wait::wait_until;

/// How the log says that the server is waited for.
const WAITING: &str = "waiting for the database server";
/// For a daemon that shall wait in vain.
const SHORT: (&str, &str) = ("CARELOG_FAIL_PATIENCE_MS", "300");

/// Restores, and stops the server at the first passage of `point`; then `meanwhile` is called. The daemon is stopped.
#[track_caller]
fn stopped_at(
    site: &mut Site,
    point: &str,
    more: &[(&str, &str)],
    meanwhile: impl FnOnce(&World, &mut Cluster),
) -> Answer {
    let (go, trace) = (site.world.path("go"), site.world.path("trace"));
    for file in [&go, &trace] {
        let _not_there = fs::remove_file(file);
    }
    let (plan, go_path, trace_path) = (format!("{point}=wait"), go.display().to_string(), trace.display().to_string());
    let ours = [("CARELOG_FAIL", plan.as_str()), ("CARELOG_FAIL_GO", &go_path), ("CARELOG_FAIL_TRACE", &trace_path)];
    let mut command = site.world.ctl_command(&["restore", &site.backup, "--yes", "--json"]);
    let daemon = site.world.start_with(&[&ours, more].concat());
    let restore = std::thread::spawn(move || run(&mut command));
    wait_until(point, || fs::read_to_string(&trace).is_ok_and(|passed| passed.lines().any(|line| line == point)));
    site.cluster.stop();
    fs::write(&go, "").unwrap();
    meanwhile(&site.world, &mut site.cluster);
    let answer = restore.join().unwrap();
    daemon.stop();
    answer
}

#[test]
fn a_server_that_is_away_for_a_while_in_mid_swap_is_waited_for() {
    if !has_postgres() {
        return;
    }
    let mut site = site();
    for step in ["refuse", "terminate", "rename", "allow", "done"] {
        let point = format!("source.database.forward.{step}");
        let answer = stopped_at(&mut site, &point, &[], |world, cluster| {
            let told = world.log().matches(WAITING).count();
            wait_until("the daemon to wait", || world.log().matches(WAITING).count() > told);
            cluster.start_again();
        });
        let context = format!("away at {point}: {answer:?}");
        let is_new = site.assert_whole(&context);
        let expected: &[i32] = if is_new { &[0, 3] } else { &[1] };
        assert!(expected.contains(&answer.code), "{context}");
        site.recover(&context);
    }
}

#[test]
fn a_server_that_does_not_come_back_fails_the_restore_which_the_next_start_settles() {
    if !has_postgres() {
        return;
    }
    let mut site = site();
    for step in ["refuse", "rename", "allow", "done"] {
        let point = format!("source.database.forward.{step}");
        let answer = stopped_at(&mut site, &point, &[SHORT], |_, _| {});
        let context = format!("gone at {point}: {answer:?}");
        assert_eq!(answer.code, 1, "{context}");
        assert_says(&answer, &["cannot be reached", "source 'database' could not be put back", "restart carelogd"]);
        let marker = site.world.state_dir().join("restore-in-progress");
        assert!(marker.exists() && !site.is_settled(), "{context}");

        // A start that does not find the server either serves, and restores nothing more.
        let daemon = site.world.start_with(&[SHORT]);
        let refused = site.world.ctl(&["restore", &site.backup, "--yes"]);
        assert_ne!(refused.code, 0, "{context}: {refused:?}");
        daemon.stop();
        assert!(marker.exists() && !site.is_settled(), "{context}");

        site.cluster.start_again();
        site.recover(&context);
        assert!(!marker.exists(), "{context}");
    }
}
