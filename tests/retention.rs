//! What is kept and what goes: plans that are carried out as they were shown, the trash, a catalog that was lost, and a disk
//! that is full.

mod disk;
mod plans;
mod trash;

use serde_json::Value;

use crate::support::World;

/// Keeps the last two and nothing else.
const LAST_TWO: &str = "keep_last = 2\nkeep_daily = 0\nkeep_monthly = 0\nkeep_yearly = 0\n";

/// A world with these keys in `[retention]`.
fn world_with(keys: &str) -> World {
    let world = World::new();
    set_retention(&world, keys);
    world
}

/// Replaces `[retention]`, which stands at the end of the file.
fn set_retention(world: &World, keys: &str) {
    let config = world.config();
    let before = config.split("\n[retention]\n").next().unwrap();
    world.write_config(&format!("{before}\n[retention]\n{keys}"));
}

/// Takes a backup that builds on no other; its id.
#[track_caller]
fn full_backup(world: &World) -> String {
    world.ctl(&["backup", "--full", "--json"]).expect_code(0).json()["backup_id"].as_str().unwrap().to_owned()
}

#[track_caller]
fn show(world: &World, id: &str) -> Value {
    world.ctl(&["show", id, "--json"]).expect_code(0).json()
}

#[track_caller]
fn state(world: &World, id: &str) -> String {
    show(world, id)["state"].as_str().unwrap().to_owned()
}

/// The plan as a document.
#[track_caller]
fn plan(world: &World) -> Value {
    world.ctl(&["prune", "--dry-run", "--json"]).expect_code(0).json()
}

/// What the plan says of a backup: whether it expires, and why.
#[track_caller]
fn fate(plan: &Value, id: &str) -> (bool, String) {
    let backups = plan["backups"].as_array().unwrap();
    let backup = backups.iter().find(|backup| backup["id"] == id).unwrap_or_else(|| panic!("{id} is not in {plan:#}"));
    let reasons: Vec<_> = backup["reasons"].as_array().unwrap().iter().map(|reason| reason.as_str().unwrap()).collect();
    (backup["expires"].as_bool().unwrap(), reasons.join(", "))
}
