//! What goes wrong between us and a database server: a clear error, nothing in the store, and no secret anywhere.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::unistd::chown;

use super::backup::world_with;
use crate::support::World;
use crate::support::mount::may_mount;
use crate::support::postgres::{Cluster, has_postgres};
use crate::support::process::Answer;
use crate::support::wait::wait_until;

/// A cluster with a database `clinic` that holds something.
fn clinic() -> Cluster {
    let cluster = Cluster::start();
    cluster.psql("postgres", "CREATE DATABASE clinic");
    cluster.psql(
        "clinic",
        "CREATE TABLE patient AS SELECT n AS id, repeat('x', 500) AS name FROM generate_series(1, 20000) n",
    );
    cluster
}

/// A backup that fails with `code` and leaves nothing behind.
#[track_caller]
fn failing_backup(world: &World, code: i32) -> Answer {
    let before = world.store_files();
    let answer = world.ctl(&["backup"]).expect_code(code);
    assert_eq!(world.store_files(), before);
    answer
}

#[track_caller]
pub(super) fn assert_says(answer: &Answer, parts: &[&str]) {
    for part in parts {
        assert!(answer.stderr.contains(part), "'{part}' is not in: {}", answer.stderr);
    }
}

#[test]
fn a_server_that_is_down_fails_the_backup_by_name_and_others_go_on() {
    if !has_postgres() {
        return;
    }
    let mut cluster = clinic();
    let world = world_with(&cluster.section("database", "clinic"));
    let _daemon = world.start();
    cluster.stop();
    let answer = failing_backup(&world, 1);
    assert_says(&answer, &["source 'database'", "cannot be reached", &cluster.url("clinic"), "--source NAME"]);
    world.ctl(&["backup", "--source", "data"]).expect_code(0);
    let plan = world.ctl(&["backup", "--dry-run"]);
    assert!(format!("{plan:?}").contains("cannot be reached"), "{plan:?}");
    cluster.start_again();
    world.ctl(&["backup"]).expect_code(0);
}

#[test]
fn a_database_or_a_user_that_does_not_exist_is_named() {
    if !has_postgres() {
        return;
    }
    let cluster = clinic();
    let section = cluster.section("database", "clinic");
    let world = world_with(&section.replace("/clinic?", "/clinics?"));
    let _daemon = world.start();
    assert_says(&failing_backup(&world, 1), &["there is no database 'clinics'", &cluster.url("clinics")]);
    world.edit_config("run_as = \"", "run_as = \"no-such-");
    world.ctl(&["reload"]).expect_code(0);
    assert_says(&failing_backup(&world, 1), &["cannot run as 'no-such-", "no such user", "correct run_as"]);
}

#[test]
fn a_password_comes_from_its_file_and_is_nowhere_else() {
    const PASSWORD: &str = "correct-horse-battery-staple";
    if !has_postgres() {
        return;
    }
    let cluster = clinic();
    let user = cluster.user();
    cluster
        .psql("clinic", &format!("CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'; GRANT pg_read_all_data TO reader"));
    cluster.let_in(&[&format!("local all {user} peer"), "local all all scram-sha-256"]);
    let passfile = cluster.socket_dir().join("pgpass");
    let write = |password: &str| {
        fs::write(&passfile, format!("*:*:*:reader:{password}\n")).unwrap();
        fs::set_permissions(&passfile, Permissions::from_mode(0o600)).unwrap();
        let owner = nix::unistd::User::from_name(user).unwrap().unwrap();
        chown(&passfile, Some(owner.uid), Some(owner.gid)).unwrap();
    };
    write("wrong");
    let url = format!("{}&passfile={}", cluster.url_as("reader", "clinic"), passfile.display());
    let world = world_with(&cluster.section_of_url("database", &url));
    let mut daemon = world.start();
    let answer = failing_backup(&world, 1);
    assert_says(&answer, &["refuses the connection", "password authentication failed for user \"reader\""]);

    write(PASSWORD);
    let mut lock = cluster.session("clinic");
    lock.run("BEGIN; LOCK TABLE patient;");
    let job = world.ctl(&["backup", "--detach"]).expect_code(0).stdout.trim().to_owned();
    wait_until("the dump to wait for the lock", || waits_for_a_lock(&cluster));
    for (process, shown) in running_programs() {
        assert!(!shown.contains(PASSWORD), "{process} shows the password");
    }
    lock.run("COMMIT;");
    world.ctl(&["job", "watch", &job]).expect_code(0);
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    daemon.wait();

    assert_nowhere(&world, PASSWORD);
}

