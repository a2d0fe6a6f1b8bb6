//! Running a program to its end in an environment that holds nothing but what the test says.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a program left behind.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The exit code, or 128 and the number of the signal that ended it.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    /// Standard output as one JSON document.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }

    /// Standard output as one JSON document per line.
    pub(crate) fn json_lines(&self) -> Vec<serde_json::Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {self:#?}"));
        self.stdout.lines().map(parse).collect()
    }

    /// This answer, if the exit code is `code`; fails with everything that was printed otherwise.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        let signalled = || 128 + output.status.signal().unwrap_or_default();
        Self {
            code: output.status.code().unwrap_or_else(signalled),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A command with a cleared environment, at home in `home`, that reads nothing.
pub(crate) fn hermetic(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", home)
        .env("LANG", "C.UTF-8")
        .env("TZ", "UTC")
        .current_dir(home)
        .stdin(Stdio::null());
    command
}

/// Runs `command` to its end.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> Answer {
    command.output().unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}")).into()
}

/// Where the programs are that a test of another user is to run, instead of where they were built.
pub(crate) const PROGRAMS_VARIABLE: &str = "CARELOG_TEST_PROGRAMS";

/// The daemon that was built with these tests.
pub(crate) fn carelogd() -> PathBuf {
    match std::env::var_os(PROGRAMS_VARIABLE) {
        Some(dir) => Path::new(&dir).join("carelogd"),
        None => env!("CARGO_BIN_EXE_carelogd").into(),
    }
}

/// The client. Cargo builds it for these tests only when it is asked for the whole workspace.
pub(crate) fn carelogctl() -> PathBuf {
    let beside = carelogd().with_file_name("carelogctl");
    assert!(beside.exists(), "{} is not built; run tests/all, or once: cargo build --workspace", beside.display());
    beside
}

/// Whether every one of `programs` is installed. A test that needs them returns when they are not, except under
/// `tests/all`, which has installed them: there, what is missing is a failure, so that nothing is green because it did
/// not run.
#[track_caller]
pub(crate) fn has_tools(programs: &[&str]) -> bool {
    const FOLDERS: [&str; 6] = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"];
    let installed = |program: &&&str| FOLDERS.iter().any(|dir| Path::new(dir).join(program).exists());
    let missing: Vec<_> = programs.iter().filter(|program| !installed(program)).collect();
    let must_be_there = std::env::var_os("CARELOG_TESTS_COMPLETE").is_some();
    assert!(missing.is_empty() || !must_be_there, "{missing:?} cannot be found; tests/all should have installed them");
    missing.is_empty()
}

/// Whether these tests run as root.
pub(crate) fn is_root() -> bool {
    nix::unistd::Uid::effective().is_root()
}
