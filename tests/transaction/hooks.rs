//! The site's own programs around a restore and a backup.

use std::fs;

use super::site::{Live, Site};
use crate::support::wait::wait_until;

#[test]
fn the_application_is_stopped_started_and_probed_around_the_swap() {
    let site = Site::new();
    let _daemon = site.world.start();
    site.restore().expect_code(0);
    assert_eq!(
        site.calls(),
        [
            "stop_application running old old held",
            "start_application running new new free",
            "probe running new new held",
            "after_restore succeeded new new free",
        ]
    );
    assert!(site.assert_whole("a restore"));
}

#[test]
fn a_restore_without_hooks_swaps_and_says_what_has_to_be_done_by_hand() {
    let site = Site::with_hooks(|_| String::new());
    let _daemon = site.world.start();
    let plan = site.world.ctl(&["restore", &site.backup, "--dry-run"]).expect_code(0);
    assert!(plan.stdout.contains("Stop the application that writes to these sources"), "{plan:?}");
    site.restore().expect_code(0);
    assert!(site.assert_whole("a restore"));
}

#[test]
fn the_plan_says_what_is_stopped_and_probed() {
    let site = Site::new();
    let _daemon = site.world.start();
    let plan = site.world.ctl(&["restore", &site.backup, "--dry-run"]).expect_code(0);
    assert!(plan.stdout.contains("The application is stopped before"), "{plan:?}");
    assert!(plan.stdout.contains("probed (works)"), "{plan:?}");
    assert_eq!(plan.stdout.matches("restarted").count(), 1, "{plan:?}");
    assert_eq!(site.calls(), Vec::<String>::new());
}

#[test]
fn a_probe_that_fails_takes_the_restore_back() {
    let site = Site::with_hooks(|hooks| {
        let probe = format!("{}; echo no login; exit 1", hooks.line("probe"));
        hooks.hook("stop_application", &hooks.line("stop"))
            + &hooks.hook("start_application", &hooks.line("start"))
            + &hooks.probe("login works", &probe)
            + &hooks.hook("after_restore", &hooks.line("after_restore"))
    });
    let _daemon = site.world.start();
    let answer = site.restore().expect_code(1);
    assert!(
        answer.stderr.contains("the hook 'login works' failed (exit status: 1) and printed: no login"),
        "{answer:?}"
    );
    assert!(answer.stderr.contains("everything live is as it was"), "{answer:?}");
    assert_eq!(
        site.calls(),
        [
            "stop running old old held",
            "start running new new free",
            "probe running new new held",
            "stop failed new new held",
            "start failed old old free",
        ]
    );
    assert!(!site.assert_whole("a failed probe"));
}

#[test]
fn an_application_that_cannot_be_stopped_is_started_again_and_nothing_is_replaced() {
    for (script, timeout, words) in [
        ("exit 4", "100s", "the hook 'stop_application' failed (exit status: 4)"),
        ("sleep 1000", "1s", "the hook 'stop_application' had not ended after 1s and was killed"),
    ] {
        let site = Site::with_hooks(|hooks| {
            let stop = hooks.hook("stop_application", &format!("{}; {script}", hooks.line("stop")));
            stop.replace("100s", timeout) + &hooks.hook("start_application", &hooks.line("start"))
        });
        let _daemon = site.world.start();
        let answer = site.restore().expect_code(1);
        assert!(answer.stderr.contains(words), "{answer:?}");
        assert_eq!(site.calls(), ["stop running old old held", "start failed old old free"]);
        assert!(!site.assert_whole(script));
    }
}

#[test]
fn a_restore_that_is_cancelled_while_it_stops_the_application_starts_it_again() {
    let site = Site::with_hooks(|hooks| {
        hooks.hook("stop_application", &format!("{}; sleep 1000", hooks.line("stop")))
            + &hooks.hook("start_application", &hooks.line("start"))
    });
    let _daemon = site.world.start();
    site.world.ctl(&["restore", &site.backup, "--yes", "--detach"]).expect_code(0);
    wait_until("the stop", || !site.calls().is_empty());
    let job = site.job().unwrap();
    site.world.ctl(&["job", "cancel", job["id"].as_str().unwrap()]).expect_code(0);
    wait_until("the end of the job", || site.job().unwrap()["state"] == "cancelled");
    assert_eq!(site.calls(), ["stop running old old held", "start failed old old free"]);
    assert!(!site.assert_whole("cancelled"));
    site.wait_settled();
}

