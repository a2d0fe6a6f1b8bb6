//! The one folder in which everything happens.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context as _, bail};

use crate::config::{Config, fill_quickstart};

/// An absolute path to a folder that was new or empty.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes `dir`, or a new temporary folder.
    pub(super) fn make(dir: Option<&Path>) -> anyhow::Result<Self> {
        let made = match dir {
            Some(dir) => make_empty(dir)?,
            None => {
                let temporary = tempfile::Builder::new().prefix("carelog-quickstart-").tempdir();
                let within = || format!("making a folder in {}", env::temp_dir().display());
                // It is to stay: whoever was shown it goes on with it.
                temporary.with_context(within)?.keep()
            }
        };
        let absolute = made.canonicalize().with_context(|| made.display().to_string())?;
        Ok(Self(absolute))
    }

    /// Writes the configuration, and reads it as the daemon does.
    pub(super) fn write_config(&self) -> anyhow::Result<Config> {
        let file = self.config();
        fs::write(&file, fill_quickstart(&self.0)?).with_context(|| format!("writing {}", file.display()))?;
        // Without the environment: a BACKUP_DIR that is meant for a real daemon must not lead out of the folder.
        Ok(Config::load(&file, &|_| None)?)
    }

    pub(super) fn shown(&self) -> std::path::Display<'_> {
        self.0.display()
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn clinic(&self) -> PathBuf {
        self.0.join("clinic")
    }

    pub(super) fn backups(&self) -> PathBuf {
        self.0.join("backups")
    }

    pub(super) fn config(&self) -> PathBuf {
        self.0.join("carelogd.toml")
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.0.join("carelogd.sock")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.0.join("carelogd.log")
    }
}

fn make_empty(dir: &Path) -> anyhow::Result<PathBuf> {
    let shown = dir.display();
    fs::create_dir_all(dir).with_context(|| format!("making {shown}"))?;
    let occupied = fs::read_dir(dir).with_context(|| format!("reading {shown}"))?.next().is_some();
    if occupied {
        bail!("{shown} is not empty, and nothing in it is touched; name a new or an empty folder, or none");
    }
    Ok(dir.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_empty_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("mine"), "mine").unwrap();
        let error = Folder::make(Some(dir.path())).unwrap_err();
        assert!(error.to_string().contains("is not empty"), "{error}");
        assert_eq!(dir.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn everything_that_the_configuration_names_lies_in_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::make(Some(&dir.path().join("new/deep"))).unwrap();
        let config = folder.write_config().unwrap();
        let sources = config.sources.iter().filter_map(|source| source.path().map(Path::to_owned));
        let places = [config.daemon.state_dir.clone(), config.daemon.socket.clone(), config.backup.dir.clone()];
        for place in places.into_iter().chain(sources) {
            assert!(place.starts_with(folder.path()), "{}", place.display());
        }
        assert_eq!((config.daemon.socket, config.backup.dir), (folder.socket(), folder.backups()));
    }
}
