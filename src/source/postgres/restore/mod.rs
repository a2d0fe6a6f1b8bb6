//! A restore of a database: loaded beside the live one, and put in its place by exchanging their names.
//!
//! Everything that changes the live database is in [`swap`]. A database is renamed or dropped only when it has both the
//! name and the OID that were written down.

mod activity;
mod facts;
mod held;
mod load;
mod look;
mod names;
mod plan;
mod requirements;
mod roles;
mod session;
mod sessions;
mod stage;
mod statements;
mod swap;
mod tables;
mod validate;

use std::sync::Arc;

pub(super) use activity::written_to_this;
pub(super) use load::loading_options;
pub(super) use stage::WRITTEN;
pub use swap::{DatabaseSwap, ReplacedDatabase};

use self::held::Held;
use self::look::Look;
use self::statements::{Connected, drop_database};
use super::super::error::{SourceError, StageError};
use super::super::{KeptData, LoadedDatabase, Source, SourcePlan, StageRequest, Staged};
use super::server::Connection;
use super::{Postgres, PostgresOptions};
use crate::archive::ArchiveReader;
use crate::model::JobId;
use crate::progress::Progress;

/// See [`Source::plan`](super::Source::plan).
pub(super) fn plan(
    source: &Postgres,
    archive: &ArchiveReader,
    paths: &[Vec<u8>],
    progress: &Progress,
) -> Result<SourcePlan, StageError> {
    source.require_whole(paths)?;
    plan::plan(source, archive, progress)
}

/// See [`Source::plan_of_kept`](super::Source::plan_of_kept).
pub(super) fn plan_of_kept(
    source: &Postgres,
    archive: &ArchiveReader,
    kept: &KeptData,
    progress: &Progress,
) -> Result<SourcePlan, StageError> {
    plan::plan_of_kept(source, archive, kept, progress)
}

/// See [`Source::stage`](super::Source::stage).
pub(super) fn stage(
    source: &Postgres,
    archive: &Arc<ArchiveReader>,
    request: &StageRequest<'_>,
    progress: &Progress,
) -> Result<Box<dyn Staged>, StageError> {
    source.require_whole(&request.paths)?;
    Ok(Box::new(stage::StagedDatabase::lay_out(source, archive, request, progress)?))
}

/// See [`Source::load_into`](super::Source::load_into).
pub(super) fn load_into(
    source: &Postgres,
    archive: &Arc<ArchiveReader>,
    name: &str,
    job: JobId,
    progress: &Progress,
) -> Result<LoadedDatabase, StageError> {
    stage::load_into(source, archive, name, job, progress)
}

/// See [`Source::sweep_staging`](super::Source::sweep_staging).
pub(super) fn sweep_staging(source: &Postgres, job: JobId) -> Result<(), StageError> {
    let name = names::staged(source.database(), job);
    let server = session::reach(&source.restore_connection(), &name, &Progress::default())?;
    let look = Look::at(&server, &[&name], &[])?;
    // The job is in the name: nobody else makes a database that is called so.
    if let Some(found) = look.named(&name) {
        drop_database(&server, found, Connected::Ended)?;
    }
    Ok(roles::drop_made(&server, &name)?)
}

/// See [`Source::replaced`](super::Source::replaced).
pub(super) fn replaced(source: &Postgres, swap: &DatabaseSwap) -> Result<Option<Arc<dyn Source>>, StageError> {
    if !swap.open_kept()? {
        return Ok(None);
    }
    let live = &source.options.connection;
    let connection = Connection { url: live.url.with_database(&swap.kept_name), ..live.clone() };
    let options = PostgresOptions { connection, ..source.options.clone() };
    Ok(Some(Arc::new(Postgres { options, instead_of: Some(live.url.clone()), ..source.clone() })))
}

impl Postgres {
    /// How a restore reaches the server.
    fn restore_connection(&self) -> Connection {
        let connection = self.options.connection.clone();
        match &self.options.restore_url {
            Some(url) => Connection { url: url.with_database(self.database()), ..connection },
            None => connection,
        }
    }

    /// A dump is loaded as a whole; naming its members is naming all of it.
    fn require_whole(&self, paths: &[Vec<u8>]) -> Result<(), SourceError> {
        let metadata = self.metadata();
        let members = metadata.members();
        if paths.iter().all(|path| members.iter().any(|member| member.as_bytes() == path)) {
            return Ok(());
        }
        let reason = "a database is restored whole or not at all: no path within it can be named".to_owned();
        Err(SourceError::Refused { path: self.restore_connection().url.to_string().into(), reason })
    }

    /// What [`Held`] has of it.
    fn held(&self, archive: &ArchiveReader, progress: &Progress) -> Result<Held, StageError> {
        Held::of(&self.name, archive, progress)
    }
}
