//! The start: what a crash, a lost catalog or an unmounted disk left is put right before anybody is served.

use std::collections::HashSet;
use std::sync::Arc;

use crate::audit::{Actor, Entry};
use crate::catalog::{BackupFilter, Catalog, Opened};
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
        let added = catalog.rebuild_from(&found.backups, &entry)?;
        if added > 0 {
            tracing::warn!("{added} backups that the catalog did not know were taken in from the store");
        }
    }
    let presence = Presence::of(store)?;
    // Asked again: what was taken in may be what others have missed, and need what is gone.
    let known = catalog.list_backups(&BackupFilter { all: true, ..BackupFilter::default() })?;
    for (backup, state) in known.iter().zip(presence.states_of(&known)) {
        if state == backup.state {
            continue;
        }
        tracing::warn!(backup_id = %backup.id, "{} is {state}", backup.filename);
        let entry = Entry::new(clock.now(), Actor::daemon("recovery"), "backup.state", backup.id).with("state", state);
        match state {
            // Deleted right before the daemon ended.
            BackupState::Retained => catalog.retain_backup(backup.id, &entry)?,
            _ => catalog.set_backup_state(backup.id, state, &entry)?,
        }
    }
    Ok(())
}