/// No file of the world holds `secret`: no log, catalog, archive.
#[track_caller]
pub(super) fn assert_nowhere(world: &World, secret: &str) {
    let mut looked_at = 0;
    for file in files_below(&world.path("")) {
        let bytes = fs::read(&file).unwrap();
        let plain = if file.to_string_lossy().ends_with(".zst") { decompressed(&file) } else { bytes };
        let found = plain.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{} holds the password", file.display());
        looked_at += 1;
    }
    assert!(looked_at > 10);
}

fn decompressed(file: &Path) -> Vec<u8> {
    let output = std::process::Command::new("zstd").arg("-dcq").arg(file).output().unwrap();
    assert!(output.status.success() && !output.stdout.is_empty());
    output.stdout
}

fn files_below(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => pending.push(entry.path()),
                kind if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files
}

/// Arguments of every running program that can be looked at, and the environment of PostgreSQL's.
fn running_programs() -> Vec<(String, String)> {
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let numbered = processes.filter(|path| path.file_name().unwrap().to_string_lossy().parse::<u32>().is_ok());
    let shown: Vec<_> = numbered
        .filter_map(|process| {
            let arguments = fs::read(process.join("cmdline")).ok()?;
            let arguments = String::from_utf8_lossy(&arguments).into_owned();
            let mut shown = arguments.clone();
            if arguments.contains("pg_dump") {
                shown += &String::from_utf8_lossy(&fs::read(process.join("environ")).unwrap_or_default());
            }
            Some((process.display().to_string(), shown))
        })
        .collect();
    assert!(shown.iter().any(|(_, shown)| shown.contains("pg_dump")), "no pg_dump runs");
    shown
}

/// Whether a session of ours waits for somebody's lock.
fn waits_for_a_lock(cluster: &Cluster) -> bool {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'carelog' AND wait_event_type = 'Lock'";
    cluster.psql("postgres", sql).trim() != "0"
}

fn sessions(cluster: &Cluster) -> u64 {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'carelog'";
    cluster.psql("postgres", sql).trim().parse().unwrap()
}

#[test]
fn a_dump_that_waits_for_a_lock_can_be_cancelled_and_leaves_no_session_behind() {
    if !has_postgres() {
        return;
    }
    let cluster = clinic();
    let world = world_with(&cluster.section("database", "clinic"));
    let _daemon = world.start();
    let store = world.store_files();
    let mut lock = cluster.session("clinic");
    lock.run("BEGIN; LOCK TABLE patient;");
    let job = world.ctl(&["backup", "--detach"]).expect_code(0).stdout.trim().to_owned();
    wait_until("the dump to wait for the lock", || waits_for_a_lock(&cluster));
    world.ctl(&["job", "cancel", &job]).expect_code(0);
    world.ctl(&["job", "watch", &job]).expect_code(130);
    wait_until("the session to end", || sessions(&cluster) == 0);
    assert_eq!(world.store_files(), store);
    assert_eq!(lock.run("SELECT count(*) FROM patient;").trim(), "20000");
}

#[test]
fn a_connection_that_is_lost_during_the_dump_fails_the_backup() {
    if !has_postgres() {
        return;
    }
    let mut cluster = clinic();
    let world = world_with(&cluster.section("database", "clinic"));
    let _daemon = world.start();
    let store = world.store_files();
    let mut lock = cluster.session("clinic");
    lock.run("BEGIN; LOCK TABLE patient;");
    let dumping = || {
        let job = world.ctl(&["backup", "--detach"]).expect_code(0).stdout.trim().to_owned();
        wait_until("the dump to wait for the lock", || waits_for_a_lock(&cluster));
        job
    };
    let job = dumping();
    cluster
        .psql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'carelog'");
    let answer = world.ctl(&["job", "watch", &job]).expect_code(1);
    assert_says(&answer, &["terminating connection due to administrator command"]);
    let job = dumping();
    cluster.crash();
    let answer = world.ctl(&["job", "watch", &job]).expect_code(1);
    assert_says(&answer, &["cannot be reached", &cluster.url("clinic")]);
    assert_eq!(world.store_files(), store);
}

