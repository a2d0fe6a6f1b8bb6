//! What a job is given.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use super::restore::Restores;
use crate::archive::Codec;
use crate::catalog::{Catalog, Job, JobError};
use crate::clock::Clock;
use crate::config::{Hooks, MinFree};
use crate::model::{BackupId, ErrorCode, Scope, SourceKind, SourceName};
use crate::progress::Progress;
use crate::source::{SeenFolder, Source};
use crate::store::{Leases, Store};

/// The parts of the daemon that jobs work with.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Backups, jobs, audit trail.
    pub catalog: Catalog,
    /// Where archives live.
    pub store: Arc<dyn Store>,
    /// Who reads which archive.
    pub leases: Leases,
    /// The time.
    pub clock: Clock,
    /// The configured sources, in the order of the configuration.
    pub sources: Vec<Arc<dyn Source>>,
    /// What trees were like when they were last backed up.
    pub seen: SeenFolder,
    /// What restores leave on the disk so that none is ever half done.
    pub restores: Restores,
    /// Decided values.
    pub settings: Settings,
}

/// Decided values of the configuration that jobs need.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How archives are compressed.
    pub codec: Codec,
    /// Worker threads; 0 for one per core.
    pub threads: usize,
    /// What has to stay free in the store.
    pub min_free: MinFree,
    /// After how long a backup is a full again; `None` for never.
    pub full_every: Option<Duration>,
    /// Name of this host, for the metadata.
    pub host: String,
    /// How long what a restore replaced is kept.
    pub keep_replaced: Duration,
    /// The site's own programs.
    pub hooks: Hooks,
}

impl Parts {
    /// The configured source of this name.
    #[must_use]
    pub fn source(&self, name: &SourceName) -> Option<&Arc<dyn Source>> {
        self.sources.iter().find(|source| source.name() == name)
    }

    /// The configured sources that `scope` covers, only the `named` ones where any are.
    ///
    /// # Errors
    /// When a name is not configured, or nothing is left.
    pub fn select(&self, scope: Scope, named: &[SourceName]) -> Result<Vec<Arc<dyn Source>>, JobError> {
        if let Some(unknown) = named.iter().find(|name| self.source(name).is_none()) {
            let names: Vec<&str> = self.sources.iter().map(|source| source.name().as_str()).collect();
            return Err(JobError {
                code: ErrorCode::NotFound,
                message: format!("no source '{unknown}' is configured"),
                hint: format!("the configured sources are: {}", names.join(", ")),
            });
        }
        let wanted = |source: &&Arc<dyn Source>| {
            scope.covers(source.kind()) && (named.is_empty() || named.contains(source.name()))
        };
        let selected = in_reading_order(&self.sources.iter().filter(wanted).cloned().collect::<Vec<_>>());
        if selected.is_empty() {
            return Err(JobError {
                code: ErrorCode::Usage,
                message: format!("scope '{scope}' covers none of the sources"),
                hint: "use --scope all, or name sources that the scope covers".to_owned(),
            });
        }
        Ok(selected)
    }
}

/// The order in which sources are read and stand in an archive: databases, then JSON files, then trees, each in the order
/// of the configuration. What a record points to then is at least as new as the record: a study that a database names is
/// read after it.
pub(super) fn in_reading_order(sources: &[Arc<dyn Source>]) -> Vec<Arc<dyn Source>> {
    let mut ordered = sources.to_vec();
    ordered.sort_by_key(|source| match source.kind() {
        SourceKind::Postgres => 0,
        SourceKind::Json => 1,
        SourceKind::Files => 2,
    });
    ordered
}

/// One running job.
#[derive(Debug)]
pub struct JobContext<'a> {
    /// The parts that were in force when it began.
    pub parts: &'a Parts,
    /// The job.
    pub job: &'a Job,
    /// Its progress and cancellation.
    pub progress: &'a Progress,
    restored: Cell<Option<BackupId>>,
    safety: Cell<Option<BackupId>>,
    notes: RefCell<Notes>,
}

/// What a job has to tell besides its outcome.
type Notes = serde_json::Map<String, serde_json::Value>;

impl<'a> JobContext<'a> {
    pub(super) fn new(parts: &'a Parts, job: &'a Job, progress: &'a Progress) -> Self {
        Self { parts, job, progress, restored: Cell::new(None), safety: Cell::new(None), notes: RefCell::default() }
    }

    /// Begins a phase, and is the place where cancellation is seen between two.
    pub(super) fn begin_phase(&self, name: &str) -> Result<(), JobError> {
        self.progress.check_cancelled()?;
        self.progress.begin_phase(name, self.parts.clock.now());
        tracing::debug!(job_id = %self.job.id, "{name}");
        Ok(())
    }

    /// Notes which backup is restored, so that a failed job says it too.
    pub(super) fn note_restored(&self, id: BackupId) {
        self.restored.set(Some(id));
    }

    /// Notes the safety backup, so that a failed job says it too.
    pub(super) fn note_safety(&self, id: BackupId) {
        self.safety.set(Some(id));
    }

    /// Notes what the job's result is to tell, however it ends.
    pub(super) fn note(&self, name: &str, value: impl Into<serde_json::Value>) {
        self.notes.borrow_mut().insert(name.to_owned(), value.into());
    }

    pub(super) fn take_notes(&self) -> Notes {
        self.notes.take()
    }

    pub(super) const fn restored_backup(&self) -> Option<BackupId> {
        self.restored.get()
    }

    pub(super) const fn safety_backup(&self) -> Option<BackupId> {
        self.safety.get()
    }
}
