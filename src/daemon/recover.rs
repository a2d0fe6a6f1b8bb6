//! The start: what a crash, a lost catalog or an unmounted disk left is put right before anybody is served.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::audit::{Actor, Entry};
use crate::catalog::{BackupFilter, BackupRecord, Catalog, Job, JobFilter, JobSpec, Lane, Opened};
use crate::clock::Clock;
use crate::config::Config;
use crate::model::{BackupId, BackupState, JobState};
use crate::store::{LocalStore, Presence, Store, StoreError, Unreadable, survey};

/// Opens the store that the catalog knows. One that is not there does not keep the daemon from starting: it is said in
/// the status, and nothing is written until it is back.
pub(super) fn open_store(config: &Config, catalog: &Catalog, clock: &Clock) -> anyhow::Result<Arc<dyn Store>> {
    let dir = &config.backup.dir;
    let known = catalog.store_id()?;
    match (LocalStore::open(dir, known, clock.now()), known) {
        (Ok(store), _) => {
            if known.is_none() {
                let entry = Entry::new(clock.now(), Actor::daemon("recovery"), "store.adopt", store.id());
                catalog.set_store_id(store.id(), &entry)?;
            }
            Ok(Arc::new(store))
        }
        (Err(error @ (StoreError::Missing { .. } | StoreError::Foreign { .. })), Some(id)) => {
            tracing::error!(%error, "the backup store is not there");
            Ok(Arc::new(LocalStore::absent(dir, id)))
        }
        (Err(error), _) => Err(error.into()),
    }
}

/// Sweeps what a crash left in the store, and makes catalog and store agree.
pub(super) fn reconcile(catalog: &Catalog, store: &dyn Store, opened: &Opened, clock: &Clock) -> anyhow::Result<()> {
    if let Opened::SetAside { path, why } = opened {
        tracing::error!("the catalog was damaged ({why}); it is kept as {} and rebuilt", path.display());
    }
    if store.check().is_err() {
        return Ok(());
    }
    for name in store.sweep()? {
        tracing::info!("swept {name}, which an interrupted backup left");
    }
    let crash = Crash { running: running_jobs(catalog)? };
    let known = catalog.list_backups(&BackupFilter { all: true, ..BackupFilter::default() })?;
    let names: HashSet<&str> = known.iter().map(|backup| backup.filename.as_str()).collect();
    let found = survey(store, |name| names.contains(name.as_str()))?;
    for archive in &found.unreadable {
        tracing::error!("the archive {} cannot be read and was left alone: {}", archive.name, archive.why);
    }
    if !found.backups.is_empty() || *opened != Opened::Existing {
        let entry = Entry::new(clock.now(), Actor::daemon("recovery"), "catalog.rebuild", "");
        let added = match opened {
            Opened::Existing => catalog.take_in(&found.backups, &entry)?,
            Opened::Created | Opened::SetAside { .. } => catalog.rebuild_from(&found.backups, &entry)?,
        };
        if added > 0 {
            tracing::warn!("{added} backups that the catalog did not know were taken in from the store");
            let ids: HashSet<BackupId> = known.iter().map(|backup| backup.id).collect();
            let new: Vec<_> = found.backups.iter().filter(|backup| !ids.contains(&backup.id)).collect();
            if *opened != Opened::Existing || !crash.explains(&new) {
                let why =
                    format!("{added} backups were taken in from the store, and what else was needed may not be known");
                wait_with_removal(catalog, clock, &why)?;
            }
        }
    }
    note_unreadable(catalog, clock, &found.unreadable)?;
    let presence = Presence::of(store)?;
    // Asked again: what was taken in may be what others have missed, and need what is gone.
    let known = catalog.list_backups(&BackupFilter { all: true, ..BackupFilter::default() })?;
    for (backup, state) in known.iter().zip(presence.states_of(&known)) {
        if state == BackupState::Retained && presence.is_marked_as_trashed(&backup.filename) {
            // Its time in the trash was just over.
            set_untrashed(store, backup)?;
        }
        if state == backup.state {
            continue;
        }
        tracing::warn!(backup_id = %backup.id, "{} is {state}", backup.filename);
        let entry = Entry::new(clock.now(), Actor::daemon("recovery"), "backup.state", backup.id).with("state", state);
        match state {
            BackupState::Trashed => catalog.trash_backup(backup.id, trashed_at(store, backup, clock), &entry)?,
            // Deleted right before the daemon ended, or the catalog is older than the store.
            BackupState::Retained => {
                if !crash.deleted(backup) {
                    let why = format!("{} is marked as deleted, and the catalog did not know", backup.filename);
                    wait_with_removal(catalog, clock, &why)?;
                }
                catalog.retain_backup(backup.id, &entry)?;
            }
            _ if backup.state == BackupState::Trashed => catalog.take_back_backup(backup.id, state, &entry)?,
            _ => catalog.set_backup_state(backup.id, state, &entry)?,
        }
    }
    Ok(())
}