#[test]
fn what_the_role_may_not_read_is_listed_before_anything_starts() {
    if !has_postgres() {
        return;
    }
    let cluster = clinic();
    cluster.psql(
        "clinic",
        "CREATE ROLE reader LOGIN; CREATE SCHEMA closed; CREATE TABLE closed.\"Letters\" (a integer); \
         CREATE SEQUENCE closed.numbers",
    );
    let world = world_with(&cluster.section_of_url("database", &cluster.url_as("reader", "clinic")));
    let _daemon = world.start();
    let answer = failing_backup(&world, 9);
    assert_says(&answer, &["'reader' may not read everything", "closed.\"Letters\", closed.numbers, public.patient"]);
    assert_says(&answer, &["GRANT pg_read_all_data TO \"reader\";"]);
    cluster.psql("clinic", "GRANT pg_read_all_data TO reader");
    world.ctl(&["backup"]).expect_code(0);

    // Not even the owner sees every row of this one.
    cluster.psql("clinic", "ALTER TABLE patient ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY");
    let answer = failing_backup(&world, 9);
    assert_says(&answer, &["may not read every row", "public.patient", "BYPASSRLS"]);
    cluster.psql("clinic", "ALTER TABLE patient OWNER TO reader");
    assert_says(&failing_backup(&world, 9), &["may not read every row", "public.patient"]);
    cluster.psql("clinic", "ALTER TABLE patient NO FORCE ROW LEVEL SECURITY");
    world.ctl(&["backup"]).expect_code(0);
    cluster.psql("clinic", "ALTER TABLE patient FORCE ROW LEVEL SECURITY; ALTER ROLE reader BYPASSRLS");
    world.ctl(&["backup"]).expect_code(0);

    // pg_read_all_data lets it read the hashes too.
    cluster.psql(
        "clinic",
        "REVOKE pg_read_all_data FROM reader; GRANT USAGE ON SCHEMA closed TO reader; \
         GRANT SELECT ON ALL TABLES IN SCHEMA public, closed TO reader; \
         GRANT SELECT ON ALL SEQUENCES IN SCHEMA closed TO reader",
    );
    world.ctl(&["backup"]).expect_code(0);
    world.edit_config("url = ", "include_role_passwords = true\nurl = ");
    world.ctl(&["reload"]).expect_code(0);
    assert_says(&failing_backup(&world, 9), &["may not read password hashes", "include_role_passwords = false"]);

    // All that is missing, at once; and then nothing is.
    cluster.psql("clinic", "REVOKE SELECT ON closed.\"Letters\" FROM reader; ALTER ROLE reader NOBYPASSRLS");
    let answer = failing_backup(&world, 9);
    let granted = [
        "GRANT pg_read_all_data TO \"reader\";",
        "ALTER ROLE \"reader\" BYPASSRLS;",
        "GRANT SELECT ON pg_catalog.pg_authid TO \"reader\";",
    ];
    assert_says(&answer, &granted);
    for statement in &granted[1..] {
        cluster.psql("clinic", statement);
    }
    cluster.psql("clinic", "GRANT SELECT ON closed.\"Letters\" TO reader");
    world.ctl(&["backup"]).expect_code(0);
}

