//! The power goes at every point of a restore: what was not made durable by then is gone, on one disk or on several.

use super::crashes::{Passage, assert_recovered, kill_restore_at, passages_at};
use super::site::Site;
use crate::support::World;
use crate::support::disks::{Disks, FileSystem};

/// A site on disks. Fields go in this order.
struct PoweredSite {
    site: Site,
    disks: Disks,
}

impl PoweredSite {
    /// All of it on one disk, but for what is mounted within it: `inner` says which folder, and as what.
    fn on(outer: FileSystem, inner: Option<(&str, FileSystem)>) -> Option<Self> {
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
        disks.save();
        Some(Self { site, disks })
    }

    /// As before any restore.
    fn reset(&self) {
        self.disks.load();
        let _none_yet = std::fs::remove_file(&self.site.calls);
    }

    fn passages(&self) -> Vec<Passage> {
        passages_at(&self.site, &self.disks.beside("trace"))
    }

    /// The power goes at every passage of a restore, and once when its success was said.
    fn lose_power_everywhere(&self) {
        for passage in self.passages() {
            self.reset();
            kill_restore_at(&self.site, &passage);
            self.disks.lose_power();
            let daemon = self.site.world.start();
            assert_recovered(&self.site, &daemon, &format!("the power went at {passage:?}"));
            daemon.stop();
        }
        self.reset();
        let daemon = self.site.world.start();
        self.site.restore().expect_code(0);
        daemon.kill9();
        self.disks.lose_power();
        let daemon = self.site.world.start();
        assert!(self.site.assert_whole("the power went after the restore"));
        assert_eq!(self.site.job().unwrap()["state"], "succeeded");
        assert_recovered(&self.site, &daemon, "the power went after the restore");
    }
}

#[test]
fn a_restore_on_one_ext4_disk_that_loses_power_at_any_point_is_settled_at_the_next_start() {
    let Some(site) = PoweredSite::on(FileSystem::Ext4, None) else { return };
    site.lose_power_everywhere();
}

#[test]
fn a_restore_on_one_xfs_disk_that_loses_power_at_any_point_is_settled_at_the_next_start() {
    let Some(site) = PoweredSite::on(FileSystem::Xfs, None) else { return };
    site.lose_power_everywhere();
}

// What one disk wrote says nothing of what another one did.

#[test]
fn a_restore_of_sources_on_a_disk_of_their_own_that_lose_power_at_any_point_is_settled_at_the_next_start() {
    let Some(site) = PoweredSite::on(FileSystem::Ext4, Some(("clinic", FileSystem::Xfs))) else { return };
    site.lose_power_everywhere();
}

#[test]
fn a_restore_whose_state_is_on_a_disk_of_its_own_that_loses_power_at_any_point_is_settled_at_the_next_start() {
    let Some(site) = PoweredSite::on(FileSystem::Xfs, Some(("state", FileSystem::Ext4))) else { return };
    site.lose_power_everywhere();
}

#[test]
fn a_restore_of_a_root_that_is_a_disk_that_loses_power_at_any_point_is_settled_at_the_next_start() {
    let Some(site) = PoweredSite::on(FileSystem::Xfs, Some(("clinic/studies", FileSystem::Ext4))) else { return };
    site.lose_power_everywhere();
}
