//! The start: what a crash, a lost catalog or an unmounted disk left is put right before anybody is served.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::audit::{Actor, Entry};
use crate::catalog::{BackupFilter, BackupRecord, Catalog, Opened};
use crate::clock::Clock;
use crate::config::Config;
use crate::model::BackupState;
use crate::store::{LocalStore, Presence, Store, StoreError, survey};

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
        }
    }
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
            // Deleted right before the daemon ended.
            BackupState::Retained => catalog.retain_backup(backup.id, &entry)?,
            BackupState::Trashed => catalog.trash_backup(backup.id, trashed_at(store, backup, clock), &entry)?,
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
