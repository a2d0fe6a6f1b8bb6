//! Durable writes, private folders, locks and disk space. The only place that fsyncs or renames what must survive a
//! power loss.
//!
//! A write counts as durable when the file was fsynced, given its name, and the folder was fsynced: ext4 and xfs may
//! otherwise lose the name, or keep the name and lose the bytes. It must never replace a file by one that is not
//! completely on the disk. Called by the catalog, the store, the daemon and the restore journal.

mod durable;
mod lock;
mod reserve;
mod space;

pub use durable::{
    create_private_dir, fsync_dir, is_temporary, publish, remove_durably, replace, replace_by, set_aside,
    sweep_temporaries, write_durably,
};
pub use lock::{Lock, LockError, lock_exclusively};
pub use reserve::{Reserve, is_full};
pub use space::{Space, device_of, free_space, free_space_of};
