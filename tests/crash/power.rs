//! The power goes at every passage: what was not made durable by then is gone. What was reported as done is not.

use super::aftermath::backups;
use super::kills::{assert_goes_on, kill_and_then};
use super::scenario::{Scenario, Stage, index_of, passages};
use crate::support::World;
use crate::support::disks::{Disks, FileSystem};

/// A stage on disks. Fields go in this order.
struct PoweredStage {
    stage: Stage,
    disks: Disks,
}

impl PoweredStage {
    /// The store on a disk of its own if `store` says so, all else on one.
    fn on(scenario: Scenario, outer: FileSystem, store: Option<FileSystem>) -> Option<Self> {
        let mut disks = Disks::new()?;
        let mounted = disks.beside("disk");
        disks.mount(outer, &mounted);
        let world = World::below_with(&mounted, |dir| {
            if let Some(file_system) = store {
                disks.mount(file_system, &dir.join("backups"));
            }
        });
        let stage = Stage::set_in(world, scenario);
        disks.save();
        Some(Self { stage, disks })
    }

    /// The power goes at every passage, and once when the success was reported. `step` is the point that has something done
    /// which is not durable yet; `before` and `after` are how many backups there are then.
    fn lose_power_everywhere(&self, step: &str, before: usize, after: usize) {
        let scenario = self.stage.scenario;
        let step = index_of(scenario, step, 1);
        for passage in passages(scenario) {
            self.disks.load();
            let _daemon = kill_and_then(&self.stage, passage, || self.disks.lose_power());
            let found = backups(&self.stage.world).len();
            let expected: &[usize] = match passage.index {
                Some(index) if index < step => &[before],
                Some(index) if index > step => &[after],
                _ => &[before, after],
            };
            assert!(expected.contains(&found), "{passage:?}: {found}");
            assert_goes_on(&self.stage.world);
        }
        self.lose_power_after(after);
    }

    fn lose_power_after(&self, after: usize) {
        self.disks.load();
        let daemon = self.stage.world.start();
        self.stage.run().expect_code(0);
        daemon.kill9();
        self.disks.lose_power();
        let _daemon = self.stage.world.start();
        assert_eq!(backups(&self.stage.world).len(), after);
        let jobs = self.stage.world.ctl(&["jobs", "--all", "--json"]).expect_code(0).json();
        assert_eq!(jobs["jobs"][0]["state"], "succeeded", "{jobs:#}");
        assert_goes_on(&self.stage.world);
    }
}

#[test]
fn a_backup_that_loses_power_at_any_point_is_whole_or_not_there_and_one_that_succeeded_is_whole() {
    for (outer, store) in [
        (FileSystem::Ext4, None),
        (FileSystem::Xfs, None),
        (FileSystem::Ext4, Some(FileSystem::Xfs)),
        (FileSystem::Xfs, Some(FileSystem::Ext4)),
    ] {
        let Some(stage) = PoweredStage::on(Scenario::Backup, outer, store) else { return };
        stage.lose_power_everywhere("fsio.published", 0, 1);
    }
}

#[test]
fn a_removal_that_loses_power_at_any_point_has_the_backup_wholly_or_not_at_all() {
    for (outer, store) in [(FileSystem::Ext4, Some(FileSystem::Xfs)), (FileSystem::Xfs, Some(FileSystem::Ext4))] {
        let Some(stage) = PoweredStage::on(Scenario::Delete, outer, store) else { return };
        stage.lose_power_everywhere("fsio.unlinked", 2, 1);
    }
}
