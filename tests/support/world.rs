//! A folder of its own for each test: clinic, configuration, state, store, socket, log. Nothing outside is touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use carelogd::config::fill_quickstart;
use tempfile::TempDir;

use super::clinic::Clinic;
use super::daemon::Daemon;
use super::process::{self, Answer};

/// The folder within a root that is a mount point, in which restores stage and keep.
pub(crate) const LAID_ASIDE_WITHIN: &str = ".carelog-restore";

/// The world of one test. When the test fails, it prints the daemon's log on its way out.
pub(crate) struct World {
    dir: TempDir,
    /// The live data.
    pub(crate) clinic: Clinic,
}

impl World {
    /// A clinic and a configuration for it; nothing runs yet.
    pub(crate) fn new() -> Self {
        Self::in_dir(tempfile::Builder::new().prefix("carelog-").tempdir().unwrap())
    }

    /// As [`World::new`], below `parent`: for tests on a file system of their own.
    pub(crate) fn below(parent: &Path) -> Self {
        Self::in_dir(tempfile::Builder::new().prefix("w-").tempdir_in(parent).unwrap())
    }

    /// As [`World::below`], and before there is any live data `mount` is given the folder, to mount something in it.
    pub(crate) fn below_with(parent: &Path, mount: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::Builder::new().prefix("w-").tempdir_in(parent).unwrap();
        mount(dir.path());
        Self::in_dir(dir)
    }

    fn in_dir(dir: TempDir) -> Self {
        let clinic = Clinic::make(&dir.path().join("clinic"));
        let world = Self { dir, clinic };
        world.write_config(&fill_quickstart(world.dir.path()).unwrap());
        world
    }

    /// `relative` within this world.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().join(relative)
    }

    /// The configuration file.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.path("carelogd.toml")
    }

    /// The configuration's text.
    pub(crate) fn config(&self) -> String {
        fs::read_to_string(self.config_file()).unwrap()
    }

    /// Replaces the configuration.
    pub(crate) fn write_config(&self, text: &str) {
        fs::write(self.config_file(), text).unwrap();
    }

    /// Replaces `from`, which has to be there, by `to` in the configuration.
    #[track_caller]
    pub(crate) fn edit_config(&self, from: &str, to: &str) {
        let config = self.config();
        assert!(config.contains(from), "'{from}' is not in the configuration:\n{config}");
        self.write_config(&config.replace(from, to));
    }

    /// The store.
    pub(crate) fn backups(&self) -> PathBuf {
        self.path("backups")
    }

    /// The daemon's state.
    pub(crate) fn state_dir(&self) -> PathBuf {
        self.path("state")
    }

    /// The control socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path("carelogd.sock")
    }

    /// What every daemon of this world has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    pub(super) fn log_file(&self) -> PathBuf {
        self.path("carelogd.log")
    }

    /// Removes what is deleted or expires at once, instead of by way of the trash.
    #[track_caller]
    pub(crate) fn without_trash(self) -> Self {
        self.write_config(&format!("{}\n[retention]\ntrash = \"0s\"\n", self.config()));
        self
    }

    /// The names of the files in the store, sorted, archives in the order in which they were taken; but for the room that
    /// is set aside.
    pub(crate) fn store_files(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.backups()) else { return Vec::new() };
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().display().to_string()).collect();
        names.retain(|name| name != ".carelog-reserve");
        // The second one of the same second is called `…-2.tar.zst`, and would sort before the first.
        names.sort_by_cached_key(|name| name.replace(".tar", "!.tar"));
        names
    }

    /// What lies beside the live data, and in the folder that restores make within the root of the studies, relative to
    /// the folder of both and sorted. That folder too when it is empty.
    pub(crate) fn laid_aside(&self) -> Vec<String> {
        let clinic = self.path("clinic");
        let inner = self.clinic.studies.join(LAID_ASIDE_WITHIN);
        let names = |dir: &Path| {
            let entries = fs::read_dir(dir).map(|entries| entries.map(|entry| entry.unwrap().path()));
            entries.map_or_else(|_| Vec::new(), Iterator::collect::<Vec<_>>)
        };
        let mut found = names(&inner);
        if found.is_empty() && inner.exists() {
            found.push(inner);
        }
        found.extend(
            names(&clinic).into_iter().filter(|path| ![&self.clinic.data, &self.clinic.studies].contains(&path)),
        );
        let mut found: Vec<_> =
            found.iter().map(|path| path.strip_prefix(&clinic).unwrap().display().to_string()).collect();
        found.sort();
        found
    }

    /// Starts the daemon and waits until it says that it is ready.
    #[track_caller]
    pub(crate) fn start(&self) -> Daemon<'_> {
        self.start_with(&[])
    }

    /// As [`World::start`], with these environment variables, for example `CARELOG_FAIL`.
    #[track_caller]
    pub(crate) fn start_with(&self, environment: &[(&str, &str)]) -> Daemon<'_> {
        let mut daemon = Daemon::spawn(self, environment);
        daemon.wait_ready();
        daemon
    }

    /// Starts the daemon and waits for its end, for tests in which it must not or cannot go on running.
    pub(crate) fn spawn_with(&self, environment: &[(&str, &str)]) -> Daemon<'_> {
        Daemon::spawn(self, environment)
    }

    /// Runs `carelogd ARGS` to its end.
    pub(crate) fn carelogd(&self, args: &[&str]) -> Answer {
        process::run(process::hermetic(&process::carelogd(), self.dir.path()).args(args))
    }

    /// Runs `carelogctl ARGS` against this world's socket to its end.
    pub(crate) fn ctl(&self, args: &[&str]) -> Answer {
        process::run(&mut self.ctl_command(args))
    }

    /// `carelogctl ARGS`, to be run by the test: as somebody else, in the background, with other input.
    pub(crate) fn ctl_command(&self, args: &[&str]) -> Command {
        let mut command = process::hermetic(&process::carelogctl(), self.dir.path());
        command.env("CARELOG_SOCKET", self.socket()).args(args);
        command
    }
}

impl Drop for World {
    #[expect(clippy::print_stderr, reason = "the log belongs to the report of a failed test")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of carelogd ---\n{}--- end of the log ---", self.log());
        }
    }
}
