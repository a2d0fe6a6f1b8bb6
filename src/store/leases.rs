//! Who reads which archive at present, so that nothing removes it meanwhile.
//!
//! In memory only: readers do not outlive the daemon.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::BackupId;

/// The archives in use. Clones share one table.
#[derive(Clone, Debug, Default)]
pub struct Leases(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    readers: HashMap<BackupId, usize>,
    removing: HashSet<BackupId>,
}

/// A backup is just being removed, and cannot be read any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("backup {0} is just being removed; choose another")]
pub struct BeingRemoved(pub BackupId);

impl Leases {
    /// Keeps the archives of `backups` from being removed until the lease is dropped.
    ///
    /// # Errors
    /// [`BeingRemoved`]; none is leased then.
    pub fn lease(&self, backups: impl IntoIterator<Item = BackupId>) -> Result<Lease, BeingRemoved> {
        let mut lease = Lease { leases: self.clone(), backups: Vec::new() };
        for id in backups {
            let mut table = self.lock();
            if table.removing.contains(&id) {
                return Err(BeingRemoved(id));
            }
            *table.readers.entry(id).or_default() += 1;
            lease.backups.push(id);
        }
        Ok(lease)
    }

    /// Keeps the backup from being read, for as long as the result lives. `None` while somebody reads it, or removes it
    /// already.
    #[must_use]
    pub fn remove(&self, backup: BackupId) -> Option<Removal> {
        let mut table = self.lock();
        let free = !table.readers.contains_key(&backup) && table.removing.insert(backup);
        free.then(|| Removal { leases: self.clone(), backup })
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps archives from being removed until it is dropped.
#[derive(Debug)]
#[must_use = "the lease ends when this is dropped"]
pub struct Lease {
    leases: Leases,
    backups: Vec<BackupId>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut table = self.leases.lock();
        for id in &self.backups {
            if let Some(readers) = table.readers.get_mut(id) {
                *readers -= 1;
                if *readers == 0 {
                    table.readers.remove(id);
                }
            }
        }
    }
}

/// Keeps a backup from being read until it is dropped.
#[derive(Debug)]
pub struct Removal {
    leases: Leases,
    backup: BackupId,
}

impl Drop for Removal {
    fn drop(&mut self) {
        self.leases.lock().removing.remove(&self.backup);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_cannot_be_removed_before_its_last_reader_is_done() {
        let (leases, id) = (Leases::default(), BackupId::generate());
        let first = leases.lease([id, id]).unwrap();
        let second = leases.lease([id]).unwrap();
        drop(first);
        assert!(leases.remove(id).is_none());
        drop(second);
        assert!(leases.remove(id).is_some());
    }

    #[test]
    fn a_backup_cannot_be_read_while_it_is_removed() {
        let (leases, kept, gone) = (Leases::default(), BackupId::generate(), BackupId::generate());
        let removal = leases.remove(gone).unwrap();
        assert!(leases.remove(gone).is_none());
        assert_eq!(leases.lease([kept, gone]).unwrap_err(), BeingRemoved(gone));
        assert!(leases.remove(kept).is_some(), "the refused lease keeps nothing");
        drop(removal);
        let _again = leases.lease([gone]).unwrap();
    }
}
