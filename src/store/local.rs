//! A store in a local folder.
//!
//! The folder is 0700, archives are 0600. Beside each archive stands `NAME.sha256`, which `sha256sum -c` accepts, and,
//! while somebody holds it, `NAME.hold`; beside one that stays only for others, `NAME.retained`; beside one in the trash,
//! `NAME.trashed`. The file `.carelog-store` says which store this is, and `.carelog-reserve` is room that is given up when
//! a full disk would keep backups from being removed.

mod identity;
mod sidecar;
mod sweep;

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use uuid::Uuid;

use super::{ArchiveName, Partial, Store, StoreError, StoredArchive};
use crate::archive::Codec;
use crate::catalog::Hold;
use crate::failpoint;
use crate::fsio::{self, Reserve, Space};
use crate::model::{Class, Sha256};

/// The ending of an archive's name while it is written.
const PARTIAL: &str = ".partial";

/// A store in a local folder.
#[derive(Debug)]
pub struct LocalStore {
    dir: PathBuf,
    id: Uuid,
    reserve: Reserve,
}

impl LocalStore {
    /// Opens the store in the folder `dir`. `expected` is the store that the catalog knows: no other is accepted. Without
    /// one, a store that is there is taken as it is, and one is made where the folder is absent or empty.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Foreign`], [`StoreError::Io`].
    pub fn open(dir: &Path, expected: Option<Uuid>, now: Timestamp) -> Result<Self, StoreError> {
        let id = match expected {
            Some(expected) => {
                identity::require(dir, expected)?;
                expected
            }
            None => identity::read_or_create(dir, now)?,
        };
        fsio::create_private_dir(dir).map_err(|source| StoreError::io("closing to others", dir, source))?;
        Ok(Self::absent(dir, id))
    }

    /// The store `id` that should be in the folder `dir` and may not be there at present: every use of it looks again.
    #[must_use]
    pub fn absent(dir: &Path, id: Uuid) -> Self {
        Self { dir: dir.to_owned(), id, reserve: Reserve::in_dir(dir) }
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether `path`, which must exist, is on the same device as the store: then the store protects from mistakes, but
    /// not from the loss of the disk.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn shares_device_with(&self, path: &Path) -> Result<bool, StoreError> {
        let device = |path: &Path| fsio::device_of(path).map_err(|source| StoreError::io("looking at", path, source));
        Ok(device(&self.dir)? == device(path)?)
    }

    fn path_of(&self, name: &ArchiveName, ending: &str) -> PathBuf {
        self.dir.join(format!("{name}{ending}"))
    }

    fn require_archive(&self, name: &ArchiveName) -> Result<(), StoreError> {
        let path = self.path_of(name, "");
        match path.try_exists() {
            Ok(true) => Ok(()),
            Ok(false) => Err(StoreError::NotFound(name.clone())),
            Err(source) => Err(StoreError::io("looking for", &path, source)),
        }
    }

    /// Does something without which nothing can be removed: on a full disk the reserve makes room for it.
    fn in_any_case(&self, work: impl Fn() -> Result<(), StoreError>) -> Result<(), StoreError> {
        match work() {
            Err(StoreError::Io { source, .. }) if fsio::is_full(&source) && self.reserve.give_up() => work(),
            done => done,
        }
    }

