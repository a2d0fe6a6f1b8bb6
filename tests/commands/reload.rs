//! Reading the configuration again.

use nix::sys::signal::Signal;

use crate::support::World;
use crate::support::wait::wait_until;

fn sources(world: &World) -> usize {
    world.ctl(&["status", "--json"]).expect_code(0).json()["sources"].as_array().unwrap().len()
}

#[test]
fn a_file_that_is_wrong_changes_nothing_and_says_where() {
    let world = World::new();
    let _daemon = world.start();
    let good = world.config();
    let lines = good.lines().count();
    world.write_config(&format!("{good}\n[objectives]\nrpo = \"soon\"\n"));
    let answer = world.ctl(&["reload"]).expect_code(1);
    let place = format!("{}:{}", world.config_file().display(), lines + 3);
    assert!(answer.stderr.contains(&place), "'{place}' is not in {}", answer.stderr);
    assert!(answer.stderr.contains("rpo"), "{}", answer.stderr);
    assert_eq!(sources(&world), 2);
    let status = world.ctl(&["status", "--json"]).json();
    assert_eq!(status["sources"][0]["rpo_seconds"], 86_400);
    world.ctl(&["backup"]).expect_code(0);
    let audit = world.ctl(&["audit", "--json"]).json();
    let failed =
        audit["records"].as_array().unwrap().iter().any(|r| r["action"] == "config.reload" && r["outcome"] == "failed");
    assert!(failed, "{audit:#}");
}

#[test]
fn a_file_that_is_right_counts_from_then_on() {
    let world = World::new();
    let mut daemon = world.start();
    world.write_config(&format!("{}\n[objectives]\nrpo = \"1h\"\n", world.config()));
    let reloaded = world.ctl(&["reload", "--json"]).expect_code(0).json();
    assert_eq!(reloaded["changed"], serde_json::json!(["objectives"]));
    assert_eq!(reloaded["restart_needed"], serde_json::json!([]));
    assert_eq!(world.ctl(&["status", "--json"]).json()["sources"][0]["rpo_seconds"], 3600);

    // The same by the signal that service managers send.
    let extra = format!("[[source]]\nname = \"more\"\ntype = \"files\"\npath = \"{}\"\n", world.path("more").display());
    crate::support::clinic::write_file(&world.path("more/file"), b"more");
    world.write_config(&format!("{}\n{extra}", world.config()));
    daemon.signal(Signal::SIGHUP);
    wait_until("the third source", || sources(&world) == 3);
    world.ctl(&["backup", "--source", "more"]).expect_code(0);

    world.edit_config("backups\"", "elsewhere\"");
    let reloaded = world.ctl(&["reload", "--json"]).expect_code(0).json();
    assert_eq!(reloaded["restart_needed"], serde_json::json!(["backup.dir"]));
    world.ctl(&["backup"]).expect_code(0);
    assert!(!world.path("elsewhere").exists());
}
