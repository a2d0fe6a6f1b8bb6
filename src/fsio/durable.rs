//! Files that are wholly there or not at all, whatever happens in between.

use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use uuid::Uuid;

use crate::failpoint;

/// What the names of unfinished files begin with. Nothing else may be named so: the sweep removes them.
const TEMPORARY_PREFIX: &str = ".carelog-tmp-";

/// Makes the folder `path`, and the parents that it lacks, open to their owner only (0700), durably. A folder that exists
/// keeps its content and loses the permissions of group and others.
///
/// # Errors
/// What the file system says.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    make_dirs(path)?;
    if std::fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn make_dirs(path: &Path) -> io::Result<()> {
    let make = || DirBuilder::new().mode(0o700).create(path);
    let parent = match make() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let parent = parent_of(path)?;
            make_dirs(parent)?;
            make()?;
            parent
        }
        made => {
            made?;
            parent_of(path)?
        }
    };
    fsync_dir(parent)
}

/// Replaces the file `path` by one that holds `bytes` and has exactly the permissions `mode`. Whoever reads `path`
/// meanwhile, or after a crash, sees the old file or the new one, whole.
///
/// # Errors
/// What the file system says. The old file is then still there, unless only the last step failed, which makes the new name
/// survive a power loss.
pub fn write_durably(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let parent = parent_of(path)?;
    let temporary = parent.join(format!("{TEMPORARY_PREFIX}{}", Uuid::now_v7().simple()));
    let written = write_new(&temporary, bytes, mode)
        .and_then(|()| failpoint::pass("fsio.wrote_temporary"))
        .and_then(|()| std::fs::rename(&temporary, path));
    if let Err(error) = written {
        let _best_effort = std::fs::remove_file(&temporary);
        return Err(error);
    }
    failpoint::pass("fsio.renamed_temporary")?;
    fsync_dir(parent)
}

/// As [`write_durably`], but nothing is fsynced: for what is of no use after a power cut.
///
/// # Errors
/// What the file system says; the old file is then still there.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let temporary = parent_of(path)?.join(format!("{TEMPORARY_PREFIX}{}", Uuid::now_v7().simple()));
    let replaced = std::fs::write(&temporary, bytes)
        .and_then(|()| std::fs::set_permissions(&temporary, Permissions::from_mode(mode)))
        .and_then(|()| std::fs::rename(&temporary, path));
    if replaced.is_err() {
        let _best_effort = std::fs::remove_file(&temporary);
    }
    replaced
}

/// Makes the names in the folder `path` durable.
///
/// # Errors
/// What the file system says.
pub fn fsync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Gives the finished file `partial`, which must have been fsynced, its `final_name` in the same folder, and makes the
/// name durable. Never replaces a file.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`], or what the file system says.
pub fn publish(partial: &Path, final_name: &Path) -> io::Result<()> {
    rename_without_replacing(partial, final_name)?;
    failpoint::pass("fsio.published")?;
    fsync_dir(parent_of(final_name)?)
}

/// Puts `temporary`, which is open as `file` and completely written, in the place of `path`, in the same folder. Whoever reads
/// `path` meanwhile, or after a crash, sees the old file or the new one, whole.
///
/// # Errors
/// What the file system says.
pub fn replace_by(file: &File, temporary: &Path, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    failpoint::pass("fsio.synced_temporary")?;
    std::fs::rename(temporary, path)?;
    fsync_dir(parent_of(path)?)
}

/// Moves the file `path` out of the way, to its name with `suffix` behind it (and a number, when that is taken). Returns
/// the new path.
///
/// # Errors
/// What the file system says; [`io::ErrorKind::NotFound`] when there is nothing to move.
pub fn set_aside(path: &Path, suffix: &str) -> io::Result<PathBuf> {
    for attempt in 1..=1000 {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        if attempt > 1 {
            name.push(format!("-{attempt}"));
        }
        let aside = PathBuf::from(name);
        match rename_without_replacing(path, &aside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(()) => {
                fsync_dir(parent_of(path)?)?;
                return Ok(aside);
            }
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Removes the file `path` and makes that durable. False when it was not there.
///
/// # Errors
/// What the file system says.
pub fn remove_durably(path: &Path) -> io::Result<bool> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
        Ok(()) => {
            failpoint::pass("fsio.unlinked")?;
            fsync_dir(parent_of(path)?)?;
            Ok(true)
        }
    }
}

/// Removes what an interrupted [`write_durably`] left in the folder `dir`; returns the names. To be called while nobody
/// writes there.
///
/// # Errors
/// What the file system says.
pub fn sweep_temporaries(dir: &Path) -> io::Result<Vec<OsString>> {
    let mut swept = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if is_temporary(&entry.file_name()) && entry.file_type()?.is_file() {
            std::fs::remove_file(entry.path())?;
            swept.push(entry.file_name());
        }
    }
    if !swept.is_empty() {
        fsync_dir(dir)?;
    }
    Ok(swept)
}

