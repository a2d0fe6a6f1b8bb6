//! A PostgreSQL database, dumped and loaded by PostgreSQL's own programs.
//!
//! A backup is `NAME.globals.sql`, which makes an empty database like it, and `NAME.sql`, what pg_dump prints. A restore loads
//! both into a new database beside the live one and exchanges their names. The live database is never changed in place.

mod check;
mod dump;
mod error;
mod globals;
mod lock_wait;
mod process;
mod restore;
mod server;
mod snapshot;
mod sql;
mod table_name;
mod tools;

use std::sync::Arc;

pub use error::PostgresError;
pub use restore::{DatabaseSwap, ReplacedDatabase};
pub use server::Connection;
pub use tools::Version;

use super::error::{SnapshotError, SourceError, StageError};
use super::{
    CheckReport, Estimate, KeptData, LoadedDatabase, RecordedSwap, SnapshotRequest, SnapshotTaken, Source, SourcePlan,
    StageRequest, Staged, SwapRecord,
};
use crate::archive::{ArchiveReader, ArchiveWriter, SourceMetadata};
use crate::clock::Clock;
use crate::config::DatabaseUrl;
use crate::model::{JobId, SourceKind, SourceName};
use crate::progress::Progress;

/// The source kind `postgres`.
#[derive(Clone, Debug)]
pub struct Postgres {
    name: SourceName,
    options: PostgresOptions,
    clock: Clock,
    /// The live database, where this is what a restore replaced: it is saved under that name.
    instead_of: Option<DatabaseUrl>,
}

/// Which database, and what of its server is saved with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresOptions {
    /// How it is reached by a backup.
    pub connection: Connection,
    /// How it is reached by a restore, where that is somebody else.
    pub restore_url: Option<DatabaseUrl>,
    /// Whether the server's roles and memberships are saved.
    pub include_roles: bool,
    /// Whether the roles' password hashes are saved with them.
    pub include_role_passwords: bool,
}

impl Postgres {
    /// The database that `options` name. `clock` dates the members of a backup.
    #[must_use]
    pub const fn new(name: SourceName, options: PostgresOptions, clock: Clock) -> Self {
        Self { name, options, clock, instead_of: None }
    }

    /// Name of the live database.
    fn database(&self) -> &str {
        self.options.connection.url.database()
    }
}

impl Source for Postgres {
    fn name(&self) -> &SourceName {
        &self.name
    }

    fn kind(&self) -> SourceKind {
        SourceKind::Postgres
    }

    fn metadata(&self) -> SourceMetadata {
        SourceMetadata {
            name: self.name.clone(),
            kind: SourceKind::Postgres,
            location: self.instead_of.as_ref().unwrap_or(&self.options.connection.url).to_string(),
            exclude: Vec::new(),
            details: Default::default(),
        }
    }

    fn check(&self) -> Result<CheckReport, SourceError> {
        Ok(check::check(self)?)
    }

    fn measure(&self, progress: &Progress) -> Result<Estimate, SourceError> {
        Ok(check::measure(self, progress)?)
    }

    fn snapshot(
        &self,
        writer: &mut ArchiveWriter,
        _request: &SnapshotRequest<'_>,
        progress: &Progress,
    ) -> Result<SnapshotTaken, SnapshotError> {
        snapshot::snapshot(self, writer, progress).map(Into::into)
    }

    fn plan(&self, archive: &ArchiveReader, paths: &[Vec<u8>], progress: &Progress) -> Result<SourcePlan, StageError> {
        restore::plan(self, archive, paths, progress)
    }

    fn plan_of_kept(
        &self,
        archive: &ArchiveReader,
        kept: &KeptData,
        progress: &Progress,
    ) -> Result<SourcePlan, StageError> {
        restore::plan_of_kept(self, archive, kept, progress)
    }

    fn stage(
        &self,
        archive: &Arc<ArchiveReader>,
        request: &StageRequest<'_>,
        progress: &Progress,
    ) -> Result<Box<dyn Staged>, StageError> {
        restore::stage(self, archive, request, progress)
    }

    fn sweep_staging(&self, job: JobId) -> Result<(), StageError> {
        restore::sweep_staging(self, job)
    }

    fn load_into(
        &self,
        archive: &Arc<ArchiveReader>,
        name: &str,
        job: JobId,
        progress: &Progress,
    ) -> Result<LoadedDatabase, StageError> {
        restore::load_into(self, archive, name, job, progress)
    }

    fn replaced(&self, swap: &SwapRecord) -> Result<Option<Arc<dyn Source>>, StageError> {
        match &swap.swap {
            RecordedSwap::RenameDatabase(swap) => restore::replaced(self, swap),
            _ => Ok(None),
        }
    }
}
