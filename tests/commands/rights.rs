//! Who may what. The client runs as other users of the system, which only root can arrange; who they are the kernel says.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{backup, running_backup, slow_world};
use crate::support::World;
use crate::support::process::{Answer, carelogctl, is_root, run};

/// Users that every system has, by name and number.
const OPERATOR: (&str, u32) = ("daemon", 1);
const VIEWER: (&str, u32) = ("bin", 2);
const STRANGER: (&str, u32) = ("sys", 3);

/// Gives each of them their role, lets others enter the world, and places the client where they can run it.
fn open_to_others(world: &World) -> PathBuf {
    let access = format!("\n[access]\noperator = [\"{}\"]\nviewer = [\"{}\"]\n", OPERATOR.0, VIEWER.0);
    world.write_config(&(world.config() + &access));
    let client = world.path("carelogctl");
    fs::copy(carelogctl(), &client).unwrap();
    fs::set_permissions(world.path(""), Permissions::from_mode(0o755)).unwrap();
    client
}

/// Lets everybody reach the socket; in a clinic a group may.
fn open_socket(world: &World) {
    fs::set_permissions(world.socket(), Permissions::from_mode(0o666)).unwrap();
}

fn ctl_as(world: &World, client: &Path, user: (&str, u32), args: &[&str]) -> Answer {
    let mut command = crate::support::process::hermetic(client, &world.path(""));
    command.env("CARELOG_SOCKET", world.socket()).args(args).uid(user.1).gid(user.1);
    run(&mut command)
}

#[test]
fn the_kernel_turns_away_whoever_may_not_open_the_socket() {
    if !is_root() {
        return;
    }
    let world = World::new();
    let client = open_to_others(&world);
    let _daemon = world.start();
    let answer = ctl_as(&world, &client, VIEWER, &["status"]).expect_code(5);
    assert!(answer.stderr.contains("group carelog"), "{}", answer.stderr);
}

#[test]
fn each_role_may_what_it_needs_and_every_refusal_is_recorded() {
    if !is_root() {
        return;
    }
    let world = World::new();
    let yearly = "[[schedule]]\nname = \"yearly\"\ncron = \"@yearly\"\njob = \"verify\"\nwhich = \"oldest\"\n";
    world.edit_config("schedule = []\n", "");
    world.write_config(&(world.config() + yearly));
    let client = open_to_others(&world);
    let _daemon = world.start();
    open_socket(&world);
    let id = backup(&world);
    backup(&world);
    let looks = [&["status"][..], &["list"], &["show", &id], &["jobs"], &["schedule", "list"], &["schedule", "next"]];
    let works = [&["backup"][..], &["verify", &id], &["schedule", "run", "yearly"]];
    let reveals_or_writes = [
        &["restore", &id, "--yes"][..],
        &["delete", &id, "-m", "why not", "--yes"],
        &["download", &id, "-o", "-"],
        &["hold", &id, "-m", "mine"],
        &["release", &id, "-m", "mine"],
        &["schedule", "pause", "yearly", "-m", "holiday"],
        &["schedule", "resume", "yearly", "-m", "back"],
        &["prune", "--yes"],
        &["prune", "--dry-run"],
        &["restore-deleted", &id, "-m", "mine"],
        &["reload"],
        &["audit"],
        &["audit", "verify"],
    ];
    for (user, allowed) in [(OPERATOR, [&looks[..], &works].concat()), (VIEWER, looks.to_vec()), (STRANGER, vec![])] {
        for args in [&looks[..], &works, &reveals_or_writes].concat() {
            let answer = ctl_as(&world, &client, user, args);
            if allowed.contains(&args) {
                answer.expect_code(0);
            } else {
                let answer = answer.expect_code(5);
                assert!(answer.stderr.contains(user.0) && answer.stderr.contains("role"), "{}", answer.stderr);
            }
        }
    }
    let refused = |user: (&str, u32)| {
        let list = world.ctl(&["audit", "list", "--user", user.0, "--json"]).expect_code(0).json();
        let is_refused = |record: &&Value| record["outcome"] == "refused";
        list["records"].as_array().unwrap().iter().filter(is_refused).count()
    };
    assert_eq!([OPERATOR, VIEWER, STRANGER].map(refused), [13, 16, 22]);
    world.ctl(&["audit", "verify"]).expect_code(0);
    world.ctl(&["show", &id]).expect_code(0);
}

#[test]
fn an_operator_cancels_their_own_jobs_and_nobody_elses() {
    if !is_root() {
        return;
    }
    let world = slow_world();
    let client = open_to_others(&world);
    let _daemon = world.start();
    open_socket(&world);
    let others = running_backup(&world);
    ctl_as(&world, &client, OPERATOR, &["job", "cancel", &others]).expect_code(5);
    let own = ctl_as(&world, &client, OPERATOR, &["backup", "--detach", "--json"]).expect_code(0).json();
    let own = own["job_id"].as_str().unwrap();
    ctl_as(&world, &client, OPERATOR, &["job", "cancel", own]).expect_code(0);
    assert_eq!(world.ctl(&["job", "show", own, "--json"]).json()["state"], "cancelled");
    world.ctl(&["job", "cancel", &others]).expect_code(0);
}

#[test]
fn an_admin_restores_only_into_directories_that_they_may_write_to_themselves() {
    if !is_root() {
        return;
    }
    let world = World::new();
    let client = open_to_others(&world);
    world.edit_config("operator = [", "admin = [\"root\", \"daemon\"]\noperator = [");
    let _daemon = world.start();
    open_socket(&world);
    backup(&world);
    let (roots, own) = (world.path("roots"), world.path("own"));
    for dir in [&roots, &own] {
        fs::create_dir(dir).unwrap();
        fs::set_permissions(dir, Permissions::from_mode(0o755)).unwrap();
    }
    std::os::unix::fs::chown(&own, Some(OPERATOR.1), None).unwrap();
    let restore = |to: &Path| ctl_as(&world, &client, OPERATOR, &["restore", "latest", "--to", to.to_str().unwrap()]);
    let refused = restore(&roots).expect_code(5);
    assert!(refused.stderr.contains("may not write"), "{}", refused.stderr);
    assert_eq!(fs::read_dir(&roots).unwrap().count(), 0);
    restore(&own).expect_code(0);
    let audit = world.ctl(&["audit", "--user", OPERATOR.0, "--json"]).json();
    assert!(audit.to_string().contains("refused"), "{audit:#}");
}