/// Whether `name` is that of an unfinished [`write_durably`].
#[must_use]
pub fn is_temporary(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(TEMPORARY_PREFIX.as_bytes())
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    // Set on the open file, because the process's umask has a say in the mode at creation.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

fn rename_without_replacing(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some network and FUSE file systems do not know the flag; a second link fails just as well when the name is taken.
        Err(Errno::INVAL | Errno::NOSYS) => {
            std::fs::hard_link(from, to)?;
            std::fs::remove_file(from)
        }
        other => Ok(other?),
    }
}

fn parent_of(path: &Path) -> io::Result<&Path> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Ok(Path::new(".")),
        Some(parent) => Ok(parent),
        None => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("'{}' has no parent folder", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn mode_of(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn names_in(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_durable_write_replaces_the_file_and_leaves_nothing_else() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("state");
        write_durably(&path, b"old", 0o644).unwrap();
        write_durably(&path, b"new", 0o640).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(mode_of(&path), 0o640);
        assert_eq!(names_in(dir.path()), ["state"]);
    }

    #[test]
    fn a_durable_write_that_fails_keeps_the_old_file_and_leaves_nothing_else() {
        let dir = TempDir::new().unwrap();
        let taken = dir.path().join("a-folder");
        std::fs::create_dir(&taken).unwrap();
        write_durably(&taken, b"bytes", 0o600).unwrap_err();
        assert_eq!(names_in(dir.path()), ["a-folder"]);
    }

    #[test]
    fn publishing_never_replaces_a_file() {
        let dir = TempDir::new().unwrap();
        let (partial, target) = (dir.path().join("a.partial"), dir.path().join("a"));
        std::fs::write(&partial, "new").unwrap();
        std::fs::write(&target, "old").unwrap();
        assert_eq!(publish(&partial, &target).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&target).unwrap(), b"old");

        std::fs::remove_file(&target).unwrap();
        publish(&partial, &target).unwrap();
        assert_eq!(names_in(dir.path()), ["a"]);
    }

    #[test]
    fn what_is_set_aside_never_replaces_what_was_set_aside_before() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("db");
        for round in ["first", "second"] {
            std::fs::write(&path, round).unwrap();
            set_aside(&path, ".damaged").unwrap();
        }
        assert_eq!(names_in(dir.path()), ["db.damaged", "db.damaged-2"]);
        assert_eq!(std::fs::read(dir.path().join("db.damaged")).unwrap(), b"first");
    }

    #[test]
    fn the_sweep_removes_temporary_files_and_nothing_else() {
        let dir = TempDir::new().unwrap();
        for name in [".carelog-tmp-0198", ".carelog-store", "x"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        std::fs::create_dir(dir.path().join(".carelog-tmp-folder")).unwrap();
        assert_eq!(sweep_temporaries(dir.path()).unwrap(), [".carelog-tmp-0198"]);
        assert_eq!(names_in(dir.path()), [".carelog-store", ".carelog-tmp-folder", "x"]);
    }

    #[test]
    fn a_private_folder_is_closed_to_others_even_when_it_existed() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("a/b");
        create_private_dir(&path).unwrap();
        assert_eq!(mode_of(&path), 0o700);
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        create_private_dir(&path).unwrap();
        assert_eq!(mode_of(&path), 0o700);
    }

    #[test]
    fn removing_says_whether_there_was_something() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, "").unwrap();
        assert!(remove_durably(&path).unwrap());
        assert!(!remove_durably(&path).unwrap());
    }
}
