//! Stops or fails the store at every one of its write steps. Each step runs in a child of this test binary, because a
//! kill ends the process.

#![cfg(feature = "failpoints")]

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus};

use tempfile::TempDir;

use super::*;
use crate::catalog::samples::{hold, time};
use std::io::Write as _;

const BYTES: &[u8] = b"content";

/// A store in a folder, and the children that work on it.
struct World {
    dir: TempDir,
    id: Uuid,
}

impl World {
    /// With one archive in it, which is held.
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let store = LocalStore::open(&dir.path().join("store"), None, time(0)).unwrap();
        let name = publish(&store, 0).unwrap();
        store.set_holds(&name, &[hold("x")]).unwrap();
        Self { id: store.id(), dir }
    }

    fn open(&self) -> LocalStore {
        LocalStore::open(&self.dir.path().join("store"), Some(self.id), time(0)).unwrap()
    }

    /// Runs the ignored test `child` of this file on the store, with `plan` for its fail points.
    fn run(&self, child: &str, plan: &str) -> ExitStatus {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", &format!("store::local::crash_tests::{child}")])
            .env("CARELOG_CRASH_STORE", self.dir.path().join("store"))
            .env("CARELOG_FAIL", plan)
            .env("CARELOG_FAIL_TRACE", self.dir.path().join("trace"))
            .output()
            .unwrap()
            .status
    }

    /// How many points a child passes that is left alone.
    fn points(child: &str) -> usize {
        let world = Self::new();
        assert!(world.run(child, "none=kill").success(), "the child does its work when nothing stops it");
        std::fs::read_to_string(world.dir.path().join("trace")).unwrap().lines().count()
    }

    /// What is in the store after a sweep; every archive in it is whole.
    fn archives_after_sweep(&self) -> Vec<ArchiveName> {
        let store = self.open();
        store.sweep().unwrap();
        let archives: Vec<_> = store.list().unwrap().into_iter().map(|stored| stored.name).collect();
        let mut expected = vec![identity::FILE_NAME.to_owned()];
        for name in &archives {
            assert_eq!(std::fs::read(store.path_of(name, "")).unwrap(), BYTES);
            assert_eq!(store.checksum(name).unwrap(), Some(Sha256::of(BYTES)));
            expected.extend([name.to_string(), format!("{name}.sha256")]);
            if !store.holds(name).unwrap().is_empty() {
                expected.push(format!("{name}.hold"));
            }
        }
        let mut found: Vec<_> = std::fs::read_dir(store.dir())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != Reserve::FILE_NAME)
            .collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "nothing else stays");
        archives
    }
}

fn publish(store: &LocalStore, minute: u32) -> Result<ArchiveName, StoreError> {
    let partial = store.create(Class::Backup, time(minute), Codec::None)?;
    partial.file()?.write_all(BYTES).unwrap();
    store.publish(partial, Sha256::of(BYTES))
}

fn store_of_child() -> LocalStore {
    LocalStore::open(Path::new(&std::env::var("CARELOG_CRASH_STORE").unwrap()), None, time(0)).unwrap()
}

#[test]
#[ignore = "the child of other tests"]
fn publish_one() {
    publish(&store_of_child(), 1).unwrap();
}

#[test]
#[ignore = "the child of other tests"]
fn release_and_remove_one() {
    let store = store_of_child();
    let name = store.list().unwrap().remove(0).name;
    store.set_holds(&name, &[]).unwrap();
    store.remove(&name).unwrap();
}

#[test]
fn a_kill_at_any_step_of_a_publication_leaves_the_whole_archive_or_nothing() {
    let points = World::points("publish_one");
    assert!(points >= 6, "{points} points");
    let mut counts = Vec::new();
    for n in 1..=points {
        let world = World::new();
        let status = world.run("publish_one", &format!("*=kill@{n}"));
        assert_eq!(status.signal(), Some(9), "killed at point {n}");
        counts.push(world.archives_after_sweep().len());
    }
    assert!(counts.is_sorted() && counts.contains(&1) && counts.contains(&2), "{counts:?}");
}

#[test]
fn an_error_at_any_step_of_a_publication_is_reported_and_leaves_nothing() {
    for n in 1..=World::points("publish_one") {
        let world = World::new();
        let status = world.run("publish_one", &format!("*=error@{n}"));
        assert!(!status.success() && status.signal().is_none(), "point {n}: {status}");
        assert_eq!(world.archives_after_sweep().len(), 1, "point {n}");
    }
}

#[test]
fn a_kill_at_any_step_of_a_removal_leaves_the_whole_archive_or_nothing() {
    let points = World::points("release_and_remove_one");
    assert!(points >= 3, "{points} points");
    let mut counts = Vec::new();
    for n in 1..=points {
        let world = World::new();
        let status = world.run("release_and_remove_one", &format!("*=kill@{n}"));
        assert_eq!(status.signal(), Some(9), "killed at point {n}");
        counts.push(world.archives_after_sweep().len());
    }
    assert!(counts.is_sorted_by(|a, b| a >= b) && counts.contains(&1) && counts.contains(&0), "{counts:?}");
}
