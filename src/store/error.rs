//! What can go wrong in a store.

use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::name::ArchiveName;

/// Why a store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store is not where it should be.
    #[error(
        "the backup store {expected} is not at '{dir}': {found}. A disk that is not mounted looks like this. \
         Nothing was written; mount it and try again"
    )]
    Missing {
        /// Where it should be.
        dir: PathBuf,
        /// Its id.
        expected: Uuid,
        /// What is there instead.
        found: &'static str,
    },
    /// Something else is there.
    #[error("'{dir}' cannot be the backup store: {found}. Nothing was written; {advice}")]
    Foreign {
        /// Where the store should be.
        dir: PathBuf,
        /// What is there.
        found: String,
        /// What to do.
        advice: &'static str,
    },
    /// There is no such archive.
    #[error("the archive '{0}' is not in the store")]
    NotFound(ArchiveName),
    /// The archive is held.
    #[error("the archive '{name}' is held: {why}; release it first")]
    Held {
        /// The archive.
        name: ArchiveName,
        /// By whom and why.
        why: String,
    },
    /// A file beside an archive is not what it should be.
    #[error("'{path}' is damaged: {why}; the archive beside it is untouched")]
    BadSidecar {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The file system refused.
    #[error("{doing} '{path}': {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
}

impl StoreError {
    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { doing, path: path.to_owned(), source }
    }
}
