//! Schedules of the real daemon: that they begin jobs, what a crash or a night without power makes of them, and the
//! commands that show and steer them.

mod by_itself;
mod commands;
#[cfg(feature = "failpoints")]
mod crashes;

use rusqlite::Connection;
use serde_json::Value;

use crate::support::World;

/// A schedule of which a time is due only at the turn of the year, made up for within two years.
const YEARLY: &str = "[[schedule]]\nname = \"yearly\"\ncron = \"0 0 1 1 *\"\njob = \"backup\"\ncatch_up = \"730d\"\n";

/// A world with these schedules.
fn world_with(schedules: &str) -> World {
    let world = World::new();
    world.edit_config("schedule = []\n", "");
    world.write_config(&format!("{}\n{schedules}", world.config()));
    world
}

/// Makes the catalog one that was last looked at 800 days ago; no daemon may run.
fn long_ago(world: &World) {
    let catalog = Connection::open(world.state_dir().join("catalog.db")).unwrap();
    let day = 24 * 3600 * 1000_i64;
    let sql = "UPDATE schedules SET considered_until_ms = considered_until_ms - ?1";
    assert_eq!(catalog.execute(sql, [800 * day]).unwrap(), 1);
}

/// How the schedule stands.
fn schedule(world: &World, name: &str) -> Value {
    let list = world.ctl(&["schedule", "list", "--json"]).expect_code(0).json();
    let schedules = list["schedules"].as_array().unwrap().clone();
    schedules.into_iter().find(|schedule| schedule["name"] == name).unwrap_or_else(|| panic!("{list:#}"))
}

/// The jobs that schedules began.
fn scheduled_jobs(world: &World) -> Vec<Value> {
    let jobs = world.ctl(&["jobs", "--all", "--json"]).expect_code(0).json()["jobs"].as_array().unwrap().clone();
    jobs.into_iter().filter(|job| job["requested_by"]["via"] == "schedule").collect()
}
