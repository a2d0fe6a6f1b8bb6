//! A database is backed up, whole, and what is in the archive makes it again without us.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::World;
use crate::support::database_image::{DatabaseImage, make_everything, prepare_for_everything};
use crate::support::postgres::{Cluster, has_postgres};
use crate::support::process::{hermetic, run};

/// A name that has to be quoted everywhere.
pub(super) const DATABASE: &str = "clinic \"Ü\" a.b'c";

/// A world with `section` as a further source.
pub(super) fn world_with(section: &str) -> World {
    let world = World::new();
    let config = world.config() + section;
    world.write_config(&config);
    world
}

/// The only backup in the store.
fn archive(world: &World) -> String {
    let files = world.store_files();
    let mut archives = files.iter().filter(|name| name.starts_with("backup_") && name.ends_with(".tar.zst"));
    let archive = archives.next().expect("a backup").clone();
    assert_eq!(archives.next(), None, "{files:?}");
    archive
}

/// `member` of the only backup, by zstd and tar.
pub(super) fn member(world: &World, member: &str) -> String {
    let script = format!("zstd -dcq '{}' | tar -xOf - '{member}'", archive(world));
    let mut shell = hermetic(Path::new("/bin/sh"), &world.backups());
    run(shell.args(["-c", &script])).expect_code(0).stdout
}

/// `member` of the newest backup, which may be an incremental.
pub(super) fn member_of_newest(world: &World, member: &str) -> String {
    let files = world.store_files();
    let newest =
        files.iter().rfind(|name| name.starts_with("backup_") && name.ends_with(".tar.zst")).expect("a backup");
    let target = tempfile::tempdir().unwrap();
    let archive = world.backups().join(newest);
    let to = target.path().join("out");
    let [archive, to] = [archive.to_str().unwrap(), to.to_str().unwrap()];
    world.carelogd(&["extract", archive, "--to", to, "--path", member]).expect_code(0);
    std::fs::read_to_string(Path::new(to).join(member)).unwrap()
}

/// The names of the members of the only backup, in order.
fn members(world: &World) -> Vec<String> {
    let script = format!("zstd -dcq '{}' | tar -tf -", archive(world));
    let mut shell = hermetic(Path::new("/bin/sh"), &world.backups());
    run(shell.args(["-c", &script])).expect_code(0).stdout.lines().map(str::to_owned).collect()
}

/// Feeds `sql` to psql as a person would who follows the comments in the globals.
fn load(cluster: &Cluster, database: &str, sql: &str, stop_at_errors: bool) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), sql).unwrap();
    let mut psql: Command = cluster.client("psql");
    psql.arg(format!("--dbname={}", cluster.url(database))).args(["--no-psqlrc", "--quiet"]);
    if stop_at_errors {
        psql.arg("--set=ON_ERROR_STOP=1");
    }
    run(psql.stdin(std::fs::File::open(file.path()).unwrap())).expect_code(0);
}

#[test]
fn a_database_with_everything_survives_a_backup_that_psql_alone_restores() {
    if !has_postgres() {
        return;
    }
    let cluster = Cluster::start();
    make_everything(&cluster, DATABASE);
    let image = DatabaseImage::of(&cluster, DATABASE);
    let world = world_with(&cluster.section("database", DATABASE));
    let _daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);

    let other = Cluster::start();
    prepare_for_everything(&other);
    load(&other, "postgres", &member(&world, "database.globals.sql"), false);
    load(&other, DATABASE, &member(&world, "database.sql"), true);
    DatabaseImage::of(&other, DATABASE).assert_same_as(&image);

    let roles = "SELECT rolname, rolsuper, rolcreatedb, rolcanlogin, rolbypassrls, rolconnlimit, rolvaliduntil, rolconfig,
                        shobj_description(oid, 'pg_authid')
                 FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1;
                 SELECT pg_get_userbyid(roleid), pg_get_userbyid(member), admin_option FROM pg_auth_members ORDER BY 1, 2;";
    assert_eq!(other.psql("postgres", roles), cluster.psql("postgres", roles));
}

