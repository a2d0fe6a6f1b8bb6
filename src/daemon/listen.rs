//! The control socket's file.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use anyhow::{Context as _, bail};
use nix::sys::stat::{Mode, umask};

/// Listens at `path` with the permissions 0660 from its first moment on. What a dead daemon left there is removed; what a
/// living one uses is not.
pub(super) fn bind(path: &Path) -> anyhow::Result<UnixListener> {
    if let Some(dir) = path.parent() {
        make_folder(dir).with_context(|| format!("the folder of the socket {}", path.display()))?;
    }
    // The kernel refuses a connection to any other file in the words that it has for a socket which nobody listens on.
    match path.symlink_metadata() {
        Ok(found) if !found.file_type().is_socket() => {
            bail!("{} is there already and is no socket; give [daemon] socket another path", path.display())
        }
        _ => {}
    }
    match UnixStream::connect(path) {
        Ok(_answered) => {
            bail!("another carelogd listens at {}; stop it first, or give this one another socket", path.display())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).with_context(|| format!("removing the old socket {}", path.display()))?;
        }
        Err(error) => return Err(error).with_context(|| format!("looking at {}", path.display())),
    }
    let before = umask(Mode::from_bits_truncate(0o117));
    let listener = UnixListener::bind(path);
    umask(before);
    let listener = listener.with_context(|| format!("listening at {}", path.display()))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Makes the folder of the socket, if it is not there. Everybody may enter: `status.json` is for every monitor, and the
/// socket's own permissions guard the socket.
fn make_folder(dir: &Path) -> io::Result<()> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    let mode = 0o755;
    std::fs::DirBuilder::new().recursive(true).mode(mode).create(dir)?;
    // Whatever the umask is.
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_open_to_monitors_and_the_socket_is_not() {
        let parent = tempfile::TempDir::new().unwrap();
        let dir = parent.path().join("run");
        let before = umask(Mode::from_bits_truncate(0o077));
        let bound = bind(&dir.join("s"));
        umask(before);
        drop(bound.unwrap());
        let mode = |path: &Path| std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&dir), mode(&dir.join("s"))), (0o755, 0o660));
    }

    #[test]
    fn a_file_that_is_no_socket_is_never_removed() {
        let dir = tempfile::TempDir::new().unwrap();
        let (path, link) = (dir.path().join("data.json"), dir.path().join("link"));
        std::fs::write(&path, "{}").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        for wrong in [&path, &link] {
            let error = bind(wrong).unwrap_err().to_string();
            assert!(error.contains("is no socket"), "{error}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), b"{}");
        assert!(link.symlink_metadata().unwrap().is_symlink());
    }

    #[test]
    fn the_socket_of_a_dead_daemon_is_replaced_and_that_of_a_living_one_is_not() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("s");
        drop(bind(&path).unwrap());
        let _living = bind(&path).unwrap();
        assert!(bind(&path).unwrap_err().to_string().contains("another carelogd"));
    }
}
