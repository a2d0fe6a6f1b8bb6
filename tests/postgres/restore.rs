//! A database is put in place by its name, with the other sources, and brought back.

use super::backup::DATABASE;
use super::site::{CLINIC, Site, databases};
use crate::support::database_image::{DatabaseImage, make_everything};
use crate::support::postgres::{Cluster, has_postgres};

/// The job of an answer.
#[track_caller]
fn job_of(answer: &crate::support::process::Answer) -> String {
    answer.json()["id"].as_str().unwrap().to_owned()
}

#[test]
fn database_file_and_tree_come_back_together_and_what_was_replaced_is_kept() {
    Site::while_it_runs(|site| {
        let answer = site.restore().expect_code(0);
        let live = site.live();
        assert_eq!((&live.records, &live.studies), (&site.then.records, &site.then.studies));
        live.database.assert_same_as(&site.then.database);
        assert_ne!(live.oid, site.now.oid);

        let kept = format!("clinic_before_{}", job_of(&answer).replace('-', ""));
        assert_eq!(site.databases(), [CLINIC, &kept]);
        assert_eq!(site.oid(&kept), site.now.oid);
        let refused = site.cluster.psql_answer(&kept, "SELECT 1");
        assert!(refused.code != 0 && refused.stderr.contains("not currently accepting connections"), "{refused:?}");
    });
}

#[test]
fn a_database_with_everything_comes_back_as_it_was() {
    if !has_postgres() {
        return;
    }
    let cluster = Cluster::start();
    make_everything(&cluster, DATABASE);
    let site = Site::of(cluster, DATABASE, |_, section| section);
    let _daemon = site.world.start();
    let answer = site.world.ctl(&["restore", &site.backup, "--source", "database", "--yes", "--json"]);
    assert!([0, 3].contains(&answer.code), "{answer:?}");
    DatabaseImage::of(&site.cluster, DATABASE).assert_same_as(&site.then.database);
    assert_eq!(databases(&site.cluster).len(), 2, "{:?}", databases(&site.cluster));
}

#[test]
fn an_undo_puts_the_very_database_back_that_was_replaced() {
    Site::while_it_runs(|site| {
        let job = job_of(&site.restore().expect_code(0));
        let plan = site.world.ctl(&["restore", "--undo", &job, "--dry-run", "--json"]).expect_code(0).json();
        let database = plan["sources"].as_array().unwrap().iter().find(|source| source["name"] == "database").unwrap();
        assert!(database["notes"].to_string().contains("gets its name back: nothing is loaded"), "{database}");
        assert_eq!(database["changed"]["bytes"], 0, "{database}");
        let undo = site.world.ctl(&["restore", "--undo", &job, "--yes", "--json"]).expect_code(0);
        assert_eq!(site.live(), site.now);
        let again = site.world.ctl(&["restore", "--undo", &job_of(&undo), "--yes", "--json"]).expect_code(0);
        let live = site.live();
        assert_eq!((&live.records, &live.studies), (&site.then.records, &site.then.studies));
        live.database.assert_same_as(&site.then.database);
        assert_eq!(site.databases().len(), 2, "{:?} after {}", site.databases(), job_of(&again));
    });
}

#[test]
fn a_database_is_written_out_and_loaded_beside_the_live_one() {
    Site::while_it_runs(|site| {
        let dir = site.world.path("out");
        std::fs::create_dir(&dir).unwrap();
        site.world
            .ctl(&["restore", &site.backup, "--source", "database", "--to", dir.to_str().unwrap()])
            .expect_code(0);
        let sql = std::fs::read_to_string(dir.join("database.sql")).unwrap();
        assert!(sql.contains("COPY public.patient"), "{sql}");
        assert!(std::fs::read_to_string(dir.join("database.globals.sql")).unwrap().contains("CREATE DATABASE"));

        let to = ["restore", &site.backup, "--to-database", "look here"];
        let loaded = site.world.ctl(&to).expect_code(0);
        let told = "loaded into the database 'look here': 2 tables, 500 rows";
        assert!(loaded.stdout.contains(told) && !loaded.stdout.contains("0 files"), "{loaded:?}");
        DatabaseImage::of(&site.cluster, "look here").assert_same_as(&site.then.database);
        assert_eq!(site.live(), site.now);
        let refused = site.world.ctl(&to).expect_code(9);
        assert!(refused.stderr.contains("there is a database of this name"), "{refused:?}");
        assert_eq!(site.databases(), [CLINIC, "look here"]);
        site.world.ctl(&["restore", &site.backup, "--source", "data", "--to-database", "x"]).expect_code(2);
    });
}

#[test]
fn an_undo_loads_the_safety_backup_when_somebody_had_been_in_what_is_kept() {
    Site::while_it_runs(|site| {
        let job = job_of(&site.restore().expect_code(0));
        let kept = site.kept();
        site.cluster.psql("postgres", &format!("ALTER DATABASE \"{kept}\" ALLOW_CONNECTIONS true"));
        site.cluster.psql(&kept, "INSERT INTO made_later VALUES (3)");
        site.cluster.psql("postgres", &format!("ALTER DATABASE \"{kept}\" ALLOW_CONNECTIONS false"));
        site.world.ctl(&["restore", "--undo", &job, "--yes"]).expect_code(0);
        let live = site.live();
        live.database.assert_same_as(&site.now.database);
        assert_ne!(live.oid, site.now.oid);
    });
}

#[test]
fn a_kept_database_that_somebody_has_dropped_cannot_be_undone_and_is_not_told_of_any_more() {
    Site::while_it_runs(|site| {
        let job = job_of(&site.restore().expect_code(0));
        let kept = site.kept();
        site.cluster.psql("postgres", &format!("DROP DATABASE \"{kept}\""));
        let refused = site.world.ctl(&["restore", "--undo", &job, "--yes"]).expect_code(9);
        assert!(refused.stderr.contains("not kept any more"), "{refused:?}");
    });
}

#[test]
fn a_database_that_is_gone_comes_back() {
    if !has_postgres() {
        return;
    }
    let site = Site::new();
    site.cluster.psql("postgres", "DROP DATABASE clinic");
    let _daemon = site.world.start();
    let refused = site.restore().expect_code(9);
    assert!(refused.stderr.contains("--accept-unsaved"), "{refused:?}");
    let answer = site.world.ctl(&["restore", &site.backup, "--yes", "--accept-unsaved"]);
    assert!([0, 3].contains(&answer.code), "{answer:?}");
    site.live().database.assert_same_as(&site.then.database);
}