#[test]
fn tools_that_are_older_than_the_server_are_refused_before_anything_starts() {
    if !has_postgres() || !may_mount() {
        return;
    }
    let cluster = clinic();
    let world = world_with(&cluster.section("database", "clinic"));
    // The only tools that can be seen are a psql that works and a pg_dump of another age.
    let real = cluster.bin().to_owned();
    let disguise = world.path("tools");
    let installed = disguise.join("9.6/bin");
    fs::create_dir_all(&installed).unwrap();
    fs::copy(real.join("psql"), installed.join("psql")).unwrap();
    fs::write(installed.join("pg_dump"), "#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n").unwrap();
    fs::set_permissions(installed.join("pg_dump"), Permissions::from_mode(0o755)).unwrap();
    for dir in [world.path(""), disguise.clone()] {
        fs::set_permissions(dir, Permissions::from_mode(0o755)).unwrap();
    }
    let nothing: Option<&str> = None;
    mount(Some(&disguise), "/usr/lib/postgresql", nothing, MsFlags::MS_BIND, nothing).unwrap();
    let _daemon = world.start();
    let answer = failing_backup(&world, 9);
    assert_says(&answer, &["the newest pg_dump here is of 9.6", "install the package postgresql-client-"]);
}

#[test]
fn warnings_of_the_dump_are_warnings_of_the_backup() {
    if !has_postgres() || !may_mount() {
        return;
    }
    let cluster = clinic();
    let world = world_with(&cluster.section("database", "clinic"));
    disguised_pg_dump(&cluster, &world, "\"$real\" \"$@\"; code=$?; echo 'pg_dump: warning: odd' >&2; exit $code");
    let _daemon = world.start();
    let answer = world.ctl(&["backup", "--source", "database"]).expect_code(3);
    assert!(format!("{answer:?}").contains("pg_dump: warning: odd"), "{answer:?}");
    let shown = world.ctl(&["show", "latest", "--json"]).expect_code(0).json();
    assert_eq!(shown["sources"][0]["warnings"], serde_json::json!(["pg_dump: warning: odd"]));
}

#[test]
fn a_dump_that_is_cut_short_is_no_backup_although_the_program_said_it_is() {
    if !has_postgres() || !may_mount() {
        return;
    }
    let cluster = clinic();
    let world = world_with(&cluster.section("database", "clinic"));
    disguised_pg_dump(&cluster, &world, "\"$real\" \"$@\" | head -c 3000000; exit 0");
    let _daemon = world.start();
    let answer = failing_backup(&world, 1);
    assert_says(&answer, &["the dump of the database 'clinic' is not whole", "of table public.patient"]);
}

/// Puts the script `dump` in the place of pg_dump, for whoever sees our mounts; `$real` is what it replaces.
fn disguised_pg_dump(cluster: &Cluster, world: &World, dump: &str) {
    let disguise = world.path("tools");
    let version = cluster.bin().parent().unwrap().file_name().unwrap();
    let installed = disguise.join(version).join("bin");
    fs::create_dir_all(&installed).unwrap();
    for tool in ["psql", "pg_dumpall", "pg_dump"] {
        fs::copy(cluster.bin().join(tool), installed.join(tool)).unwrap();
    }
    fs::rename(installed.join("pg_dump"), installed.join("real")).unwrap();
    let place = "/usr/lib/postgresql";
    let real = Path::new(place).join(version).join("bin/real");
    let script =
        format!("#!/bin/sh\nreal={}\ncase $1 in --version) exec \"$real\" \"$@\";; esac\n{dump}\n", real.display());
    fs::write(installed.join("pg_dump"), script).unwrap();
    fs::set_permissions(installed.join("pg_dump"), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(world.path(""), Permissions::from_mode(0o755)).unwrap();
    let nothing: Option<&str> = None;
    mount(Some(&disguise), place, nothing, MsFlags::MS_BIND, nothing).unwrap();
}

#[test]
fn the_database_of_a_source_is_not_named_twice() {
    let section = "\n[[source]]\nname = \"a\"\ntype = \"postgres\"\nurl = \"postgresql:///clinic\"\n";
    let world = world_with(&(section.to_owned() + &section.replace("\"a\"", "\"b\"")));
    let answer = world.carelogd(&["check-config", "--config", world.config_file().to_str().unwrap()]).expect_code(78);
    assert!(answer.stderr.contains("is the source 'a' already"), "{answer:?}");
}
