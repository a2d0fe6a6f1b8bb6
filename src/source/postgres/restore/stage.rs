//! A database laid out beside the live one, and what is done with it.

use std::path::PathBuf;
use std::sync::Arc;

use super::super::super::error::{SourceError, StageError};
use super::super::super::steps;
use super::super::super::swap::swapping::Swapping;
use super::super::super::swap_record::{RecordedSwap, SwapRecord};
use super::super::super::{Comparison, LoadedDatabase, StageRequest, Staged};
use super::super::Postgres;
use super::super::error::PostgresError;
use super::super::server::Server;
use super::super::sql::Identifier;
use super::facts::Facts;
use super::held::Held;
use super::look::Look;
use super::requirements::Findings;
use super::statements::{Connected, drop_database};
use super::swap::{DatabaseSwap, ReplacedDatabase};
use super::{load, names, plan, roles, session, validate};
use crate::archive::ArchiveReader;
use crate::model::{JobId, SourceKind, SourceName};
use crate::progress::Progress;

/// The key of a source's details in an archive's metadata under which stands how much had been written to the database.
pub(in super::super) const WRITTEN: &str = "written";

/// See the module.
#[derive(Debug)]
pub(super) struct StagedDatabase {
    source: SourceName,
    server: Server,
    swap: Swapping,
    /// `None` when it is what an earlier restore kept: there is nothing to compare it with.
    held: Option<Held>,
    warnings: Vec<String>,
}

impl StagedDatabase {
    /// Makes a new database and loads the backup into it; or takes the one that an earlier restore kept, when that is to be
    /// live again and nobody can have changed it.
    pub(super) fn lay_out(
        source: &Postgres,
        archive: &Arc<ArchiveReader>,
        request: &StageRequest<'_>,
        progress: &Progress,
    ) -> Result<Self, StageError> {
        let live = source.database();
        let session = names::staged(live, request.job);
        let connection = source.restore_connection();
        let server = session::reach(&connection, &session, progress)?;
        let written = request.safety.and_then(|safety| {
            let held = &safety.archive.restore_point().metadata.sources;
            held.iter().find(|held| held.name == source.name)?.details.get(WRITTEN).cloned()
        });
        let swap = DatabaseSwap {
            connection,
            cluster: String::new(),
            kept_name: names::kept(live, request.job),
            staged_name: session.clone(),
            session,
            live_name: live.to_owned(),
            old: None,
            new_oid: 0,
            new_is_kept: false,
            written,
            seal: None,
        };
        if let Some(kept) = &request.kept {
            if let Some(staged) = Self::of_kept(source, &server, &swap, kept.database.as_ref())? {
                return Ok(staged);
            }
            if !kept.is_saved {
                let reason = "what was replaced was connected to since, and no safety backup holds all of it; nothing was changed";
                return Err(refused(&swap, reason));
            }
        }
        let loaded = Loaded::make(source, &server, archive, &swap.staged_name, progress)?;
        let recorded = recorded(&server, DatabaseSwap { new_oid: loaded.oid, ..swap });
        let swap = recorded.inspect_err(|_| loaded.take_away(&server))?;
        let (held, warnings) = (Some(loaded.held), loaded.warnings);
        let swap = Swapping::new(record_of(&source.name, swap));
        Ok(Self { source: source.name.clone(), server, swap, held, warnings })
    }

    /// The database that an earlier restore kept, if it is as it was then.
    fn of_kept(
        source: &Postgres,
        server: &Server,
        swap: &DatabaseSwap,
        kept: Option<&DatabaseSwap>,
    ) -> Result<Option<Self>, StageError> {
        let Some((kept, old)) = kept.and_then(|kept| Some((kept, kept.old.as_ref()?))) else { return Ok(None) };
        let look = Look::at(server, &[&kept.kept_name], &[])?;
        if !kept.is_as_sealed(&look) {
            return Ok(None);
        }
        let staged_name = kept.kept_name.clone();
        let swap = DatabaseSwap { staged_name, new_oid: old.oid, new_is_kept: true, ..swap.clone() };
        let swap = Swapping::new(record_of(&source.name, recorded(server, swap)?));
        let (source, server) = (source.name.clone(), server.clone());
        Ok(Some(Self { source, server, swap, held: None, warnings: Vec::new() }))
    }

