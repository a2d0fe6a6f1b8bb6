//! Where archives live.
//!
//! A [`Store`] keeps archives as plain files with their checksums and holds beside them. The write order is its promise:
//! an archive has its final name only when it and its `.sha256` are wholly on the disk, so whatever a crash leaves is
//! either a complete archive or a temporary name that [`Store::sweep`] removes. It must never write into a folder that is
//! not the store it was opened as: an unmounted disk is an empty folder. It knows nothing of jobs or retention. Called by
//! the jobs, the daemon's start-up and the server.

mod error;
mod leases;
pub mod local;
mod name;
mod presence;
mod rebuild;

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

pub use error::StoreError;
pub use leases::{BeingRemoved, Lease, Leases, Removal};
pub use local::LocalStore;
pub use name::{ArchiveName, BadArchiveName};
pub use presence::{Presence, is_present};
pub use rebuild::{Survey, Unreadable, survey};

use crate::archive::Codec;
use crate::catalog::Hold;
use crate::fsio::Space;
use crate::model::{Class, Sha256};
use jiff::Timestamp;
use uuid::Uuid;

/// A place for archives. Every method that writes first makes sure that the store is still the one that was opened.
pub trait Store: Send + Sync + fmt::Debug {
    /// The store's id, which never changes.
    fn id(&self) -> Uuid;

    /// Makes sure that the store is there and still the one that was opened.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Foreign`].
    fn check(&self) -> Result<(), StoreError>;

    /// The published archives, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    fn list(&self) -> Result<Vec<StoredArchive>, StoreError>;

    /// Opens an archive for reading.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or another.
    fn open(&self, name: &ArchiveName) -> Result<File, StoreError>;

    /// The checksum that stands beside the archive; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    fn checksum(&self, name: &ArchiveName) -> Result<Option<Sha256>, StoreError>;

    /// Begins an archive, under the first name that is free for this class and time.
    ///
    /// # Errors
    /// [`StoreError`].
    fn create(&self, class: Class, created_at: Timestamp, codec: Codec) -> Result<Partial, StoreError>;

    /// Makes a finished archive durable and gives it its name; `sha256` is that of all its bytes. Afterwards it is there,
    /// whatever happens.
    ///
    /// # Errors
    /// [`StoreError`]; the archive is then not there.
    fn publish(&self, partial: Partial, sha256: Sha256) -> Result<ArchiveName, StoreError>;

    /// Removes an archive for good.
    ///
    /// # Errors
    /// [`StoreError::Held`] while any hold stands beside it, one whose time is over too; [`StoreError::NotFound`]; or
    /// another.
    fn remove(&self, name: &ArchiveName) -> Result<(), StoreError>;

    /// The holds that stand beside the archive.
    ///
    /// # Errors
    /// [`StoreError`].
    fn holds(&self, name: &ArchiveName) -> Result<Vec<Hold>, StoreError>;

    /// Replaces the holds that stand beside the archive; with none, it may be removed.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or another.
    fn set_holds(&self, name: &ArchiveName, holds: &[Hold]) -> Result<(), StoreError>;

    /// Notes beside the archive that its restore point was deleted and it stays only because others need content of it, or
    /// takes that back. So it is not taken for a backup again when the catalog is lost. [`Store::list`] tells it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or another.
    fn set_retained(&self, name: &ArchiveName, is_retained: bool) -> Result<(), StoreError>;

    /// Notes beside the archive that its backup was put into the trash at this time, or takes that back. So a lost catalog
    /// does not bring it back. [`Store::list`] tells that it lies there, [`Store::trashed_at`] since when.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or another.
    fn set_trashed(&self, name: &ArchiveName, at: Option<Timestamp>) -> Result<(), StoreError>;

    /// When the archive's backup was put into the trash; `None` when it was not.
    ///
    /// # Errors
    /// [`StoreError`].
    fn trashed_at(&self, name: &ArchiveName) -> Result<Option<Timestamp>, StoreError>;

    /// How much room there is.
    ///
    /// # Errors
    /// [`StoreError`].
    fn space(&self) -> Result<Space, StoreError>;

    /// The number of the device that archives are written to; `None` when there is none here, or nobody knows.
    fn device(&self) -> Option<u64>;

    /// Removes what a crash left: unfinished archives, and checksums and holds without an archive. Returns their names.
    /// To be called before anything is written.
    ///
    /// # Errors
    /// [`StoreError`].
    fn sweep(&self) -> Result<Vec<String>, StoreError>;
}

/// A published archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredArchive {
    /// Its name.
    pub name: ArchiveName,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Whether it stays only for others ([`Store::set_retained`]).
    pub is_retained: bool,
    /// Whether its backup lies in the trash ([`Store::set_trashed`]).
    pub is_trashed: bool,
}

/// An archive that is being written. Dropped before it is published, it is gone.
#[derive(Debug)]
pub struct Partial {
    name: ArchiveName,
    path: PathBuf,
    file: File,
    keep: bool,
}

impl Partial {
    /// The name that it will have.
    #[must_use]
    pub const fn name(&self) -> &ArchiveName {
        &self.name
    }

    /// The file that is being written, to read it again before it is published.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Another descriptor of the open file, for a writer; both share one position.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn file(&self) -> Result<File, StoreError> {
        self.file.try_clone().map_err(|source| StoreError::io("opening", &self.path, source))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // What cannot be removed now is swept at the next start.
        if !self.keep {
            let _best_effort = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod conformance;
