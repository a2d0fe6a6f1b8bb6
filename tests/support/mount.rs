//! File systems of a test's own, which nobody else sees: small ones, full ones, read-only ones.

use std::fs;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use super::process::is_root;

const NOTHING: Option<&str> = None;

/// Lets this thread, and every program that it starts, mount what nobody else sees. False, with the reason on stderr,
/// where that is not possible; under `tests/all` as root that is a failure.
#[track_caller]
#[expect(clippy::print_stderr, reason = "why a test was left out belongs to its output")]
pub(crate) fn may_mount() -> bool {
    if !is_root() {
        eprintln!("left out: only root can mount file systems");
        return false;
    }
    if let Err(error) = unshare(CloneFlags::CLONE_NEWNS) {
        let must_be_possible = std::env::var_os("CARELOG_TESTS_COMPLETE").is_some();
        assert!(!must_be_possible, "root cannot have mounts of its own here: {error}");
        eprintln!("left out: root cannot have mounts of its own here: {error}");
        return false;
    }
    mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NOTHING).unwrap();
    true
}

/// A mounted tmpfs. Make it after the `World` that it lies in, so that it goes first.
pub(crate) struct Tmpfs {
    path: PathBuf,
}

impl Tmpfs {
    /// One with room for `kibibytes`, at `path`; the folder is made. Needs [`may_mount`].
    #[track_caller]
    pub(crate) fn mount(path: &Path, kibibytes: u32) -> Self {
        fs::create_dir_all(path).unwrap();
        let options = format!("size={kibibytes}k,mode=0700");
        mount(Some("tmpfs"), path, Some("tmpfs"), MsFlags::empty(), Some(options.as_str())).unwrap();
        Self { path: path.to_owned() }
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it read-only, or writable again. Fails while a file in it is open for writing.
    #[track_caller]
    pub(crate) fn set_read_only(&self, read_only: bool) {
        let flags = if read_only { MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY } else { MsFlags::MS_REMOUNT };
        mount(NOTHING, &self.path, NOTHING, flags, NOTHING).unwrap();
    }

    /// Fills it to the last byte with a file; returns that.
    pub(crate) fn fill(&self) -> PathBuf {
        let path = self.path.join("filler");
        let mut file = fs::File::create(&path).unwrap();
        while std::io::Write::write(&mut file, &[0; 4096]).is_ok_and(|written| written > 0) {}
        path
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _gone_already = umount2(&self.path, MntFlags::MNT_DETACH);
    }
}
