//! Naming what is meant: sources, scopes, moments, beginnings of ids.

use serde_json::Value;

use super::backup;
use crate::support::World;

#[test]
fn a_backup_covers_what_its_scope_and_its_sources_name() {
    let world = World::new();
    let _daemon = world.start();
    for (args, expected) in [
        (&[][..], &["data", "studies"][..]),
        (&["--scope", "files"], &["studies"]),
        (&["--scope", "database"], &["data"]),
        (&["--source", "studies"], &["studies"]),
        (&["--source", "studies", "--source", "data"], &["data", "studies"]),
    ] {
        world.ctl(&[&["backup"], args].concat()).expect_code(0);
        let shown = world.ctl(&["show", "latest", "--json"]).expect_code(0).json();
        let names: Vec<&Value> = shown["sources"].as_array().unwrap().iter().map(|source| &source["name"]).collect();
        assert_eq!(names, expected, "{args:?}");
    }
    let listed = world.ctl(&["list", "--source", "data", "--json"]).expect_code(0).json();
    assert_eq!(listed["backups"].as_array().unwrap().len(), 3);
    assert_eq!(
        world.ctl(&["list", "--limit", "2", "--json"]).expect_code(0).json()["backups"].as_array().unwrap().len(),
        2
    );

    let unknown = world.ctl(&["backup", "--source", "nothing"]).expect_code(4);
    assert!(unknown.stderr.contains("data") && unknown.stderr.contains("studies"), "{}", unknown.stderr);
    world.ctl(&["backup", "--scope", "files", "--source", "data"]).expect_code(2);
    world.ctl(&["backup", "--scope", "nonsense"]).expect_code(2);
}

#[test]
fn a_restore_takes_the_sources_and_the_moment_that_are_named() {
    let world = World::new();
    let _daemon = world.start();
    let first = backup(&world);
    let at = world.ctl(&["show", &first, "--json"]).json()["created_at"].as_str().unwrap().to_owned();
    let old = std::fs::read(world.clinic.studies.join("study-000/report.txt")).unwrap();
    std::fs::write(world.clinic.studies.join("study-000/report.txt"), "new").unwrap();
    backup(&world);

    let target = world.path("target");
    std::fs::create_dir(&target).unwrap();
    let to = target.to_str().unwrap();
    let job = world.ctl(&["restore", "--at", &at, "--source", "studies", "--to", to, "--json"]).expect_code(0).json();
    assert_eq!(job["backup_id"], first.as_str());
    assert_eq!(std::fs::read(target.join("studies/study-000/report.txt")).unwrap(), old);
    assert!(!target.join("data.json").exists());

    let live = world.ctl(&["restore", &first, "--source", "data", "--yes", "--json"]).expect_code(0).json();
    assert_eq!(live["result"]["files"], 1, "those of the other source do not count: {live:#}");

    let early = world.ctl(&["restore", "--at", "2000-01-01", "--to", to]).expect_code(4);
    assert!(early.stderr.contains("list"), "{}", early.stderr);
    world.ctl(&["restore", "--at", "soon", "--to", to]).expect_code(2);
    world.ctl(&["restore", &first, "--source", "nothing", "--yes"]).expect_code(4);
    // What is there already must not mix with what is restored.
    world.ctl(&["restore", &first, "--to", to]).expect_code(9);
    world.ctl(&["restore", &first, "--to", world.path("absent").to_str().unwrap()]).expect_code(4);
}

#[test]
fn a_backup_is_named_by_id_prefix_file_name_or_latest() {
    let world = World::new();
    let _daemon = world.start();
    let ids = [backup(&world), backup(&world)];
    let filename = world.ctl(&["show", &ids[0], "--json"]).json()["filename"].as_str().unwrap().to_owned();
    let shown = |name: &str| world.ctl(&["show", name, "--json"]).expect_code(0).json()["id"].clone();
    assert_eq!(shown(&ids[0][..30]), ids[0].as_str());
    assert_eq!(shown(&filename), ids[0].as_str());
    assert_eq!(shown("latest"), ids[1].as_str());

    let short = world.ctl(&["show", &ids[0][..3]]).expect_code(2);
    assert!(short.stderr.contains("at least 4"), "{}", short.stderr);
    // Ids begin with the time: those of one minute with the same digits.
    let ambiguous = world.ctl(&["show", &ids[0][..6]]).expect_code(2);
    assert!(ids.iter().all(|id| ambiguous.stderr.contains(id.as_str())), "{}", ambiguous.stderr);
    world.ctl(&["show", "ffff"]).expect_code(4);
    world.ctl(&["show", "../../etc/passwd"]).expect_code(4);
    world.ctl(&["job", "show", "ffff"]).expect_code(4);
}