#[test]
fn databases_come_first_then_json_then_trees_and_are_described() {
    if !has_postgres() {
        return;
    }
    let cluster = Cluster::start();
    make_everything(&cluster, DATABASE);
    let world = world_with(&cluster.section("database", DATABASE));
    let _daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);

    let names = members(&world);
    assert_eq!(names[..5], ["metadata.json", "database.globals.sql", "database.sql", "data.json", "studies/"]);
    let metadata: Value = serde_json::from_str(&member(&world, "metadata.json")).unwrap();
    let sources: Vec<_> = metadata["sources"].as_array().unwrap().iter().map(|s| s["name"].clone()).collect();
    assert_eq!(sources, ["database", "data", "studies"]);
    let database = &metadata["sources"][0];
    assert_eq!(database["kind"], "postgres");
    assert_eq!(database["location"], cluster.url(DATABASE));
    let version = cluster.psql("postgres", "SELECT split_part(current_setting('server_version'), ' ', 1)");
    assert_eq!(database["details"]["server_version"], version.trim());
    assert_eq!(database["details"]["tool_version"], version.trim());
    assert_eq!(database["details"]["database"], DATABASE);
    assert_eq!(metadata["sources"][1].get("details"), None);

    let shown = world.ctl(&["show", "latest", "--json"]).expect_code(0).json();
    let source = &shown["sources"][0];
    assert_eq!((&source["name"], &source["files"], &source["warnings"]), (&json!("database"), &json!(2), &json!([])));
    let counts = &source["counts"];
    assert_eq!(counts["clinic.patient"], 205);
    assert_eq!(counts["clinic.reading_2026"], rows(&cluster, "clinic.reading_2026"));
    assert_eq!(counts["clinic.\"reading_2025.1\""], rows(&cluster, "clinic.\"reading_2025.1\""));
    assert_eq!(counts["clinic.nothing_in_it"], 0);
    assert_eq!(counts["\"odd.schema \"\"quoted\"\"\".\"Täble \"\"with\"\" all; of 'it'\""], 2);
    assert_eq!(counts["large objects"], 2);
    let copied = counts.as_object().unwrap();
    assert!(copied.keys().all(|table| table.contains('.') || table == "large objects"), "{copied:?}");
}

fn rows(cluster: &Cluster, table: &str) -> u64 {
    cluster.psql(DATABASE, &format!("SELECT count(*) FROM {table}")).trim().parse().unwrap()
}

#[test]
fn the_scopes_take_the_database_with_the_json_file_and_each_alone() {
    if !has_postgres() {
        return;
    }
    let cluster = Cluster::start();
    cluster.psql("postgres", "CREATE DATABASE clinic");
    let world = world_with(&cluster.section("database", "clinic"));
    let _daemon = world.start();
    let sources = |args: &[&str]| {
        world.ctl(args).expect_code(0);
        let shown = world.ctl(&["show", "latest", "--json"]).expect_code(0).json();
        let names = shown["sources"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(sources(&["backup", "--scope", "database"]), ["database", "data"]);
    assert_eq!(sources(&["backup", "--scope", "files"]), ["studies"]);
    assert_eq!(sources(&["backup", "--source", "database"]), ["database"]);
    let plan = world.ctl(&["backup", "--dry-run", "--json"]).expect_code(0).json();
    assert_eq!(plan["sources"][0]["name"], "database");
    assert_eq!(plan["sources"][0]["location"], cluster.url("clinic"));
}

#[test]
fn roles_are_left_out_or_saved_with_their_passwords_as_configured() {
    if !has_postgres() {
        return;
    }
    let cluster = Cluster::start();
    make_everything(&cluster, DATABASE);
    let section = cluster.section("database", DATABASE);
    for (keys, has_role, has_hash) in
        [("", true, false), ("include_roles = false\n", false, false), ("include_role_passwords = true\n", true, true)]
    {
        let world = world_with(&(section.clone() + keys));
        let _daemon = world.start();
        world.ctl(&["backup", "--source", "database"]).expect_code(0);
        let globals = member(&world, "database.globals.sql");
        assert_eq!(globals.contains("CREATE ROLE doctor"), has_role, "{globals}");
        assert_eq!(globals.contains("SCRAM-SHA-256$"), has_hash, "{globals}");
        assert!(globals.contains("CREATE DATABASE "), "{globals}");
    }
}

#[test]
fn hooks_run_before_the_dump_and_after_it() {
    if !has_postgres() {
        return;
    }
    let cluster = Cluster::start();
    cluster.psql("postgres", "CREATE DATABASE clinic");
    cluster.psql("clinic", "CREATE TABLE calls (hook text, status text)");
    let psql = cluster.bin().join("psql");
    let hook = |name: &str| {
        let url = cluster.url("clinic");
        let insert = format!("INSERT INTO calls VALUES ('{name}', '$CARELOG_STATUS')");
        let script = format!("{} -qX '{url}' -c \\\"{insert}\\\"", psql.display());
        format!("{name} = {{ argv = [\"/bin/sh\", \"-c\", \"{script}\"], run_as = \"{}\" }}\n", cluster.user())
    };
    let hooks = format!("\n[hooks]\n{}{}", hook("before_backup"), hook("after_backup"));
    let world = world_with(&(cluster.section("database", "clinic") + &hooks));
    let _daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    let dump = member(&world, "database.sql");
    assert!(dump.contains("before_backup\trunning\n"), "{dump}");
    assert!(!dump.contains("after_backup"), "{dump}");
    assert_eq!(cluster.psql("clinic", "TABLE calls"), "before_backup|running\nafter_backup|succeeded\n");
}
