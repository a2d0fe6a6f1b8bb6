//! The jobs that are hit, and the worlds in which they run.

use std::fs;

use crate::support::World;
use crate::support::clinic::{noise, write_file};
use crate::support::process::Answer;
use crate::support::wait::wait_until;

/// The point in the commit of every change of the catalog. The lanes look for work beside what else happens, so its
/// passages are counted and not ordered.
pub(super) const COMMIT: &str = "catalog.before_commit";

/// What is hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scenario {
    /// The first backup of a new daemon, and that daemon's first start.
    Backup,
    /// The removal of one backup of two.
    Delete,
    /// The deletion of a backup whose archive another needs.
    Retain,
}

/// Where what was seen of the trees is about to be kept, when the backup has its name. It can do without.
pub(super) const KEEPING_SEEN: &str = "fsio.synced_temporary";

/// The writing of a backup, from its first byte to its name, and behind that.
const WRITING: [&str; 11] = [
    "backup.created",
    "backup.source_read",
    "backup.source_read",
    "backup.written",
    "store.publish",
    "store.fsynced_archive",
    "fsio.wrote_temporary",
    "fsio.renamed_temporary",
    "store.wrote_checksum",
    "fsio.published",
    KEEPING_SEEN,
];

impl Scenario {
    /// The points that the daemon passes from its start to the end of the job, in order, but for [`COMMIT`].
    fn points(self) -> Vec<&'static str> {
        match self {
            Self::Backup => {
                [&["fsio.wrote_temporary", "fsio.renamed_temporary"][..], &WRITING, &["queue.record_end"]].concat()
            }
            Self::Delete => vec!["prune.forgotten", "fsio.unlinked", "fsio.unlinked", "queue.record_end"],
            Self::Retain => {
                vec!["fsio.wrote_temporary", "fsio.renamed_temporary", "prune.retained", "queue.record_end"]
            }
        }
    }

    /// How often it passes [`COMMIT`].
    ///
    /// A start: interrupted jobs, a claim by each lane; the first one also the id of the store, the rebuild, the sources
    /// and what the archives take. A job: its row, a claim by each lane, its end, the next claim, and that it was told of.
    /// A removal forgets.
    const fn commits(self) -> usize {
        match self {
            Self::Backup => 7 + 6,
            Self::Delete | Self::Retain => 3 + 6 + 1,
        }
    }

    /// The kind of its job.
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Delete | Self::Retain => "prune",
        }
    }
}

/// A world in which the scenario can begin. No daemon runs.
pub(super) struct Stage {
    pub(super) scenario: Scenario,
    pub(super) world: World,
    /// The backup that is removed.
    backup: Option<String>,
}

impl Stage {
    pub(super) fn set(scenario: Scenario) -> Self {
        Self::set_in(World::new(), scenario)
    }

    /// In a world with places of its own.
    pub(super) fn set_in(world: World, scenario: Scenario) -> Self {
        make_small(&world);
        let backup = (scenario != Scenario::Backup).then(|| {
            let daemon = world.start();
            let wanted = take_backup(&world);
            match scenario {
                Scenario::Backup => {}
                // One that does not build on the other.
                Scenario::Delete => drop(world.ctl(&["backup", "--full"]).expect_code(0)),
                Scenario::Retain => drop(take_backup(&world)),
            }
            daemon.stop();
            wanted
        });
        change_everything(&world);
        Self { scenario, world, backup }
    }

    /// Asks for the job and waits for its end.
    pub(super) fn run(&self) -> Answer {
        let backup = self.backup.as_deref().unwrap_or_default();
        match self.scenario {
            Scenario::Backup => self.world.ctl(&["backup", "--json"]),
            Scenario::Delete | Scenario::Retain => {
                self.world.ctl(&["delete", backup, "-m", "no longer needed", "--yes", "--json"])
            }
        }
    }
}

/// One passage of one point in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Passage {
    pub(super) point: &'static str,
    /// Counted from 1 for each point.
    pub(super) nth: usize,
    /// Where it stands among the points that are not [`COMMIT`]; `None` for those that are.
    pub(super) index: Option<usize>,
}

impl Passage {
    /// What makes the daemon act on it.
    pub(super) fn plan(&self, action: &str) -> String {
        format!("{}={action}@{}", self.point, self.nth)
    }
}

/// Runs the scenario undisturbed and compares what it passes with the list. Returns every passage.
#[track_caller]
pub(super) fn passages(scenario: Scenario) -> Vec<Passage> {
    let stage = Stage::set(scenario);
    let trace = stage.world.path("trace");
    let daemon = stage.world.start_with(&[("CARELOG_FAIL_TRACE", trace.to_str().unwrap())]);
    stage.run().expect_code(0);
    let passed = || fs::read_to_string(&trace).unwrap_or_default();
    let commits = || passed().lines().filter(|point| *point == COMMIT).count();
    wait_until("the lanes to rest", || commits() >= scenario.commits());
    daemon.stop();

    let points = scenario.points();
    assert_eq!(passed().lines().filter(|point| *point != COMMIT).collect::<Vec<_>>(), points, "{scenario:?}");
    assert_eq!(commits(), scenario.commits(), "{scenario:?}");
    let ordered = points.iter().enumerate().map(|(index, point)| Passage {
        point,
        nth: points[..=index].iter().filter(|other| *other == point).count(),
        index: Some(index),
    });
    let commits = (1..=scenario.commits()).map(|nth| Passage { point: COMMIT, nth, index: None });
    ordered.chain(commits).collect()
}

/// Where `point` stands for the n-th time among the points of `scenario`.
#[track_caller]
pub(super) fn index_of(scenario: Scenario, point: &str, nth: usize) -> usize {
    let points = scenario.points();
    let mut found = points.iter().enumerate().filter(|(_, other)| **other == point).map(|(index, _)| index);
    found.nth(nth - 1).unwrap_or_else(|| panic!("{scenario:?} does not pass {point} {nth} times"))
}

/// Takes a backup and returns its id.
#[track_caller]
pub(super) fn take_backup(world: &World) -> String {
    let answer = world.ctl(&["backup", "--json"]).expect_code(0);
    answer.json()["backup_id"].as_str().unwrap().to_owned()
}

/// Three files are enough: what happens between them is the same.
fn make_small(world: &World) {
    let studies = &world.clinic.studies;
    fs::remove_dir_all(studies).unwrap();
    write_file(&studies.join("study-000/image-0000.dcm"), &noise(1, 3_000));
    write_file(&studies.join("report.txt"), b"nothing abnormal\n");
}

/// Nothing that a restore puts back stays as it is.
fn change_everything(world: &World) {
    let mut records = world.clinic.records();
    records["patients"].as_array_mut().unwrap().truncate(3);
    fs::write(&world.clinic.data, serde_json::to_vec_pretty(&records).unwrap()).unwrap();
    let studies = &world.clinic.studies;
    fs::remove_file(studies.join("report.txt")).unwrap();
    write_file(&studies.join("study-000/image-0000.dcm"), &noise(2, 3_000));
    write_file(&studies.join("study-001/image-0000.dcm"), &noise(3, 1_000));
}