    fn database(&self) -> Option<&DatabaseSwap> {
        match &self.swap.record().swap {
            RecordedSwap::RenameDatabase(swap) => Some(swap),
            _ => None,
        }
    }
}

impl Staged for StagedDatabase {
    fn record(&self) -> SwapRecord {
        self.swap.record().clone()
    }

    fn aside(&self) -> PathBuf {
        match self.database() {
            Some(swap) if !self.swap.is_made() => swap.staged(),
            _ => self.swap.record().aside.clone(),
        }
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn validate(&mut self, progress: &Progress) -> Result<(), StageError> {
        let (Some(held), Some(swap)) = (&self.held, self.database()) else { return Ok(()) };
        let name = swap.staged_name.clone();
        let warnings = validate::compare_rows(&self.server, &name, held, progress)?;
        validate::compare_large_objects(&self.server, &name, &held.counts)?;
        self.warnings.extend(warnings);
        progress.add_files(1);
        Ok(())
    }

    /// Asked after the swap instead ([`SwapRecord::changed_since_safety`]): a second dump while nobody can work would take
    /// as long as the database is large, and what was replaced is still there to be dumped afterwards.
    fn changed_since_safety(&mut self, _progress: &Progress) -> Result<Vec<String>, StageError> {
        Ok(Vec::new())
    }

    fn bring_up_to_date(&mut self, _progress: &Progress) -> Result<(), StageError> {
        let Some(swap) = self.database().filter(|_| !self.swap.is_made()) else { return Ok(()) };
        // Before anybody is locked out.
        if let Some(sessions) = plan::in_the_way_of(&self.server, &swap.live_name)? {
            return Err(refused(swap, &sessions));
        }
        // An application may have made its database anew since.
        let swap = recorded(&self.server, swap.clone())?;
        self.swap.replace_record(record_of(&self.source, swap));
        Ok(())
    }

    fn commit(&mut self) -> Result<(), StageError> {
        self.swap.commit()
    }

    fn compare(&mut self, progress: &Progress) -> Result<Comparison, StageError> {
        progress.check_cancelled()?;
        let Some(swap) = self.database() else { return Ok(Comparison::default()) };
        let look = Look::at(&self.server, &[&swap.live_name], &[])?;
        let mut differences = Vec::new();
        match look.named(&swap.live_name) {
            Some(found) if found.oid != swap.new_oid => {
                differences
                    .push(format!("{} is the database {}, meant was {}", swap.live_name, found.oid, swap.new_oid));
            }
            Some(found) if !found.allows => differences.push(format!("{} allows no connections", swap.live_name)),
            Some(_) => {}
            None => differences.push(format!("there is no database {}", swap.live_name)),
        }
        Ok(Comparison { entries: 1, differences })
    }

    fn undo(&mut self) -> Result<(), StageError> {
        self.swap.undo()
    }

    fn discard(self: Box<Self>) -> Result<(), StageError> {
        self.swap.record().discard_aside()
    }
}

/// Loads a backup into the database `name`, which must not exist: under another name, and renamed when it is whole.
pub(super) fn load_into(
    source: &Postgres,
    archive: &Arc<ArchiveReader>,
    name: &str,
    job: JobId,
    progress: &Progress,
) -> Result<LoadedDatabase, StageError> {
    let staged_name = names::staged(source.database(), job);
    let connection = source.restore_connection();
    let server = session::reach(&connection, &staged_name, progress)?;
    if Look::at(&server, &[name], &[])?.named(name).is_some() {
        let path = connection.url.with_database(name).to_string().into();
        let reason = "there is a database of this name; name another, or drop that one first".to_owned();
        return Err(SourceError::Refused { path, reason }.into());
    }
    let loaded = Loaded::make(source, &server, archive, &staged_name, progress)?;
    let named = || -> Result<LoadedDatabase, StageError> {
        let mut warnings = validate::compare_rows(&server, &staged_name, &loaded.held, progress)?;
        validate::compare_large_objects(&server, &staged_name, &loaded.held.counts)?;
        let rename = format!("ALTER DATABASE {} RENAME TO {};", Identifier(&staged_name), Identifier(name));
        let keep = roles::statements_to_keep(&server, &staged_name)?;
        let sql = format!("BEGIN;\n{rename}\n{keep}COMMIT;\n");
        server.change(&connection.maintenance_db, &format!("renaming {staged_name} to {name}"), &sql, None)?;
        warnings.extend(loaded.warnings.iter().cloned());
        let tables = loaded.held.tables();
        let rows = tables.values().fold(0, |sum: u64, rows| sum.saturating_add(*rows));
        Ok(LoadedDatabase { tables: tables.len() as u64, rows, warnings })
    }();
    named.inspect_err(|_| loaded.take_away(&server))
}

/// A new database with a backup in it.
struct Loaded {
    name: String,
    oid: u32,
    held: Held,
    warnings: Vec<String>,
}

impl Loaded {
    /// After an error nothing of it is left; what could not be taken away then is in the message.
    fn make(
        source: &Postgres,
        server: &Server,
        archive: &Arc<ArchiveReader>,
        name: &str,
        progress: &Progress,
    ) -> Result<Self, StageError> {
        let held = source.held(archive, progress)?;
        let facts = Facts::ask(server, source.database(), &held.globals)?;
        let Findings { refusals, warnings } = Findings::of_new(&facts, &held.globals);
        plan::require_none(source, &refusals)?;
        let mut loaded = Self { name: name.to_owned(), oid: 0, held, warnings };
        match loaded.fill(server, &facts, archive) {
            Ok(()) => Ok(loaded),
            Err(error) => {
                if let StageError::Source(SourceError::Postgres(PostgresError::Full { .. })) = &error {
                    load::make_room(server, name);
                }
                loaded.take_away(server);
                Err(error)
            }
        }
    }

