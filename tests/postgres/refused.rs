//! What a restore of a database refuses beforehand, and what fails on the way: the live database is as it was, nothing
//! else is left on the server, and the next step is named.

use super::forged::{forge, forge_both};
use super::site::{CLINIC, Site};
use crate::support::postgres::has_postgres;
use crate::support::process::Answer;

/// A restore of `backup` that ends with `code`, says all of `parts`, and changes nothing.
#[track_caller]
fn fails(site: &Site, backup: &str, code: i32, parts: &[&str]) -> Answer {
    let answer = site.world.ctl(&["restore", backup, "--source", "database", "--yes"]).expect_code(code);
    for part in parts {
        assert!(answer.stderr.contains(part), "'{part}' is not in: {}", answer.stderr);
    }
    assert_eq!(site.live(), site.now);
    assert_eq!(site.databases(), [CLINIC]);
    answer
}

#[test]
fn what_would_be_lost_or_go_on_elsewhere_is_named_with_what_removes_it() {
    if !has_postgres() {
        return;
    }
    let site = Site::new();
    let _daemon = site.world.start();
    let on = |sql: &str| site.cluster.psql(CLINIC, sql);
    // A slot would wait for the end of the transaction.
    on("SELECT pg_create_logical_replication_slot('follower', 'test_decoding');");
    on(
        "CREATE SUBSCRIPTION \"from\" CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false, enabled = false, slot_name = NONE);",
    );
    on("BEGIN; INSERT INTO made_later VALUES (3); PREPARE TRANSACTION 'it''s mine';");
    let parts =
        ["ROLLBACK PREPARED 'it''s mine';", "pg_drop_replication_slot('follower')", "DROP SUBSCRIPTION \"from\";"];
    fails(&site, &site.backup, 9, &parts);
    let plan = site.world.ctl(&["restore", &site.backup, "--dry-run"]).expect_code(9);
    assert!(plan.stderr.contains("ROLLBACK PREPARED"), "{plan:?}");
    on("ROLLBACK PREPARED 'it''s mine';");
    on("SELECT pg_drop_replication_slot('follower'); DROP SUBSCRIPTION \"from\";");
    site.restore().expect_code(0);
}

#[test]
fn a_dump_that_commands_psql_is_refused_and_commands_nothing() {
    if !has_postgres() {
        return;
    }
    let site = Site::new();
    let proof = site.world.path("proof");
    let command = format!("\n\\! touch {}\n", proof.display());
    let backup = forge(&site.world, |sql| sql.replacen("\nCREATE TABLE", &format!("{command}\nCREATE TABLE"), 1));
    let _daemon = site.world.start();
    fails(&site, &backup, 7, &["commands psql to do something", "touch"]);
    assert!(!proof.exists());
}

#[test]
fn a_dump_that_is_cut_short_or_wrong_leaves_nothing() {
    if !has_postgres() {
        return;
    }
    let site = Site::new();
    let cut = forge(&site.world, |sql| sql[..sql.find("\\.").unwrap()].to_owned());
    let daemon = site.world.start();
    fails(&site, &cut, 7, &["cut short after", "public.nothing"]);
    daemon.stop();
    let fewer = forge(&site.world, |sql| sql.replace("7\tPatient 7\n", ""));
    let daemon = site.world.start();
    fails(&site, &fewer, 1, &["\"public\".\"patient\"", "499 rows were loaded, 500 are in the backup"]);
    daemon.stop();
    let broken = forge(&site.world, |sql| sql.replacen("CREATE TABLE", "CREATE NONSENSE", 1));
    let _daemon = site.world.start();
    fails(&site, &broken, 1, &["NONSENSE"]);
}

#[test]
fn extensions_roles_and_rights_that_are_missing_are_all_named_at_once() {
    if !has_postgres() {
        return;
    }
    let mut site = Site::with(|cluster, section| {
        cluster.psql("postgres", "CREATE ROLE other; CREATE ROLE restorer LOGIN;");
        cluster.psql(
            CLINIC,
            "CREATE SCHEMA own AUTHORIZATION other; SET ROLE other; CREATE TABLE own.of_another (a int);",
        );
        format!("{section}restore_url = \"{}\"\n", cluster.url_as("restorer", CLINIC))
    });
    // Nor may the reader read any more.
    site.cluster.psql("postgres", "CREATE ROLE reader LOGIN");
    site.cluster.psql(CLINIC, "ALTER TABLE patient ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY");
    let reader = site.cluster.url_as("reader", CLINIC);
    site.world.edit_config(&format!("\nurl = \"{}\"", site.cluster.url(CLINIC)), &format!("\nurl = \"{reader}\""));
    site.now = site.live();
    let _daemon = site.world.start();
    let granted = [
        "ALTER ROLE \"restorer\" CREATEDB;",
        "GRANT \"app\" TO \"restorer\";",
        "GRANT \"other\" TO \"restorer\";",
        "GRANT pg_signal_backend TO \"restorer\";",
        "GRANT pg_read_all_data TO \"reader\";",
        "ALTER ROLE \"reader\" BYPASSRLS;",
    ];
    fails(&site, &site.backup, 9, &granted);
    let plan = site.world.ctl(&["restore", &site.backup, "--dry-run"]).expect_code(9);
    for statement in granted {
        assert!(plan.stderr.contains(statement), "'{statement}' is not in: {}", plan.stderr);
        site.cluster.psql(CLINIC, statement);
    }
    let answer = site.restore();
    assert!([0, 3].contains(&answer.code), "{answer:?}");
    let live = site.live();
    live.database.assert_same_as(&site.then.database);
}

