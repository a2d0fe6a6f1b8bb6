//! What is said when a role, a setting or the database itself stands in the way: the thing, and the statement that helps.

use super::backup::world_with;
use super::forged::forge;
use super::site::{CLINIC, Site, make_clinic};
use super::trouble::assert_says;
use crate::support::postgres::{Cluster, has_postgres};
use crate::support::wait::wait_until;

#[test]
fn large_objects_that_the_role_may_not_read_are_counted_with_what_helps() {
    if !has_postgres() {
        return;
    }
    let cluster = Cluster::start();
    make_clinic(&cluster);
    cluster.psql("postgres", "CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader;");
    cluster.psql(CLINIC, "SET ROLE app; SELECT lo_from_bytea(0, 'one'), lo_from_bytea(0, 'two');");
    let world = world_with(&cluster.section_of_url("database", &cluster.url_as("reader", CLINIC)));
    let _daemon = world.start();
    let answer = world.ctl(&["backup"]).expect_code(9);
    let remedies = ["GRANT \"app\" TO \"reader\";", "ALTER ROLE \"reader\" SET lo_compat_privileges = on;"];
    assert_says(&answer, &["may not read 2 large objects"]);
    assert_says(&answer, &remedies);
    for (remedy, undo) in
        remedies.into_iter().zip(["REVOKE app FROM reader", "ALTER ROLE reader RESET lo_compat_privileges"])
    {
        cluster.psql("postgres", remedy);
        world.ctl(&["backup"]).expect_code(0);
        let shown = world.ctl(&["show", "latest", "--json"]).expect_code(0).json();
        assert_eq!(shown["sources"][0]["counts"]["large objects"], 2);
        cluster.psql("postgres", undo);
    }
    // Of a superuser nobody should be made a member.
    cluster.psql(CLINIC, "SELECT lo_from_bytea(0, 'three')");
    let answer = world.ctl(&["backup"]).expect_code(9);
    assert_says(&answer, &["may not read 3 large objects"]);
    assert!(!answer.stderr.contains(&format!("GRANT \"{}\"", cluster.user())), "{answer:?}");
    cluster.psql(CLINIC, "DO 'DECLARE o oid; BEGIN FOR o IN SELECT oid FROM pg_largeobject_metadata LOOP EXECUTE format(''GRANT SELECT ON LARGE OBJECT %s TO reader'', o); END LOOP; END'");
    world.ctl(&["backup"]).expect_code(0);
}

#[test]
fn a_database_that_lets_nobody_in_is_named_with_what_lets_them_in() {
    if !has_postgres() {
        return;
    }
    let cluster = Cluster::start();
    make_clinic(&cluster);
    let world = world_with(&cluster.section("database", CLINIC));
    let _daemon = world.start();
    cluster.psql("postgres", "ALTER DATABASE clinic ALLOW_CONNECTIONS false");
    let answer = world.ctl(&["backup"]).expect_code(1);
    let statement = "ALTER DATABASE \"clinic\" ALLOW_CONNECTIONS true;";
    assert_says(&answer, &["lets nobody connect", statement]);
    assert!(!answer.stderr.contains("is it running"), "{answer:?}");
    cluster.psql("postgres", statement);
    world.ctl(&["backup"]).expect_code(0);
}

#[test]
fn nobody_is_told_to_make_a_role_a_superuser_and_each_fault_has_a_line() {
    if !has_postgres() {
        return;
    }
    let cluster = Cluster::start();
    cluster.psql("postgres", "CREATE DATABASE clinic; CREATE ROLE restorer LOGIN; CREATE ROLE app;");
    cluster.psql(CLINIC, "CREATE TABLE patient (a int); CREATE SCHEMA own; CREATE TABLE own.t (a int); ALTER TABLE own.t OWNER TO app; GRANT USAGE ON SCHEMA own TO app");
    let site = Site::of(cluster, CLINIC, |cluster, section| {
        format!("{section}restore_url = \"{}\"\n", cluster.url_as("restorer", CLINIC))
    });
    let _daemon = site.world.start();
    let answer = site.world.ctl(&["restore", &site.backup, "--yes"]).expect_code(9);
    let superuser = site.cluster.user();
    assert_says(&answer, &["is a superuser", "restore_url", "ALTER DATABASE \"clinic\" OWNER TO …;"]);
    assert!(!answer.stderr.contains(&format!("GRANT \"{superuser}\"")), "{}", answer.stderr);
    assert!(!answer.stderr.contains(";;"), "{}", answer.stderr);
    let lines = |statement: &str| answer.stderr.lines().filter(|line| line.contains(statement)).count();
    for statement in [
        "ALTER ROLE \"restorer\" CREATEDB;",
        "GRANT pg_signal_backend TO \"restorer\";",
        "GRANT \"app\" TO \"restorer\";",
    ] {
        assert_eq!(lines(statement), 1, "{}", answer.stderr);
    }
    let both = |line: &str| line.contains("CREATEDB") && line.contains("pg_signal_backend");
    assert!(!answer.stderr.lines().any(both), "{}", answer.stderr);
}

