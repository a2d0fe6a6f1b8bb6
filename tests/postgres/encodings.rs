//! Databases whose encoding is not UTF-8, and one whose server knows of no encoding at all: every byte of a row and of a name
//! comes back.

use super::site::Site;
use crate::support::postgres::{Cluster, has_postgres};

/// A database of `encoding` that `script` made is backed up, changed and restored: `image` says the same of it then. A dry run
/// that is asked before it is changed sees no difference.
#[track_caller]
fn survives(encoding: &str, script: &[u8], image: &str) {
    let cluster = Cluster::start();
    let create = format!("CREATE DATABASE clinic ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0");
    cluster.psql("postgres", &create);
    cluster.psql_bytes("clinic", script);
    let then = cluster.psql("clinic", image);
    assert!(then.lines().count() > 2, "{then}");
    let world = super::backup::world_with(&cluster.section("database", "clinic"));
    let _daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    let plan = world.ctl(&["restore", "latest", "--source", "database", "--dry-run", "--json"]).expect_code(0).json();
    let source = &plan["sources"][0];
    let counted = |key: &str| source[key]["files"].as_u64().unwrap();
    assert_eq!((counted("added"), counted("removed")), (0, 0), "nothing has changed: {source}");
    cluster.psql("clinic", "DROP TABLE plain; CREATE TABLE later ()");
    let answer = world.ctl(&["restore", "latest", "--source", "database", "--yes"]);
    assert_eq!(answer.code, 0, "{answer:?}");
    assert_eq!(cluster.psql("clinic", image), then);
}

/// Names and rows as digits, which every encoding can tell.
const IMAGE: &str = "SELECT encode(convert_to(relname, getdatabaseencoding()), 'hex') FROM pg_class
     WHERE relnamespace = 'public'::regnamespace ORDER BY 1;
     SELECT encode(convert_to(name, getdatabaseencoding()), 'hex') FROM plain ORDER BY 1;";

#[test]
fn a_table_whose_name_is_latin_1_is_backed_up_and_restored() {
    if !has_postgres() {
        return;
    }
    let script = "SET client_encoding = 'UTF8'; CREATE TABLE \"täb\" (a int); INSERT INTO \"täb\" VALUES (1), (2);
         CREATE TABLE plain (name text); INSERT INTO plain VALUES ('Müller'), ('Ångström');";
    survives("LATIN1", script.as_bytes(), IMAGE);
}

#[test]
fn a_character_that_no_other_encoding_has_survives_too() {
    if !has_postgres() {
        return;
    }
    // 0x81 is no character of WIN1252, and PostgreSQL keeps it all the same.
    let script = b"SET client_encoding = 'WIN1252'; CREATE TABLE \"t\xe4b\" (a int); INSERT INTO \"t\xe4b\" VALUES (1);
         CREATE TABLE plain (name text); INSERT INTO plain VALUES ('a\x81b'), ('M\xfcller');";
    survives("WIN1252", script, IMAGE);
}

#[test]
fn names_and_rows_that_are_no_text_at_all_survive_where_the_server_knows_no_encoding() {
    if !has_postgres() {
        return;
    }
    let script = b"SET client_encoding = 'SQL_ASCII'; CREATE TABLE \"t\xe4b\" (a int); CREATE TABLE \"t\xffb\\\\\" (a int);
         INSERT INTO \"t\xe4b\" VALUES (1), (2); INSERT INTO \"t\xffb\\\\\" VALUES (3);
         CREATE SCHEMA \"s\xfe\"; CREATE TABLE \"s\xfe\".\"\xc3\xa4\" (a int); INSERT INTO \"s\xfe\".\"\xc3\xa4\" VALUES (1);
         CREATE TABLE plain (name text); INSERT INTO plain VALUES ('a\xff\xfeb'), ('\xc3\xa4'), ('M\xfcller');";
    survives("SQL_ASCII", script, IMAGE);
}

#[test]
fn rows_of_a_table_with_an_odd_name_are_compared() {
    if !has_postgres() {
        return;
    }
    let cluster = Cluster::start();
    cluster.psql("postgres", "CREATE DATABASE clinic ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
    cluster.psql_bytes(
        "clinic",
        b"SET client_encoding = 'SQL_ASCII'; CREATE TABLE \"t\xe4b\" (a int); INSERT INTO \"t\xe4b\" VALUES (1), (2);",
    );
    let world = super::backup::world_with(&cluster.section("database", "clinic"));
    let daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    let shown = world.ctl(&["show", "latest", "--json"]).expect_code(0).json();
    assert_eq!(shown["sources"][0]["counts"]["bytes public.\"t\\xe4b\""], 2, "{shown}");
    daemon.stop();
    let forged = super::forged::forge_bytes(&world, |mut sql| {
        let row = memchr::memmem::find(&sql, b"\n1\n2\n").expect("the rows");
        sql.drain(row + 1..row + 3);
        sql
    });
    let _daemon = world.start();
    let answer = world.ctl(&["restore", &forged, "--source", "database", "--yes"]).expect_code(1);
    assert!(answer.stderr.contains("1 rows were loaded, 2 are in the backup"), "{answer:?}");
}

#[test]
fn what_the_site_has_set_for_its_clients_is_not_asked_of_a_backup() {
    if !has_postgres() {
        return;
    }
    let site = Site::new();
    let on = |database: &str, sql: &str| site.cluster.psql(database, sql);
    on("postgres", "CREATE ROLE \"ünïcode€\";");
    on("clinic", "CREATE TABLE \"tä€b\" (a text); INSERT INTO \"tä€b\" VALUES ('€');");
    for setting in [
        "client_encoding = latin1",
        "statement_timeout = 1",
        "lock_timeout = 1",
        "enable_hashjoin = off",
        "default_transaction_read_only = on",
    ] {
        on("postgres", &format!("ALTER DATABASE clinic SET {setting}"));
    }
    let _daemon = site.world.start();
    site.world.ctl(&["backup"]).expect_code(0);
    assert!(super::backup::member_of_newest(&site.world, "database.globals.sql").contains("ünïcode€"));
    site.world.ctl(&["restore", "latest", "--yes"]).expect_code(0);
    on("postgres", "ALTER DATABASE clinic RESET ALL");
    assert_eq!(on("clinic", "TABLE \"tä€b\""), "€\n");
}

#[test]
fn a_role_whose_name_is_in_another_encoding_is_said_to_be_that() {
    if !has_postgres() {
        return;
    }
    let cluster = Cluster::start();
    cluster.psql(
        "postgres",
        "CREATE DATABASE old ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0; CREATE DATABASE clinic;",
    );
    cluster.psql("old", "SET client_encoding = 'UTF8'; CREATE ROLE \"Müller\"");
    let section = cluster.section("database", "clinic");
    let world = super::backup::world_with(&section);
    let _daemon = world.start();
    let answer = world.ctl(&["backup"]).expect_code(1);
    assert!(answer.stderr.contains("include_roles = false"), "{answer:?}");
    world.edit_config("url = ", "include_roles = false\nurl = ");
    world.ctl(&["reload"]).expect_code(0);
    world.ctl(&["backup"]).expect_code(0);
}
