//! The unit and the application's drop-in as they are shipped, under a real systemd as the first process.

use serde_json::Value;

use crate::support::machine::Machine;
use crate::support::process::Answer;
use crate::support::wait::{wait_for, wait_until};

const OLD: &str = "\"new\" newer";
const RESTORED: &str = "\"old\" older";

/// A clinic whose application is a unit with the drop-in, on a machine that starts both; a backup; and data that has
/// changed since.
struct Clinic {
    machine: Machine,
}

impl Clinic {
    /// `None` where no machine can be booted.
    #[track_caller]
    fn boot() -> Option<Self> {
        let machine = Machine::install()?;
        machine.write(
            "/etc/carelog/carelogd.toml",
            r#"
            [backup]
            keep_replaced = "0s"
            [[source]]
            name = "data"
            type = "json"
            path = "/srv/clinic/data.json"
            [[source]]
            name = "studies"
            type = "files"
            path = "/srv/clinic/studies"
            [hooks]
            stop_application = { argv = ["systemctl", "stop", "clinic"], timeout = "30s" }
            start_application = { argv = ["systemctl", "start", "clinic"], timeout = "30s" }
            probe = [{ name = "runs", argv = ["systemctl", "is-active", "clinic"] }]
            "#,
        );
        machine.write(
            "/etc/systemd/system/clinic.service",
            "[Service]\n\
             ExecStartPre=/bin/sh -c 'echo $$(cat /srv/clinic/data.json) $$(cat /srv/clinic/studies/report) >> /srv/seen'\n\
             ExecStart=/bin/sleep infinity\n",
        );
        let drop_in = include_str!("../systemd/carelog-application.conf");
        machine.write("/etc/systemd/system/clinic.service.d/carelog.conf", drop_in);
        let mut clinic = Self { machine };
        clinic.put("\"old\"", "older");
        clinic.machine.enable("clinic.service");
        clinic.machine.enable("carelogd.service");
        clinic.machine.boot();
        Some(clinic)
    }

    /// As [`Self::boot`], with a backup and other live data.
    #[track_caller]
    fn boot_changed() -> Option<Self> {
        let clinic = Self::boot()?;
        clinic.machine.ctl(&["backup"]).expect_code(0);
        clinic.put("\"new\"", "newer");
        Some(clinic)
    }

    fn put(&self, data: &str, report: &str) {
        self.machine.write("/srv/clinic/data.json", data);
        self.machine.write("/srv/clinic/studies/report", report);
    }

    fn restore(&self) -> Answer {
        self.machine.ctl(&["restore", "latest", "--yes"])
    }

    /// Starts the daemon anew, in another environment.
    #[track_caller]
    fn restart_with(&self, environment: &str, also: &str) {
        let text = format!("[Service]\nEnvironment={environment}\n{also}\n");
        self.machine.write("/etc/systemd/system/carelogd.service.d/test.conf", &text);
        self.machine.systemctl(&["daemon-reload"]);
        self.machine.systemctl(&["restart", "carelogd"]);
    }

    fn live(&self) -> String {
        let read = |path: &str| std::fs::read_to_string(self.machine.at(path)).unwrap();
        format!("{} {}", read("/srv/clinic/data.json"), read("/srv/clinic/studies/report"))
    }

