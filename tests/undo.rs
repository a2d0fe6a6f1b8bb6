//! What a person sees of a restore: undoing it, its report, naming paths, going first.

mod now;
mod partial;
mod paths;
mod report;
mod true_words;
mod undoing;

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{TreeImage, World};

/// Takes a backup and returns its id.
#[track_caller]
fn backup(world: &World) -> String {
    world.ctl(&["backup", "--json"]).expect_code(0).json()["backup_id"].as_str().unwrap().to_owned()
}

/// The id of the job that `args` ran to a good end.
#[track_caller]
fn job_of(world: &World, args: &[&str]) -> String {
    let job = world.ctl(&[args, &["--yes", "--json"]].concat()).expect_code(0).json();
    job["id"].as_str().unwrap().to_owned()
}

/// A world that keeps what restores replace.
fn keeping_world() -> World {
    let world = World::new();
    world.edit_config("keep_replaced = \"0s\"", "keep_replaced = \"1h\"");
    world
}

/// Makes the live data another.
fn change_everything(world: &World) {
    let mut records = world.clinic.records();
    records["patients"].as_array_mut().unwrap().truncate(3);
    std::fs::write(&world.clinic.data, serde_json::to_vec_pretty(&records).unwrap()).unwrap();
    std::fs::remove_file(world.clinic.studies.join("study-000/report.txt")).unwrap();
    std::fs::write(world.clinic.studies.join("study-001/report.txt"), "nonsense").unwrap();
    std::fs::write(world.clinic.studies.join("new.txt"), "new").unwrap();
}

/// The live data of both sources.
#[derive(Clone, Debug, PartialEq)]
struct Live {
    records: Value,
    studies: TreeImage,
}

impl Live {
    fn of(world: &World) -> Self {
        Self { records: world.clinic.records(), studies: TreeImage::of(&world.clinic.studies) }
    }
}

/// What lies beside the live data.
fn beside_live_data(world: &World) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(world.path("clinic")).unwrap().map(|entry| entry.unwrap().path());
    let mut beside: Vec<_> =
        entries.filter(|path| *path != world.clinic.data && *path != world.clinic.studies).collect();
    beside.sort();
    beside
}
