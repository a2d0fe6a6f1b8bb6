//! A server on the network, which wants a password: by every way in which libpq can be told it, and nowhere else.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nix::unistd::{User, chown};

use super::site::{CLINIC, Site};
use super::trouble::{assert_nowhere, assert_says};
use crate::support::postgres::{Cluster, has_postgres};

const PASSWORD: &str = "correct-horse-battery-staple";

/// A server that lets the role `manager` in by TCP and its password alone.
fn guarded() -> Cluster {
    let cluster = Cluster::start_on_tcp();
    super::site::make_clinic(&cluster);
    cluster.psql("postgres", &format!("CREATE ROLE manager SUPERUSER LOGIN PASSWORD '{PASSWORD}'"));
    cluster.let_in(&[
        &format!("local all {} peer", cluster.user()),
        "local all all reject",
        "host all all 127.0.0.1/32 scram-sha-256",
    ]);
    cluster
}

/// A file for the eyes of `run_as` only.
fn secret(cluster: &Cluster, name: &str, text: &str) -> PathBuf {
    let path = cluster.socket_dir().join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let owner = User::from_name(cluster.user()).unwrap().unwrap();
    chown(&path, Some(owner.uid), Some(owner.gid)).unwrap();
    path
}

/// Looks at the arguments of every program that runs until it is dropped.
struct Watch {
    stop: Arc<AtomicBool>,
    seen: Arc<AtomicU64>,
    thread: Option<std::thread::JoinHandle<Vec<String>>>,
}

impl Watch {
    fn begin() -> Self {
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (until, programs) = (Arc::clone(&stop), Arc::clone(&seen));
        let thread = std::thread::spawn(move || {
            let mut showing = Vec::new();
            while !until.load(Ordering::Relaxed) {
                for process in fs::read_dir("/proc").unwrap().flatten() {
                    let Ok(arguments) = fs::read(process.path().join("cmdline")) else { continue };
                    let arguments = String::from_utf8_lossy(&arguments).into_owned();
                    let is_ours = arguments.contains("127.0.0.1") || arguments.contains("service=");
                    programs.fetch_add(u64::from(is_ours && arguments.contains("psql")), Ordering::Relaxed);
                    if arguments.contains(PASSWORD) {
                        showing.push(arguments);
                    }
                }
            }
            showing
        });
        Self { stop, seen, thread: Some(thread) }
    }

    /// Nobody showed the password, and somebody was seen who could have.
    #[track_caller]
    fn end(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let showing = self.thread.take().unwrap().join().unwrap();
        assert_eq!(showing, Vec::<String>::new());
        assert!(self.seen.load(Ordering::Relaxed) > 0, "no psql was seen");
    }
}

/// Backs up and restores by `url`, and holds that the password is nowhere.
fn works(cluster: Cluster, url: &str, environment: &[(&str, &str)]) {
    let mut site = Site::of_with(cluster, CLINIC, environment, |cluster, _| cluster.section_of_url("database", url));
    let watch = Watch::begin();
    let daemon = site.world.start_with(environment);
    site.restore().expect_code(0);
    let live = site.live();
    live.database.assert_same_as(&site.then.database);
    daemon.stop();
    watch.end();
    assert_nowhere(&site.world, PASSWORD);
    site.now = live;
}

#[test]
fn a_password_file_that_the_url_names_lets_in_by_tcp() {
    if !has_postgres() {
        return;
    }
    let cluster = guarded();
    let file = secret(&cluster, "pgpass", &format!("127.0.0.1:{}:*:manager:{PASSWORD}\n", cluster.port()));
    let url = format!("{}?passfile={}", cluster.tcp_url("manager", CLINIC), file.display());
    works(cluster, &url, &[]);
}

#[test]
fn a_password_file_of_the_environment_lets_in_by_tcp() {
    if !has_postgres() {
        return;
    }
    let cluster = guarded();
    let file = secret(&cluster, "pgpass", &format!("*:*:*:manager:{PASSWORD}\n"));
    let url = cluster.tcp_url("manager", CLINIC);
    works(cluster, &url, &[("PGPASSFILE", file.to_str().unwrap())]);
}

#[test]
fn a_service_file_says_where_the_server_is_and_its_password() {
    if !has_postgres() {
        return;
    }
    let cluster = guarded();
    let port = cluster.port();
    let text = format!("[clinic]\nhost=127.0.0.1\nport={port}\nuser=manager\npassword={PASSWORD}\n");
    let file = secret(&cluster, "services.conf", &text);
    works(cluster, "postgresql:///clinic?service=clinic", &[("PGSERVICEFILE", file.to_str().unwrap())]);
}

#[test]
fn a_wrong_password_is_said_to_be_wrong_and_touches_nothing() {
    if !has_postgres() {
        return;
    }
    let cluster = guarded();
    let line = |password: &str| format!("*:*:*:manager:{password}\n");
    let file = secret(&cluster, "pgpass", &line(PASSWORD));
    let url = format!("{}?passfile={}", cluster.tcp_url("manager", CLINIC), file.display());
    let site = Site::of(cluster, CLINIC, |cluster, _| cluster.section_of_url("database", &url));
    secret(&site.cluster, "pgpass", &line("tr0ub4dor"));
    let daemon = site.world.start();
    let parts = ["refuses the connection", "password authentication failed for user \"manager\"", "the password file"];
    let before = site.world.store_files();
    assert_says(&site.world.ctl(&["backup"]).expect_code(1), &parts);
    assert_says(&site.restore().expect_code(1), &parts);
    assert_eq!(site.world.store_files(), before);
    assert_eq!(site.live(), site.now);
    daemon.stop();
    assert_nowhere(&site.world, PASSWORD);
    assert_nowhere(&site.world, "tr0ub4dor");
}