    /// Whether any file has this name already, finished or not.
    fn is_taken(&self, name: &ArchiveName) -> io::Result<bool> {
        for ending in ["", PARTIAL, sidecar::CHECKSUM, sidecar::HOLD, sidecar::RETAINED, sidecar::TRASHED] {
            if self.path_of(name, ending).try_exists()? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Store for LocalStore {
    fn id(&self) -> Uuid {
        self.id
    }

    fn check(&self) -> Result<(), StoreError> {
        identity::require(&self.dir, self.id)
    }

    fn list(&self) -> Result<Vec<StoredArchive>, StoreError> {
        self.check()?;
        let failed = |source| StoreError::io("listing", &self.dir, source);
        let mut archives = Vec::new();
        let (mut retained, mut trashed) = (HashSet::new(), HashSet::new());
        for entry in std::fs::read_dir(&self.dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let file_name = entry.file_name();
            let Some(text) = file_name.to_str() else { continue };
            if let Some(name) = text.strip_suffix(sidecar::RETAINED) {
                retained.insert(name.to_owned());
            }
            if let Some(name) = text.strip_suffix(sidecar::TRASHED) {
                trashed.insert(name.to_owned());
            }
            let Ok(name) = text.parse() else { continue };
            let metadata = entry.metadata().map_err(failed)?;
            if metadata.is_file() {
                let size_bytes = metadata.len();
                archives.push(StoredArchive { name, size_bytes, is_retained: false, is_trashed: false });
            }
        }
        for archive in &mut archives {
            archive.is_retained = retained.contains(archive.name.as_str());
            archive.is_trashed = trashed.contains(archive.name.as_str());
        }
        archives.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(archives)
    }

    fn open(&self, name: &ArchiveName) -> Result<File, StoreError> {
        let path = self.path_of(name, "");
        match File::open(&path) {
            Ok(file) => Ok(file),
            Err(source) => {
                // An unmounted disk is the better explanation of an absent archive.
                self.check()?;
                match source.kind() {
                    io::ErrorKind::NotFound => Err(StoreError::NotFound(name.clone())),
                    _ => Err(StoreError::io("opening", &path, source)),
                }
            }
        }
    }

    fn checksum(&self, name: &ArchiveName) -> Result<Option<Sha256>, StoreError> {
        sidecar::read_checksum(&self.path_of(name, sidecar::CHECKSUM), name)
    }

    fn create(&self, class: Class, created_at: Timestamp, codec: Codec) -> Result<Partial, StoreError> {
        self.check()?;
        for ordinal in 1..=u32::MAX {
            let name = ArchiveName::new(class, created_at, ordinal, codec.extension());
            let path = self.path_of(&name, PARTIAL);
            if self.is_taken(&name).map_err(|source| StoreError::io("looking for", &path, source))? {
                continue;
            }
            match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => {
                    sweep::mark_as_being_written(&file);
                    return Ok(Partial { name, path, file, keep: false });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(StoreError::io("making", &path, source)),
            }
        }
        Err(StoreError::io("making an archive in", &self.dir, io::ErrorKind::AlreadyExists.into()))
    }

    fn publish(&self, mut partial: Partial, sha256: Sha256) -> Result<ArchiveName, StoreError> {
        self.check()?;
        let name = partial.name.clone();
        let passed =
            |point| failpoint::pass(point).map_err(|source| StoreError::io("publishing", &partial.path, source));

        passed("store.publish")?;
        partial.file.sync_all().map_err(|source| StoreError::io("writing", &partial.path, source))?;
        passed("store.fsynced_archive")?;
        let checksum = self.path_of(&name, sidecar::CHECKSUM);
        let published = sidecar::write_checksum(&checksum, &name, sha256)
            .and_then(|()| passed("store.wrote_checksum"))
            .and_then(|()| {
                let path = self.path_of(&name, "");
                fsio::publish(&partial.path, &path).map_err(|source| StoreError::io("publishing", &path, source))
            });
        if let Err(error) = published {
            self.take_back(&partial);
            return Err(error);
        }
        partial.keep = true;
        Ok(name)
    }

    fn remove(&self, name: &ArchiveName) -> Result<(), StoreError> {
        self.check()?;
        if let Some(hold) = self.holds(name)?.first() {
            return Err(StoreError::Held { name: name.clone(), why: format!("{} ({})", hold.why, hold.who) });
        }
        let remove = |ending: &str| {
            let path = self.path_of(name, ending);
            fsio::remove_durably(&path).map_err(|source| StoreError::io("removing", &path, source))
        };
        // The archive first: a checksum without its archive is swept, an archive without its checksum would be kept.
        let archive = remove("");
        match archive {
            Ok(false) => return Err(StoreError::NotFound(name.clone())),
            Err(error) if self.path_of(name, "").try_exists().unwrap_or(true) => return Err(error),
            // Also when only the fsync of the folder failed: nothing is to stay that belongs to nothing.
            Ok(true) | Err(_) => {}
        }
        let beside = [sidecar::CHECKSUM, sidecar::HOLD, sidecar::RETAINED, sidecar::TRASHED].map(remove);
        // There is room again.
        self.reserve.make();
        beside.into_iter().fold(archive, Result::and).map(drop)
    }

    fn holds(&self, name: &ArchiveName) -> Result<Vec<Hold>, StoreError> {
        sidecar::read_holds(&self.path_of(name, sidecar::HOLD))
    }

    fn set_holds(&self, name: &ArchiveName, holds: &[Hold]) -> Result<(), StoreError> {
        self.check()?;
        self.require_archive(name)?;
        self.in_any_case(|| sidecar::write_holds(&self.path_of(name, sidecar::HOLD), holds))
    }

    fn set_retained(&self, name: &ArchiveName, is_retained: bool) -> Result<(), StoreError> {
        self.check()?;
        self.require_archive(name)?;
        self.in_any_case(|| sidecar::write_retained(&self.path_of(name, sidecar::RETAINED), is_retained))
    }

    fn set_trashed(&self, name: &ArchiveName, at: Option<Timestamp>) -> Result<(), StoreError> {
        self.check()?;
        self.require_archive(name)?;
        self.in_any_case(|| sidecar::write_trashed(&self.path_of(name, sidecar::TRASHED), at))
    }

    fn trashed_at(&self, name: &ArchiveName) -> Result<Option<Timestamp>, StoreError> {
        sidecar::read_trashed(&self.path_of(name, sidecar::TRASHED))
    }

    fn space(&self) -> Result<Space, StoreError> {
        self.check()?;
        fsio::free_space(&self.dir).map_err(|source| StoreError::io("asking for the free space of", &self.dir, source))
    }

    fn device(&self) -> Option<u64> {
        fsio::device_of(&self.dir).ok()
    }

    fn sweep(&self) -> Result<Vec<String>, StoreError> {
        self.check()?;
        let swept = sweep::sweep(&self.dir).map_err(|source| StoreError::io("sweeping", &self.dir, source))?;
        self.reserve.make();
        Ok(swept)
    }
}

impl LocalStore {
    /// Undoes a publication that failed on its way, so that no archive is there that nobody recorded. Only what was this
    /// publication's own is removed: the archive has the final name when its partial name is gone.
    fn take_back(&self, partial: &Partial) {
        let renamed = matches!(partial.path.try_exists(), Ok(false));
        let endings: &[&str] = if renamed { &["", sidecar::CHECKSUM] } else { &[sidecar::CHECKSUM] };
        for ending in endings {
            let path = self.path_of(&partial.name, ending);
            if let Err(error) = fsio::remove_durably(&path) {
                tracing::warn!(path = %path.display(), %error, "what could not be published was left behind");
                return;
            }
        }
    }
}

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod tests;