/// Since when the backup lies in the trash. Where that cannot be read, its time begins now.
fn trashed_at(store: &dyn Store, backup: &BackupRecord, clock: &Clock) -> Timestamp {
    let since = backup.filename.parse().ok().and_then(|name| store.trashed_at(&name).ok().flatten());
    since.unwrap_or_else(|| clock.now())
}

fn set_untrashed(store: &dyn Store, backup: &BackupRecord) -> Result<(), StoreError> {
    match backup.filename.parse().map(|name| store.set_trashed(&name, None)) {
        Ok(Err(StoreError::NotFound(_))) | Err(_) => Ok(()),
        Ok(done) => done,
    }
}

/// What ran when the daemon ended, if anything did: it explains a little of what the catalog does not know.
struct Crash {
    running: Vec<Job>,
}

/// A restore takes so many backups at most.
const MOST_OF_ONE_JOB: usize = 3;

fn running_jobs(catalog: &Catalog) -> anyhow::Result<Vec<Job>> {
    let mut jobs = catalog.list_jobs(&JobFilter { unfinished: true, limit: None })?;
    jobs.retain(|job| job.state == JobState::Running && job.spec.lane() == Lane::Write);
    Ok(jobs)
}

impl Crash {
    /// Whether the archives that the catalog does not know are those that a job had just published, or was just removing.
    fn explains(&self, new: &[&BackupRecord]) -> bool {
        let began_before = |job: &Job, backup: &BackupRecord| job.started_at.is_some_and(|at| at <= backup.created_at);
        let is_explained = |backup: &&BackupRecord| {
            let by_job = self.running.iter().any(|job| began_before(job, backup));
            backup.state == BackupState::Retained || by_job || self.deleted(backup)
        };
        new.len() <= MOST_OF_ONE_JOB && new.iter().all(is_explained)
    }

    /// Whether a job was just deleting the backup.
    fn deleted(&self, backup: &BackupRecord) -> bool {
        self.running.iter().any(|job| match &job.spec {
            JobSpec::Prune(spec) => spec.backups.contains(&backup.id),
            JobSpec::Expire(_) => true,
            _ => false,
        })
    }
}

/// An archive that cannot be read may need others, and nobody knows which.
fn note_unreadable(catalog: &Catalog, clock: &Clock, unreadable: &[Unreadable]) -> anyhow::Result<()> {
    let listed: Vec<_> = unreadable.iter().map(Unreadable::for_catalog).collect();
    let entry = Entry::new(clock.now(), Actor::daemon("recovery"), "store.unreadable", "");
    catalog.set_unreadable_archives(&listed, &entry)?;
    if let Some(first) = unreadable.first() {
        wait_with_removal(catalog, clock, &format!("{} cannot be read, and may need others", first.name))?;
    }
    Ok(())
}

fn wait_with_removal(catalog: &Catalog, clock: &Clock, why: &str) -> anyhow::Result<()> {
    tracing::warn!("nothing is removed from the store by itself until everything was verified: {why}");
    let entry = Entry::new(clock.now(), Actor::daemon("recovery"), "removal.wait", "");
    Ok(catalog.set_removal_waits(why, &entry)?)
}