    /// What the application found at each of its starts.
    fn seen(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.machine.at("/srv/seen")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn is_active(&self, unit: &str) -> bool {
        self.machine.property(unit, "ActiveState") == "active"
    }

    fn has_marker(&self) -> bool {
        self.machine.at("/var/lib/carelog/restore-in-progress").exists()
    }

    /// Microseconds since the boot.
    #[track_caller]
    fn time(&self, unit: &str, property: &str) -> u64 {
        self.machine.property(unit, property).parse().unwrap()
    }

    fn restore_job(&self) -> Value {
        let jobs = self.machine.ctl(&["jobs", "--all", "--json"]).expect_code(0).json();
        let restore = jobs["jobs"].as_array().unwrap().iter().find(|job| job["kind"] == "restore");
        restore.unwrap().clone()
    }

    /// The application runs, on data that is old, and has seen no other since `before` starts.
    #[track_caller]
    fn assert_taken_back(&self, before: usize) {
        wait_until("the application", || self.is_active("clinic"));
        assert_eq!(self.live(), OLD);
        assert!(!self.has_marker());
        assert_eq!(self.seen()[before..], [OLD], "{:?}", self.seen());
        assert_eq!(self.restore_job()["state"], "interrupted");
        wait_until("what was staged to be gone", || {
            std::fs::read_dir(self.machine.at("/srv/clinic")).unwrap().count() == 2
        });
    }
}

#[test]
fn the_daemon_says_that_it_is_ready_and_the_application_starts_behind_it() {
    let Some(clinic) = Clinic::boot() else { return };
    assert!(clinic.is_active("carelogd") && clinic.is_active("clinic"));
    assert_eq!(clinic.machine.property("carelogd", "NRestarts"), "0");
    let ready = clinic.time("carelogd", "ActiveEnterTimestampMonotonic");
    let begun = clinic.time("clinic", "InactiveExitTimestampMonotonic");
    assert!(ready <= begun, "{ready} {begun}");
    assert_eq!(clinic.machine.run(&["systemctl", "--failed", "--quiet"]).stdout, "");

    // In the unit's sandbox, with the application's unit stopped, started and probed.
    clinic.machine.ctl(&["backup"]).expect_code(0);
    clinic.put("\"new\"", "newer");
    clinic.restore().expect_code(0);
    assert_eq!(clinic.live(), RESTORED);
    assert_eq!(clinic.seen(), [RESTORED, RESTORED]);
    assert!(clinic.is_active("clinic") && !clinic.has_marker());

    clinic.machine.systemctl(&["stop", "carelogd"]);
    assert_eq!(clinic.machine.property("carelogd", "Result"), "success");
    // It is not bound to the daemon.
    assert!(clinic.is_active("clinic"));
}

#[test]
fn a_reload_puts_the_new_configuration_in_force_or_fails_and_leaves_the_old_one() {
    let Some(clinic) = Clinic::boot() else { return };
    let path = "/etc/carelog/carelogd.toml";
    let config = std::fs::read_to_string(clinic.machine.at(path)).unwrap();
    let rpo = || clinic.machine.ctl(&["status", "--json"]).json()["sources"][0]["rpo_seconds"].clone();
    assert_eq!(rpo(), 86_400);
    clinic.machine.write(path, &format!("{config}\n[objectives]\nrpo = \"1h\"\n"));
    clinic.machine.systemctl(&["reload", "carelogd"]);
    assert_eq!(rpo(), 3_600);

    clinic.machine.write(path, &format!("{config}\n[objectives]\nrpo = \"soon\"\n"));
    let failed = clinic.machine.run(&["systemctl", "reload", "carelogd"]);
    assert_ne!(failed.code, 0, "{failed:?}");
    assert_eq!(rpo(), 3_600);
    assert!(clinic.is_active("carelogd"));
    let journal = clinic.machine.run(&["journalctl", "--unit", "carelogd", "--no-pager"]).stdout;
    assert!(journal.contains("soon"), "{journal}");
}

#[test]
fn between_a_crash_in_a_swap_and_the_next_start_of_the_daemon_the_application_does_not_start() {
    let Some(clinic) = Clinic::boot_changed() else { return };
    // The next start is ours to make.
    clinic.restart_with("CARELOG_FAIL=restore.swapped=kill", "RestartSec=1h");
    let before = clinic.seen().len();
    clinic.restore().expect_code(6);
    wait_until("the end of the daemon", || clinic.machine.property("carelogd", "SubState") == "auto-restart");
    assert_eq!(clinic.live(), "\"old\" newer", "killed between the swaps of two sources");
    assert!(clinic.has_marker());

    // systemd does not call it an error that a condition does not hold.
    clinic.machine.systemctl(&["start", "clinic"]);
    assert_eq!(clinic.machine.property("clinic", "ConditionResult"), "no");
    assert!(!clinic.is_active("clinic"));
    assert_eq!(clinic.seen().len(), before);

    // A restart: a start would wait for the end of RestartSec=.
    clinic.restart_with("CARELOG_LOG=info", "");
    clinic.assert_taken_back(before);
    let ready = clinic.time("carelogd", "ActiveEnterTimestampMonotonic");
    assert!(ready <= clinic.time("clinic", "InactiveExitTimestampMonotonic"));
    clinic.restore().expect_code(0);
    assert_eq!(clinic.live(), RESTORED);
}

#[test]
fn after_a_crash_in_a_swap_systemd_starts_the_daemon_and_that_the_application() {
    let Some(clinic) = Clinic::boot_changed() else { return };
    clinic.restart_with("CARELOG_FAIL=restore.swapped=kill", "");
    let before = clinic.seen().len();
    clinic.restore().expect_code(6);
    wait_until("the daemon", || {
        clinic.machine.property("carelogd", "NRestarts") == "1" && clinic.is_active("carelogd")
    });
    clinic.assert_taken_back(before);
}

#[test]
fn when_the_power_fails_in_a_swap_the_next_boot_settles_it_before_the_application_starts() {
    let Some(mut clinic) = Clinic::boot_changed() else { return };
    clinic.restart_with("CARELOG_FAIL=restore.swapped=kill", "RestartSec=1h");
    let before = clinic.seen().len();
    clinic.restore().expect_code(6);
    clinic.machine.cut_off();
    assert_eq!(clinic.live(), "\"old\" newer");
    assert!(clinic.has_marker());

    clinic.machine.boot();
    assert!(clinic.is_active("carelogd"));
    clinic.assert_taken_back(before);
}

#[test]
fn a_stop_during_a_restore_waits_until_it_is_settled() {
    let Some(clinic) = Clinic::boot_changed() else { return };
    let points = "CARELOG_FAIL=restore.swapped=wait CARELOG_FAIL_TRACE=/srv/trace CARELOG_FAIL_GO=/srv/go";
    clinic.restart_with(points, "");
    let before = clinic.seen().len();
    clinic.machine.ctl(&["restore", "latest", "--yes", "--detach"]).expect_code(0);
    let trace = clinic.machine.at("/srv/trace");
    wait_until("the swap", || std::fs::read_to_string(&trace).is_ok_and(|trace| trace.contains("restore.swapped\n")));

    let mut stop = clinic.machine.command(&["systemctl", "stop", "carelogd"]).spawn().unwrap();
    wait_until("the stop", || clinic.machine.property("carelogd", "ActiveState") == "deactivating");
    assert!(stop.try_wait().unwrap().is_none());
    assert!(clinic.has_marker());
    clinic.machine.write("/srv/go", "");
    let status = wait_for("the end of the stop", || stop.try_wait().unwrap());
    assert!(status.success());
    assert_eq!(clinic.machine.property("carelogd", "Result"), "success");

    // Nobody else is needed: the restore was done, and the application runs on what it put in place.
    wait_until("the application", || clinic.is_active("clinic"));
    assert_eq!(clinic.live(), RESTORED);
    assert!(!clinic.has_marker());
    assert_eq!(clinic.seen()[before..], [RESTORED]);
    clinic.machine.systemctl(&["start", "carelogd"]);
    assert_eq!(clinic.restore_job()["state"], "succeeded");
}
