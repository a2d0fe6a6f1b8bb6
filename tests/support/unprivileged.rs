//! The same test once more as a user without rights. As root nothing is unreadable and every owner can be set, so much of
//! what can go wrong at a clinic only goes wrong for somebody else.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use super::process::{PROGRAMS_VARIABLE, carelogctl, carelogd, hermetic, is_root, run};

/// The user and group `nobody`.
pub(crate) const NOBODY: u32 = 65_534;

/// When these tests run as root: runs the test `name` (with its modules) in a process of the user `nobody`, fails as it
/// fails, and returns true, so that the caller is done. Otherwise false: the caller goes on and is that test.
#[track_caller]
pub(crate) fn runs_as_nobody(name: &str) -> bool {
    if !is_root() {
        return false;
    }
    // Where the programs were built, nobody may be unable to go.
    let programs = tempfile::Builder::new().prefix("carelog-programs-").tempdir().unwrap();
    fs::set_permissions(programs.path(), Permissions::from_mode(0o755)).unwrap();
    let place = |program: &Path| {
        let copy = programs.path().join(program.file_name().unwrap());
        fs::copy(program, &copy).unwrap();
        copy
    };
    let tests = place(&std::env::current_exe().unwrap());
    place(&carelogd());
    place(&carelogctl());
    let mut command = hermetic(&tests, Path::new("/"));
    command.env(PROGRAMS_VARIABLE, programs.path()).args([name, "--exact", "--test-threads=1"]);
    let answer = run(command.uid(NOBODY).gid(NOBODY)).expect_code(0);
    assert!(answer.stdout.contains("1 passed"), "there is no test {name}:\n{}", answer.stdout);
    true
}
