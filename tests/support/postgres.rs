//! Real PostgreSQL servers, each a new cluster in a folder of its own, reached by a Unix socket there and by nothing else.
//!
//! When the tests run as root, the server runs as the user `postgres`, because it refuses to be root; else as ourselves.
//! The superuser of a cluster is called as the user it runs as, and is let in by peer authentication, as Debian sets it up;
//! every other role is let in without a password.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User, chown};
use tempfile::TempDir;

use super::process::{Answer, hermetic, is_root, run};
use super::wait::wait_until;

/// Whether PostgreSQL's server is installed. A test that needs it returns when it is not, except under `tests/all`, which
/// has installed it.
#[track_caller]
pub(crate) fn has_postgres() -> bool {
    let must_be_there = std::env::var_os("CARELOG_TESTS_COMPLETE").is_some();
    let found = newest_bin().is_some();
    assert!(found || !must_be_there, "PostgreSQL cannot be found; tests/all should have installed it");
    found
}

/// The folder of the newest version's programs, as Debian installs them.
fn newest_bin() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let bins = versions.flatten().map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists());
    let version = |bin: &PathBuf| bin.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    bins.max_by_key(version)
}

/// A running server. It is ended when this is dropped, also by a test that fails.
pub(crate) struct Cluster {
    dir: TempDir,
    bin: PathBuf,
    user: User,
    port: Option<u16>,
    options: Vec<String>,
    server: Option<Child>,
}

impl Cluster {
    /// A new cluster, ready for connections.
    #[track_caller]
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// As [`Cluster::start`], with these parameters, for example `max_connections=5`.
    #[track_caller]
    pub(crate) fn start_with(parameters: &[&str]) -> Self {
        Self::make(parameters, None, |_| {})
    }

