//! What the operations guide says of making a database again by hand is done, word by word.

use std::fs;
use std::path::Path;

use super::backup::world_with;
use super::site::make_clinic;
use crate::support::World;
use crate::support::database_image::DatabaseImage;
use crate::support::postgres::{Cluster, has_postgres};
use crate::support::process::{Answer, carelogd, run};

/// The block of the guide that is marked `mark`.
fn recipe(mark: &str) -> String {
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/OPERATIONS.md")).unwrap();
    let begin = format!("```sh {mark}\n");
    let at = guide.find(&begin).expect("the recipe") + begin.len();
    guide[at..].split("```").next().unwrap().to_owned()
}

/// Does what the guide says on the server of `cluster`, with the store of `world`.
fn follow(world: &World, cluster: &Cluster, mark: &str) -> Answer {
    let places = [
        ("/tmp/", format!("{}/", cluster.socket_dir().display())),
        ("/var/lib/carelog/backups", world.backups().display().to_string()),
    ];
    let script = places.iter().fold(recipe(mark), |script, (installed, here)| script.replace(installed, here));
    // As root, as who looks into the store is; only psql is somebody whom the server knows.
    let become_known = format!(
        "psql() {{ setpriv --reuid={0} --regid={0} --clear-groups env \"PGOPTIONS=$PGOPTIONS\" {1}/psql \"$@\"; }}",
        cluster.user(),
        cluster.bin().display()
    );
    let allow = "umask 022";
    let mut shell = crate::support::process::hermetic(Path::new("/bin/bash"), &world.backups());
    let programs = carelogd().parent().unwrap().display().to_string();
    shell.env("PATH", format!("{programs}:/usr/local/bin:/usr/bin:/bin"));
    shell.env("PGHOST", cluster.socket_dir()).env("PGUSER", cluster.user());
    run(shell.args(["-euc", &format!("{become_known}\n{allow}\n{script}")]))
}

/// A clinic whose settings hinder a load, with an incremental behind a full.
fn world(cluster: &Cluster) -> World {
    make_clinic(cluster);
    cluster
        .psql("clinic", "CREATE TABLE large AS SELECT n, repeat('x', 50) AS filler FROM generate_series(1, 20000) n");
    let world = world_with(&cluster.section("database", "clinic"));
    let daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    cluster.psql("clinic", "INSERT INTO patient (name) VALUES ('the last one')");
    cluster.psql(
        "postgres",
        "ALTER DATABASE clinic SET default_transaction_read_only = on; ALTER DATABASE clinic SET statement_timeout = 1",
    );
    world.ctl(&["backup", "--incremental"]).expect_code(0);
    daemon.stop();
    world
}

#[test]
fn the_recipe_makes_a_database_again_from_an_incremental() {
    if !has_postgres() || !crate::support::process::is_root() {
        return;
    }
    let (cluster, other) = (Cluster::start(), Cluster::start());
    let world = world(&cluster);
    follow(&world, &other, "by-hand").expect_code(0);
    let without = "ALTER DATABASE clinic RESET ALL";
    for cluster in [&cluster, &other] {
        cluster.psql("postgres", without);
    }
    DatabaseImage::of(&other, "clinic").assert_same_as(&DatabaseImage::of(&cluster, "clinic"));
}

#[test]
fn the_recipe_without_us_takes_the_newest_full_backup() {
    if !has_postgres() || !crate::support::process::is_root() {
        return;
    }
    let (cluster, other) = (Cluster::start(), Cluster::start());
    let world = world(&cluster);
    follow(&world, &other, "by-hand-full").expect_code(0);
    assert_eq!(other.psql("clinic", "SELECT count(*) FROM patient; SELECT count(*) FROM large;"), "500\n20000\n");
}

#[test]
fn an_archive_that_does_not_hold_the_dump_is_no_success() {
    if !has_postgres() || !crate::support::process::is_root() {
        return;
    }
    let (cluster, other) = (Cluster::start(), Cluster::start());
    let world = world(&cluster);
    let full = world.store_files().into_iter().find(|name| name.ends_with(".tar.zst")).unwrap();
    fs::write(world.backups().join(full), "not an archive").unwrap();
    assert_ne!(follow(&world, &other, "by-hand-full").code, 0);
}