    fn fill(&mut self, server: &Server, facts: &Facts, archive: &Arc<ArchiveReader>) -> Result<(), StageError> {
        roles::create(server, facts, &self.held, &self.name)?;
        self.pass("source.database.roles")?;
        load::create_database(server, facts, &self.held, &self.name)?;
        let look = Look::at(server, &[&self.name], &[])?;
        let made = look.named(&self.name).ok_or_else(|| {
            let message = "it is not there although the server said that it made it".to_owned();
            PostgresError::Failed { doing: format!("making the database {}", self.name), message }
        })?;
        self.oid = made.oid;
        self.pass("source.database.created")?;
        let loaded = load::load_dump(server, archive, &self.held, &self.name)?;
        self.warnings.extend(loaded.warnings);
        self.pass("source.database.loaded")?;
        load::finish(server, &self.held, &self.name)?;
        Ok(())
    }

    fn pass(&self, point: &'static str) -> Result<(), StageError> {
        let path = self.name.clone();
        steps::pass(point).map_err(|error| StageError::Io { doing: "loading", path, error })
    }

    /// Drops it again. The server may be restarting, and what it was last told may still be under way.
    fn take_away(&self, server: &Server) {
        let dropped = session::reach(&server.connection, &self.name, &Progress::default()).and_then(|server| {
            let look = Look::at(&server, &[&self.name], &[])?;
            if let Some(found) = look.named(&self.name) {
                drop_database(&server, found, Connected::Ended)?;
            }
            roles::drop_made(&server, &self.name)
        });
        if let Err(error) = dropped {
            let name = Identifier(&self.name);
            tracing::error!(%error, "what was staged stays on the server: DROP DATABASE {name}; removes it");
        }
    }
}

/// With what is live now.
fn recorded(server: &Server, swap: DatabaseSwap) -> Result<DatabaseSwap, StageError> {
    let look = Look::at(server, &[&swap.live_name], &[])?;
    let old =
        look.named(&swap.live_name).map(|found| ReplacedDatabase { oid: found.oid, allowed_connections: found.allows });
    Ok(DatabaseSwap { cluster: look.cluster, old, ..swap })
}

fn record_of(source: &SourceName, swap: DatabaseSwap) -> SwapRecord {
    SwapRecord {
        source: source.clone(),
        kind: SourceKind::Postgres,
        live: swap.live(),
        aside: swap.aside(),
        swap: RecordedSwap::RenameDatabase(swap),
    }
}

fn refused(swap: &DatabaseSwap, reason: &str) -> StageError {
    StageError::Source(SourceError::Refused { path: swap.live(), reason: reason.to_owned() })
}
