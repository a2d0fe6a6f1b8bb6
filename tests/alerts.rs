//! Alerts of the real daemon: what goes wrong fires, is known to somebody, and is over when it was put right.

use std::fs;

use serde_json::Value;

use crate::support::World;
use crate::support::wait::{wait_for, wait_until};

/// The alerts that fire.
fn firing(world: &World) -> Vec<Value> {
    alerts(world, &["alerts", "--json"])
}

fn alerts(world: &World, args: &[&str]) -> Vec<Value> {
    world.ctl(args).expect_code(0).json()["alerts"].as_array().unwrap().clone()
}

fn keys(world: &World) -> Vec<String> {
    firing(world).iter().map(|alert| alert["key"].as_str().unwrap().to_owned()).collect()
}

fn actions(world: &World, prefix: &str) -> Vec<String> {
    let audit = world.ctl(&["audit", "--json"]).expect_code(0).json();
    let records = audit["records"].as_array().unwrap();
    let actions = records.iter().map(|record| record["action"].as_str().unwrap().to_owned());
    actions.filter(|action| action.starts_with(prefix)).collect()
}

/// A world whose last backup failed, because its records are gone.
fn failing_world() -> World {
    let world = World::new();
    fs::rename(&world.clinic.data, world.path("away")).unwrap();
    world
}

#[test]
fn a_source_that_fails_fires_until_a_backup_of_it_succeeds() {
    let world = failing_world();
    let _daemon = world.start();
    world.ctl(&["backup"]).expect_code(1);
    wait_until("both sources to be alerted of", || keys(&world).len() == 2);
    assert_eq!(keys(&world), ["backup_failed/data", "backup_failed/studies"], "the job covered both");
    let shown = world.ctl(&["alerts"]).expect_code(0).stdout;
    assert!(shown.contains("next for backup_failed/data: carelogctl job show "), "{shown}");
    let status = world.ctl(&["status", "--json"]).expect_code(0).json();
    assert_eq!(status["alerts"].as_array().unwrap().len(), 2, "{status:#}");

    world.ctl(&["backup", "--source", "studies"]).expect_code(0);
    wait_until("one to be over", || keys(&world) == ["backup_failed/data"]);
    fs::rename(world.path("away"), &world.clinic.data).unwrap();
    world.ctl(&["backup"]).expect_code(0);
    wait_until("the other to be over", || keys(&world).is_empty());
    assert_eq!(world.ctl(&["alerts"]).expect_code(0).stdout, "no alerts\n");
    let all = alerts(&world, &["alerts", "--all", "--json"]);
    assert!(all.len() == 2 && all.iter().all(|alert| !alert["resolved_at"].is_null()), "{all:#?}");
    assert_eq!(actions(&world, "alert."), ["alert.fire", "alert.fire", "alert.resolve", "alert.resolve"]);
    world.ctl(&["status", "--check"]).expect_code(0);
    world.ctl(&["audit", "verify"]).expect_code(0);
}

#[test]
fn an_alert_is_acknowledged_once_it_fires_and_survives_the_daemon() {
    let world = failing_world();
    let daemon = world.start();
    let unknown = world.ctl(&["alerts", "ack", "backup_failed/data", "-m", "known"]).expect_code(4);
    assert!(unknown.stderr.contains("carelogctl alerts"), "{}", unknown.stderr);
    world.ctl(&["backup", "--source", "data"]).expect_code(1);
    let alert = wait_for("the alert", || firing(&world).pop());
    world.ctl(&["alerts", "ack", "backup_failed/data", "-m", " "]).expect_code(2);
    world.ctl(&["alerts", "ack", "backup_failed/data", "-m", "the disk is being replaced"]).expect_code(0);

    let daemon = daemon.restart();
    let after = firing(&world).pop().unwrap();
    assert_eq!((&after["id"], &after["fired_at"]), (&alert["id"], &alert["fired_at"]), "{after:#}");
    assert_eq!(after["acknowledged"]["why"], "the disk is being replaced");
    let shown = world.ctl(&["alerts"]).expect_code(0).stdout;
    assert!(shown.contains("the disk is being replaced"), "{shown}");
    assert_eq!(actions(&world, "alert."), ["alert.fire", "alert.ack"]);

    fs::rename(world.path("away"), &world.clinic.data).unwrap();
    world.ctl(&["backup"]).expect_code(0);
    wait_until("it to be over", || keys(&world).is_empty());
    let late = world.ctl(&["alerts", "ack", after["id"].as_str().unwrap(), "-m", "late"]).expect_code(8);
    assert!(late.stderr.contains("is over"), "{}", late.stderr);
    daemon.stop();
}

#[test]
fn a_backup_that_holds_far_less_than_was_usual_is_told_of_until_somebody_accepts_it() {
    let world = World::new();
    let _daemon = world.start();
    for _ in 0..3 {
        world.ctl(&["backup"]).expect_code(0);
    }
    assert_eq!(keys(&world), Vec::<String>::new());
    let mut records = world.clinic.records();
    let patients = records["patients"].as_array_mut().unwrap();
    assert!(patients.len() >= 40, "there are enough of them for their loss to be told from chance");
    patients.truncate(1);
    fs::write(&world.clinic.data, serde_json::to_vec(&records).unwrap()).unwrap();
    assert!(world.ctl(&["backup"]).expect_code(3).stderr.contains("was data lost?"), "whoever waits for it is asked");
    wait_until("the alert", || keys(&world) == ["suspicious_backup/data"]);
    let message = firing(&world)[0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("patients fell from "), "{message}");
    world.ctl(&["status", "--check"]).expect_code(2);
    world.ctl(&["alerts", "ack", "suspicious_backup/data", "-m", "moved to the archive"]).expect_code(0);
    world.ctl(&["backup"]).expect_code(0);
    wait_until("it to be over", || keys(&world).is_empty());
    world.ctl(&["status", "--check"]).expect_code(0);
}

#[test]
fn whom_to_call_and_the_objectives_of_a_source_are_taken_over_by_a_reload() {
    let world = World::new();
    let _daemon = world.start();
    world.edit_config("[alerts]", "[alerts]\ncontact = \"Dr. A. Admin, ext. 17\"");
    world.edit_config("name = \"data\"", "name = \"data\"\nrpo = \"1h\"\nrto = \"10m\"");
    let reloaded = world.ctl(&["reload", "--json"]).expect_code(0).json();
    assert_eq!(reloaded["changed"], serde_json::json!(["source", "alerts"]));
    let status = world.ctl(&["status", "--json"]).expect_code(0).json();
    assert_eq!(status["contact"], "Dr. A. Admin, ext. 17");
    let objectives =
        |source: usize| (&status["sources"][source]["rpo_seconds"], &status["sources"][source]["rto_seconds"]);
    assert_eq!(objectives(0), (&3600.into(), &600.into()));
    assert_eq!(objectives(1), (&86_400.into(), &3600.into()));
    assert!(
        world.ctl(&["status"]).expect_code(0).stdout.contains("call Dr. A. Admin, ext. 17"),
        "nothing is backed up"
    );
}
