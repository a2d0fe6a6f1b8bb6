//! One process per state folder.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// A lock on a file, held until it is dropped or the process ends, however it ends.
#[derive(Debug)]
#[must_use = "the lock is released when this is dropped"]
pub struct Lock {
    _file: File,
}

/// Why a lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("'{path}' is locked by {}; stop that process first, or use another folder", holder(*.pid))]
    Held {
        /// The lock file.
        path: PathBuf,
        /// The process that holds it, where its file says so.
        pid: Option<u32>,
    },
    /// The lock file could not be opened or written.
    #[error("locking '{path}': {source}")]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

/// Locks the file `path`, made when absent, and writes the number of this process into it. Does not wait.
///
/// # Errors
/// [`LockError`].
pub fn lock_exclusively(path: &Path) -> Result<Lock, LockError> {
    let failed = |source| LockError::Io { path: path.to_owned(), source };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Err(LockError::Held { path: path.to_owned(), pid: pid_in(&file) }),
        Err(error) => return Err(failed(error.into())),
    }
    // The number only makes the message of the second process better: it need not be durable.
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
    Ok(Lock { _file: file })
}

fn pid_in(file: &File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_is_refused_and_says_who_holds_the_first() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("lock");
        std::fs::write(&path, "4294967295 is longer than what replaces it\n").unwrap();
        let first = lock_exclusively(&path).unwrap();
        let refused = lock_exclusively(&path).unwrap_err();
        assert!(matches!(refused, LockError::Held { pid: Some(pid), .. } if pid == std::process::id()), "{refused}");
        drop(first);
        let _second = lock_exclusively(&path).unwrap();
    }
}
