//! What a person sees of a restore: undoing it, its report, naming paths, going first.

mod now;
mod partial;
mod paths;
mod report;
mod true_words;
mod undoing;

use serde_json::Value;

use crate::support::mount::{Tmpfs, may_mount};
use crate::support::world::LAID_ASIDE_WITHIN;
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
    keeping(World::new())
}

fn keeping(world: World) -> World {
    world.edit_config("keep_replaced = \"0s\"", "keep_replaced = \"1h\"");
    world
}

/// A world in which the root of the studies is a mount point. Fields go in this order.
struct MountedWorld {
    _studies: Tmpfs,
    world: World,
}

impl MountedWorld {
    /// `None` where nothing can be mounted.
    #[track_caller]
    fn keeping() -> Option<Self> {
        if !may_mount() {
            return None;
        }
        let mut studies = None;
        let world = World::below_with(&std::env::temp_dir(), |dir| {
            studies = Some(Tmpfs::mount(&dir.join("clinic/studies"), 200 << 10));
        });
        Some(Self { _studies: studies?, world: keeping(world) })
    }
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
        Self {
            records: world.clinic.records(),
            studies: TreeImage::of_all_but(&world.clinic.studies, LAID_ASIDE_WITHIN),
        }
    }
}
