//! The control socket's file.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use anyhow::{Context as _, bail};
use nix::sys::stat::{Mode, umask};

/// Listens at `path` with the permissions 0660 from its first moment on. What a dead daemon left there is removed; what a
/// living one uses is not.
pub(super) fn bind(path: &Path) -> anyhow::Result<UnixListener> {
    if let Some(dir) = path.parent() {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o750).create(dir);
        made.with_context(|| format!("the folder of the socket {}", path.display()))?;
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