#[test]
fn an_application_that_does_not_start_has_its_old_data_back_and_status_says_so() {
    let site = Site::with_hooks(|hooks| {
        hooks.hook("stop_application", &hooks.line("stop"))
            + &hooks.hook("start_application", &format!("{}; exit 1", hooks.line("start")))
    });
    let daemon = site.world.start();
    let answer = site.restore().expect_code(1);
    assert!(answer.stderr.contains("but the application was not started"), "{answer:?}");
    assert_eq!(answer.stderr.matches("the hook 'start_application' failed").count(), 1, "{answer:?}");
    assert!(answer.stderr.contains("restart carelogd"), "{answer:?}");
    assert!(Live::of(&site.world) == site.now);
    let status = site.world.ctl(&["status", "--json"]).expect_code(0).json();
    assert_eq!(status["problems"][0]["severity"], "critical", "{status:#}");
    site.restore().expect_code(9);

    // With the cause removed, the next start settles it.
    site.world.write_config(&site.world.config().replace("; exit 1", ""));
    let _daemon = daemon.restart();
    site.wait_settled();
    assert!(!site.assert_whole("started late"));
    site.restore().expect_code(0);
}

#[test]
fn what_the_application_wrote_before_it_stopped_joins_the_safety_backup() {
    let late = r#"{"patients": ["late"]}"#;
    let site = Site::with_hooks(|hooks| {
        let new = hooks.world.path("new.json");
        fs::write(&new, late).unwrap();
        let stop = format!("cp {} {}", new.display(), hooks.world.clinic.data.display());
        hooks.hook("stop_application", &stop) + &hooks.hook("start_application", "true")
    });
    let _daemon = site.world.start();
    site.restore().expect_code(0);
    let restored = site.world.clinic.records();
    assert_eq!(restored["patients"], site.then.records["patients"]);
    let list = site.world.ctl(&["list", "--all", "--class", "safety", "--json"]).expect_code(0).json();
    let newest = &list["backups"][0];
    assert_eq!(list["backups"].as_array().unwrap().len(), 2, "{list:#}");
    let sources: Vec<_> = newest["sources"].as_array().unwrap().iter().map(|source| &source["name"]).collect();
    assert_eq!(sources, ["data"], "{newest:#}");
    site.world.ctl(&["restore", newest["id"].as_str().unwrap(), "--yes"]).expect_code(0);
    assert_eq!(fs::read_to_string(&site.world.clinic.data).unwrap(), late);
}

#[test]
fn what_was_replaced_is_kept_for_its_time_and_then_discarded() {
    let site = Site::new();
    site.keep_replaced();
    let daemon = site.world.start();
    site.restore().expect_code(0);
    let kept = site.world.laid_aside();
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(kept.iter().all(|name| name.contains(".carelog-restore-")), "{kept:?}");
    // Also across restarts.
    let daemon = daemon.restart();
    assert_eq!(site.world.laid_aside(), kept);

    site.world.edit_config("keep_replaced = \"1h\"", "keep_replaced = \"1s\"");
    let _daemon = daemon.restart();
    site.restore().expect_code(0);
    wait_until("what was kept for a second to be discarded", || {
        site.world.ctl(&["backup"]).expect_code(0);
        site.world.laid_aside() == kept
    });
}

#[test]
fn a_backup_fails_with_its_first_hook_and_the_last_one_runs_always() {
    let site = Site::with_hooks(|hooks| {
        let before = format!("{}; test ! -e {}", hooks.line("before"), hooks.world.path("veto").display());
        hooks.hook("before_backup", &before) + &hooks.hook("after_backup", &hooks.line("after"))
    });
    fs::write(site.world.path("calls"), "").unwrap();
    let _daemon = site.world.start();
    site.world.ctl(&["backup"]).expect_code(0);
    fs::write(site.world.path("veto"), "").unwrap();
    let answer = site.world.ctl(&["backup"]).expect_code(1);
    assert!(answer.stderr.contains("the hook 'before_backup' failed"), "{answer:?}");
    let calls = site.calls();
    let calls: Vec<_> = calls.iter().map(|call| call.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(calls, ["before running", "after succeeded", "before running", "after failed"]);
}
