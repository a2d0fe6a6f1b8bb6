//! A site on disks that lose power.

use std::fs;

use super::site::Site;
use crate::support::World;
use crate::support::disks::{Disks, FileSystem};

/// A folder within the world that is a disk of its own.
pub(super) type Inner = Option<(&'static str, FileSystem)>;

/// The sources.
pub(super) const CLINIC_ON_XFS: Inner = Some(("clinic", FileSystem::Xfs));
/// The daemon's state.
pub(super) const STATE_ON_EXT4: Inner = Some(("state", FileSystem::Ext4));
/// One source, whose root is then a mount point.
pub(super) const STUDIES_ON_EXT4: Inner = Some(("clinic/studies", FileSystem::Ext4));

/// See the module. Fields go in this order.
pub(super) struct PoweredSite {
    pub(super) site: Site,
    pub(super) disks: Disks,
}

impl PoweredSite {
    /// All of it on one disk, but for what `inner` says. `None` where there can be no disks.
    #[track_caller]
    pub(super) fn on(outer: FileSystem, inner: Inner) -> Option<Self> {
        let mut disks = Disks::new()?;
        let mounted = disks.beside("disk");
        disks.mount(outer, &mounted);
        let world = World::below_with(&mounted, |dir| {
            if let Some((folder, file_system)) = inner {
                disks.mount(file_system, &dir.join(folder));
            }
        });
        // What was done before the power went is known only to what has power.
        let site = Site::within(world, disks.beside("calls"), |hooks| hooks.that_write_lines());
        let powered = Self { site, disks };
        powered.save();
        Some(powered)
    }

    /// No daemon runs.
    #[track_caller]
    pub(super) fn lose_power(&self) {
        self.disks.lose_power();
    }

    /// Remembers all of it for [`PoweredSite::load`]. No daemon runs.
    #[track_caller]
    pub(super) fn save(&self) {
        self.disks.save();
    }

    /// As at the last [`PoweredSite::save`]; nothing was called since. No daemon runs.
    #[track_caller]
    pub(super) fn load(&self) {
        self.disks.load();
        let _none_yet = fs::remove_file(&self.site.calls);
    }
}