#[test]
fn what_only_a_superuser_can_make_again_is_named_to_who_is_none() {
    if !has_postgres() {
        return;
    }
    let site = Site::with(|cluster, section| {
        cluster.psql("postgres", "CREATE ROLE other; CREATE ROLE restorer LOGIN CREATEDB;");
        cluster.psql("postgres", "GRANT app, other, pg_signal_backend, pg_read_all_data TO restorer;");
        cluster.psql(CLINIC, "CREATE TABLE of_another (a int); ALTER TABLE of_another OWNER TO other;");
        cluster.psql(CLINIC, "CREATE EXTENSION file_fdw; CREATE PUBLICATION everything FOR ALL TABLES;");
        format!("{section}restore_url = \"{}\"\n", cluster.url_as("restorer", CLINIC))
    });
    let _daemon = site.world.start();
    let parts = [
        "only a superuser can make what other owns in the schema public again",
        "extension file_fdw",
        "publication everything for all tables",
        "restore_url",
    ];
    fails(&site, &site.backup, 9, &parts);
}

#[test]
fn a_role_that_is_missing_is_made_and_one_that_exists_is_left_alone() {
    if !has_postgres() {
        return;
    }
    let site = Site::with(|cluster, section| {
        cluster.psql(
            "postgres",
            "CREATE ROLE gone NOLOGIN; COMMENT ON ROLE gone IS 'it was here'; CREATE ROLE another LOGIN CREATEDB;",
        );
        cluster.psql(CLINIC, "GRANT SELECT ON patient TO gone, another");
        section
    });
    site.cluster.psql(CLINIC, "DROP OWNED BY gone; DROP OWNED BY another;");
    site.cluster.psql("postgres", "DROP ROLE gone; ALTER ROLE another NOLOGIN;");
    let _daemon = site.world.start();
    let answer = site.restore().expect_code(3);
    assert!(
        answer.stdout.contains("the role \\\"another\\\" exists and is left as it is: NOLOGIN, then LOGIN"),
        "{answer:?}"
    );
    site.live().database.assert_same_as(&site.then.database);
    let login = "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'another'";
    assert_eq!(site.cluster.psql("postgres", login), "f\n");
    let comment = "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = 'gone'";
    assert_eq!(site.cluster.psql("postgres", comment), "it was here\n");
}

#[test]
fn roles_that_were_made_for_a_restore_that_fails_are_dropped_and_others_are_not() {
    if !has_postgres() {
        return;
    }
    let mut site = Site::with(|cluster, section| {
        cluster.psql("postgres", "CREATE ROLE gone; CREATE ROLE stays; GRANT stays TO gone;");
        cluster.psql(CLINIC, "GRANT SELECT ON patient TO gone, stays");
        section
    });
    site.cluster.psql(CLINIC, "DROP OWNED BY gone; DROP OWNED BY stays;");
    site.cluster.psql("postgres", "DROP ROLE gone;");
    site.now = site.live();
    let broken = forge(&site.world, |sql| sql.replacen("CREATE TABLE", "CREATE NONSENSE", 1));
    let fewer = forge(&site.world, |sql| sql.replace("7\tPatient 7\n", ""));
    let _daemon = site.world.start();
    for (backup, why) in [(broken, "NONSENSE"), (fewer, "499 rows were loaded")] {
        fails(&site, &backup, 1, &[why]);
        let roles = "SELECT rolname FROM pg_roles WHERE rolname IN ('gone', 'stays')";
        assert_eq!(site.cluster.psql("postgres", roles), "stays\n");
    }
}

#[test]
fn what_the_server_lacks_is_named_beforehand() {
    if !has_postgres() {
        return;
    }
    let site = Site::new();
    let lacking = |globals: String| {
        let extension = r#""extensions":[{"name":"not_there","version":"1.0","schema":"public","trusted":true}]"#;
        let changed =
            globals.replace("\"extensions\":[]", extension).replace("\"tablespaces\":[]", "\"tablespaces\":[\"fast\"]");
        assert_ne!(changed, globals);
        changed
    };
    let backup = forge_both(&site.world, lacking, |sql| sql);
    let _daemon = site.world.start();
    let parts = ["the extension \"not_there\" is not installed on the server", "CREATE TABLESPACE \"fast\" LOCATION"];
    fails(&site, &backup, 9, &parts);
}