    /// As [`Cluster::start`], listening at 127.0.0.1 too ([`Cluster::tcp_url`]).
    #[track_caller]
    pub(crate) fn start_on_tcp() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::make(&["listen_addresses=127.0.0.1", &format!("port={port}")], Some(port), |_| {})
    }

    /// As [`Cluster::start`], with its data on another disk: `mount` is given the folder before anything is in it. The log
    /// of changes (WAL) stays on this one.
    #[track_caller]
    pub(crate) fn start_on(mount: impl FnOnce(&Path)) -> Self {
        Self::make(&[], None, mount)
    }

    #[track_caller]
    fn make(parameters: &[&str], port: Option<u16>, mount: impl FnOnce(&Path)) -> Self {
        let uid = if is_root() { None } else { Some(Uid::effective()) };
        let user = match uid {
            Some(uid) => User::from_uid(uid),
            None => User::from_name("postgres"),
        };
        let user = user.unwrap().expect("the user that PostgreSQL is to run as");
        let dir = tempfile::Builder::new().prefix("pg-").tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        let bin = newest_bin().expect("PostgreSQL's programs");
        let mut cluster = Self { dir, bin, user, port, options: Vec::new(), server: None };
        fs::create_dir(cluster.data()).unwrap();
        mount(&cluster.data());
        for folder in [cluster.wal(), cluster.socket_dir()] {
            fs::create_dir(folder).unwrap();
        }
        for folder in [cluster.data(), cluster.wal(), cluster.socket_dir()] {
            chown(&folder, Some(cluster.user.uid), Some(cluster.user.gid)).unwrap();
        }
        // Traversable by the daemon and by whomever the programs run as.
        fs::set_permissions(cluster.socket_dir(), Permissions::from_mode(0o755)).unwrap();
        let data = cluster.data();
        let superuser = format!("--username={}", cluster.user.name);
        let mut initdb = cluster.program("initdb");
        initdb.arg("--waldir").arg(cluster.wal());
        initdb.args(["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--auth=peer", &superuser, "--pgdata"]);
        run(initdb.arg(&data)).expect_code(0);
        cluster.let_in(&[&format!("local all {} peer", cluster.user.name), "local all all trust"]);
        let fixed = [
            "listen_addresses=",
            &format!("unix_socket_directories={}", cluster.socket_dir().display()),
            "fsync=off",
            "full_page_writes=off",
            "synchronous_commit=off",
            "wal_level=logical",
            "max_prepared_transactions=4",
            "shared_buffers=32MB",
            "autovacuum=off",
        ];
        cluster.options = fixed.iter().chain(parameters).map(|option| (*option).to_owned()).collect();
        cluster.start_again();
        cluster
    }

    /// Starts the server that was stopped.
    #[track_caller]
    pub(crate) fn start_again(&mut self) {
        assert!(self.server.is_none(), "the server runs already");
        let log = fs::File::options().create(true).append(true).open(self.dir.path().join("log")).unwrap();
        let mut server = self.program("postgres");
        server.arg("-D").arg(self.data()).process_group(0);
        for option in &self.options {
            server.args(["-c", option]);
        }
        let mut server = server.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        // Its eighth line says how far it is (src/include/utils/pidfile.h).
        let state = || fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let is_ours = |pid: u32, state: &str| state.lines().next() == Some(pid.to_string().as_str());
        wait_until("the database server", || {
            if let Some(status) = server.try_wait().unwrap() {
                panic!("the database server ended ({status}):\n{}", self.log());
            }
            let state = state();
            is_ours(server.id(), &state) && state.lines().nth(7).is_some_and(|line| line.starts_with("ready"))
        });
        self.server = Some(server);
    }

    /// Stops the server, which ends every session, and waits for its end.
    pub(crate) fn stop(&mut self) {
        self.end(Signal::SIGINT);
    }

    /// Ends the server as a crash would: it recovers when it is started again.
    pub(crate) fn crash(&mut self) {
        self.end(Signal::SIGQUIT);
    }

    fn end(&mut self, signal: Signal) {
        if let Some(mut server) = self.server.take() {
            let _gone = kill(Pid::from_raw(server.id().cast_signed()), signal);
            let _reaped = server.wait();
        }
    }

    /// Replaces the rules by which roles are let in (pg_hba.conf), the first that fits decides.
    pub(crate) fn let_in(&self, rules: &[&str]) {
        fs::write(self.data().join("pg_hba.conf"), rules.join("\n") + "\n").unwrap();
        if let Some(server) = &self.server {
            let read = || self.log().matches("reloading configuration files").count();
            let before = read();
            kill(Pid::from_raw(server.id().cast_signed()), Signal::SIGHUP).unwrap();
            wait_until("the server to read its rules", || read() > before);
        }
    }

    /// Name of the user that the server runs as, and of its superuser.
    pub(crate) fn user(&self) -> &str {
        &self.user.name
    }

    /// The folder of the socket.
    pub(crate) fn socket_dir(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn wal(&self) -> PathBuf {
        self.dir.path().join("wal")
    }

    /// The folder of PostgreSQL's programs.
    pub(crate) fn bin(&self) -> &Path {
        &self.bin
    }

    /// What the server has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// The URL of `database` as the superuser.
    pub(crate) fn url(&self, database: &str) -> String {
        self.url_with("", database)
    }

    /// As [`Cluster::url`], as `role`.
    pub(crate) fn url_as(&self, role: &str, database: &str) -> String {
        self.url_with(&format!("{}@", percent_encoded(role)), database)
    }

    fn url_with(&self, user: &str, database: &str) -> String {
        let port = self.port.map_or_else(String::new, |port| format!("&port={port}"));
        format!("postgresql://{user}/{}?host={}{port}", percent_encoded(database), self.socket_dir().display())
    }

    /// The URL of `database` as `role` by TCP. Of a cluster that listens there.
    #[track_caller]
    pub(crate) fn tcp_url(&self, role: &str, database: &str) -> String {
        format!("postgresql://{}@127.0.0.1:{}/{}", percent_encoded(role), self.port(), percent_encoded(database))
    }

    /// Where it listens.
    #[track_caller]
    pub(crate) fn port(&self) -> u16 {
        self.port.expect("a cluster that was started on TCP")
    }

    /// The section of a configuration for the source `name`, which is `database` here.
    pub(crate) fn section(&self, name: &str, database: &str) -> String {
        self.section_of_url(name, &self.url(database))
    }

    /// As [`Cluster::section`], by its URL.
    pub(crate) fn section_of_url(&self, name: &str, url: &str) -> String {
        let user = self.user();
        format!("\n[[source]]\nname = \"{name}\"\ntype = \"postgres\"\nurl = \"{url}\"\nrun_as = \"{user}\"\n")
    }

    /// One of PostgreSQL's programs, run as the cluster's user, that knows nothing of where the server is.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = hermetic(&self.bin.join(name), Path::new("/"));
        if is_root() {
            command.uid(self.user.uid.as_raw()).gid(self.user.gid.as_raw());
        }
        command
    }

    /// As [`Cluster::program`], connecting here.
    pub(crate) fn client(&self, name: &str) -> Command {
        let mut command = self.program(name);
        command.env("PGHOST", self.socket_dir()).env("PGUSER", self.user());
        command.envs(self.port.map(|port| ("PGPORT", port.to_string())));
        command
    }

    fn psql_command(&self, database: &str) -> Command {
        let mut command = self.client("psql");
        command.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", database]);
        command
    }

    /// What `script`, fed to psql as the superuser, answers: unaligned, without headings.
    #[track_caller]
    pub(crate) fn psql(&self, database: &str, script: &str) -> String {
        self.psql_answer(database, script).expect_code(0).stdout
    }

    /// As [`Cluster::psql`], of a script that is no UTF-8.
    #[track_caller]
    pub(crate) fn psql_bytes(&self, database: &str, script: &[u8]) {
        self.psql_answer_to(database, script).expect_code(0);
    }

    /// As [`Cluster::psql`], whatever becomes of it.
    #[track_caller]
    pub(crate) fn psql_answer(&self, database: &str, script: &str) -> Answer {
        self.psql_answer_to(database, script.as_bytes())
    }

    #[track_caller]
    fn psql_answer_to(&self, database: &str, script: &[u8]) -> Answer {
        // From a file: a pipe would have to be fed while the output is read.
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(script).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        run(self.psql_command(database).stdin(file))
    }

    /// A session that stays open.
    pub(crate) fn session(&self, database: &str) -> Session {
        self.session_as(self.user(), database)
    }

    /// As [`Cluster::session`], as `role`.
    pub(crate) fn session_as(&self, role: &str, database: &str) -> Session {
        let mut command = self.psql_command(database);
        command.env("PGUSER", role);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Session { child, input, output }
    }
}

fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.crash();
    }
}

/// psql, open in the background. Ended when this is dropped.
pub(crate) struct Session {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Session {
    /// Runs `script` and waits until it has been done. Returns what it printed.
    #[track_caller]
    pub(crate) fn run(&mut self, script: &str) -> String {
        const DONE: &str = "-- done --";
        writeln!(self.input, "{script}\n\\echo {DONE}").unwrap();
        let mut printed = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the session ended in: {script}");
            if line.trim_end() == DONE {
                return printed;
            }
            printed.push_str(&line);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