#[test]
fn a_setting_that_makes_the_role_another_is_named() {
    if !has_postgres() {
        return;
    }
    let cluster = Cluster::start();
    make_clinic(&cluster);
    cluster.psql(
        "postgres",
        "CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader; CREATE ROLE other; GRANT other TO reader;",
    );
    let world = world_with(&cluster.section_of_url("database", &cluster.url_as("reader", CLINIC)));
    let _daemon = world.start();
    for (set, reset) in [
        ("ALTER DATABASE clinic SET role = other", "ALTER DATABASE clinic RESET role;"),
        ("ALTER ROLE reader SET role = other", "ALTER ROLE reader RESET role;"),
        ("ALTER ROLE reader IN DATABASE clinic SET role = other", "ALTER ROLE reader IN DATABASE clinic RESET role;"),
    ] {
        cluster.psql("postgres", set);
        let answer = world.ctl(&["backup"]).expect_code(9);
        assert_says(&answer, &["a setting makes \"reader\" into \"other\"", reset]);
        cluster.psql("postgres", reset);
        world.ctl(&["backup"]).expect_code(0);
    }
}

#[test]
fn a_restore_that_fails_names_the_next_step_of_a_restore() {
    if !has_postgres() {
        return;
    }
    let site = Site::new();
    let broken = forge(&site.world, |sql| sql.replacen("CREATE TABLE", "CREATE NONSENSE", 1));
    let _daemon = site.world.start();
    for command in [&["restore", &broken, "--yes"][..], &["restore", &broken, "--to-database", "look"]] {
        let answer = site.world.ctl(command).expect_code(1);
        assert_says(&answer, &["NONSENSE", "restore --to DIR", "by hand", "back it up again"]);
        assert!(!answer.stderr.contains("backs up the others"), "{answer:?}");
    }
    assert_eq!(site.live(), site.now);
}

#[test]
fn a_source_that_the_backup_lacks_is_pointed_to_where_it_is() {
    let world = world_with("\n[[source]]\nname = \"quote\"\ntype = \"json\"\npath = \"PLACE\"\n");
    let place = world.path("clinic/quote.json");
    std::fs::write(&place, "{}").unwrap();
    world.edit_config("PLACE", place.to_str().unwrap());
    let _daemon = world.start();
    world.ctl(&["backup", "--source", "quote"]).expect_code(0);
    let has_it =
        world.ctl(&["show", "latest", "--json"]).expect_code(0).json()["filename"].as_str().unwrap().to_owned();
    world.ctl(&["backup", "--source", "data"]).expect_code(0);
    let command = format!("carelogctl restore {has_it} --source quote");
    let answer = world.ctl(&["restore", "latest", "--source", "quote", "--yes"]).expect_code(4);
    assert_says(&answer, &[&command]);
}

#[test]
fn a_dump_that_waits_says_for_whom() {
    if !has_postgres() {
        return;
    }
    let site = Site::new();
    let _daemon = site.world.start();
    let mut lock = site.cluster.session(CLINIC);
    let pid = lock.run("BEGIN; LOCK TABLE patient; SELECT pg_backend_pid();").trim().to_owned();
    let job = site.world.ctl(&["backup", "--detach"]).expect_code(0).stdout.trim().to_owned();
    let holder = format!("held by pid {pid} (user {})", site.cluster.user());
    wait_until("the job to say for whom it waits", || {
        site.world.ctl(&["job", "show", &job]).expect_code(0).stdout.contains(&holder)
    });
    lock.run("COMMIT;");
    site.world.ctl(&["job", "watch", &job]).expect_code(0);
}

#[test]
fn a_dry_run_says_replaced_of_tables_that_nobody_has_compared() {
    if !has_postgres() {
        return;
    }
    let site = Site::new();
    let _daemon = site.world.start();
    let plan = site.world.ctl(&["restore", &site.backup, "--source", "database", "--dry-run"]).expect_code(0);
    assert!(plan.stdout.contains("2 tables replaced"), "{}", plan.stdout);
}

#[test]
fn a_database_to_which_nobody_can_connect_is_no_source() {
    let world = world_with("\n[[source]]\nname = \"a\"\ntype = \"postgres\"\nurl = \"postgresql:///template0\"\n");
    let answer = world.carelogd(&["check-config", "--config", world.config_file().to_str().unwrap()]).expect_code(78);
    assert_says(&answer, &["template0"]);
}

#[test]
fn an_index_that_is_invalid_hinders_neither_backup_nor_restore() {
    if !has_postgres() {
        return;
    }
    let site = Site::with(|cluster, section| {
        cluster.psql(CLINIC, "CREATE TABLE twice AS SELECT 1 AS a FROM generate_series(1, 2)");
        let failed = cluster.psql_answer(CLINIC, "CREATE INDEX CONCURRENTLY broken ON twice ((1 / (a - 1)))");
        assert_ne!(failed.code, 0);
        // What made it fail is gone; what is left of it is not valid.
        cluster.psql(CLINIC, "UPDATE twice SET a = 2");
        section
    });
    let invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    assert_eq!(site.cluster.psql(CLINIC, invalid), "1\n");
    let _daemon = site.world.start();
    site.restore().expect_code(0);
    assert_eq!(site.cluster.psql(CLINIC, invalid), "0\n");
    assert_eq!(site.cluster.psql(CLINIC, "SELECT count(*) FROM twice"), "2\n");
}
