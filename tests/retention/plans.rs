//! Plans, and the jobs that carry them out.

use std::fs;

use super::{LAST_TWO, fate, full_backup, plan, set_retention, state, world_with};
use crate::support::World;

#[test]
fn a_plan_gives_a_reason_for_every_backup_and_prune_carries_out_just_that() {
    let world = world_with(LAST_TWO);
    let _daemon = world.start();
    let [oldest, held, middle, last] = [(); 4].map(|()| full_backup(&world));
    world.ctl(&["hold", &held, "-m", "court order 17"]).expect_code(0);
    let shown = plan(&world);
    assert_eq!(fate(&shown, &oldest), (true, "no rule keeps it".to_owned()));
    let (expires, why) = fate(&shown, &held);
    assert!(!expires && why.starts_with("held by ") && why.ends_with(": court order 17"), "{why}");
    assert_eq!(fate(&shown, &middle), (false, "last 2 of 2".to_owned()));
    assert_eq!(fate(&shown, &last), (false, "last 1 of 2, newest of data, newest of studies".to_owned()));
    assert_eq!((&shown["kept"], &shown["expired"]), (&3.into(), &1.into()));
    let text = world.ctl(&["prune", "--dry-run"]).expect_code(0).stdout;
    for part in ["1 backup expires, 3 stay", "no rule keeps it", "court order 17", "expires", "stays"] {
        assert!(text.contains(part), "'{part}' is not in\n{text}");
    }
    assert_eq!(state(&world, &oldest), "available", "nothing was done yet");

    let refused = world.ctl(&["prune"]).expect_code(9);
    assert!(refused.stderr.contains("--yes"), "{refused:?}");
    let pruned = world.ctl(&["prune", "--yes", "-m", "tidying"]).expect_code(0).stdout;

    assert!(pruned.contains("1 backup expired: ") && pruned.contains("no rule keeps it"), "{pruned}");
    assert_eq!(state(&world, &oldest), "trashed");
    for id in [&held, &middle, &last] {
        assert_eq!(state(&world, id), "available");
    }
    let audit = world.ctl(&["audit", "--json"]).expect_code(0).stdout;
    for part in ["backup.expire", "no rule keeps it", "tidying"] {
        assert!(audit.contains(part), "'{part}' is not in\n{audit}");
    }
    let again = world.ctl(&["prune", "--yes"]).expect_code(0).stdout;
    assert!(again.contains("nothing expired"), "{again}");
    world.ctl(&["audit", "verify"]).expect_code(0);
}

#[test]
fn a_plan_that_was_overtaken_is_not_carried_out() {
    let world = world_with(LAST_TWO);
    let _daemon = world.start();
    let first = [(); 3].map(|()| full_backup(&world))[0].clone();
    let shown = plan(&world)["digest"].as_str().unwrap().to_owned();
    world.ctl(&["hold", &first, "-m", "after all"]).expect_code(0);
    let refused = prune(&world, Some(shown.clone())).unwrap_err();
    assert!(refused.contains("not the one that was shown"), "{refused}");
    world.ctl(&["release", &first, "-m", "no"]).expect_code(0);
    // It is the same again.
    prune(&world, Some(shown)).unwrap();
    crate::support::wait::wait_until("the prune job", || state(&world, &first) == "trashed");
}

/// As a client asks that has shown the plan of this digest, or none.
fn prune(world: &World, digest: Option<String>) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut client = carelog_rpc::Client::connect(&world.socket(), "test").await.map_err(|e| e.to_string())?;
        client.prune(digest, String::new()).await.map_err(|error| error.to_string())
    })
}

#[test]
fn nothing_of_a_source_expires_while_it_cannot_be_backed_up() {
    let world = world_with(LAST_TWO);
    let _daemon = world.start();
    let ids = [(); 4].map(|()| full_backup(&world));
    assert_eq!(plan(&world)["expired"], 2);
    let away = world.path("away");
    fs::rename(&world.clinic.data, &away).unwrap();
    world.ctl(&["backup"]).expect_code(1);

    let shown = plan(&world);
    assert_eq!(shown["expired"], 0);
    let (_, why) = fate(&shown, &ids[0]);
    assert!(why.starts_with("the last backup of data failed"), "{why}");
    assert!(shown["notes"].to_string().contains("no backup of source 'data' expires"), "{shown:#}");
    let pruned = world.ctl(&["prune", "--yes"]).expect_code(0).stdout;
    assert!(pruned.contains("nothing expired; no backup of source 'data' expires"), "{pruned}");
    assert_eq!(state(&world, &ids[0]), "available");

    fs::rename(&away, &world.clinic.data).unwrap();
    full_backup(&world);
    assert_eq!(plan(&world)["expired"], 3);
}

#[test]
fn nothing_expires_for_the_sake_of_a_backup_that_is_far_smaller_than_usual() {
    let world = world_with(LAST_TWO);
    let _daemon = world.start();
    let ids = [(); 4].map(|()| full_backup(&world));
    fs::remove_dir_all(&world.clinic.studies).unwrap();
    fs::create_dir(&world.clinic.studies).unwrap();
    world.ctl(&["backup", "--full"]).expect_code(3);
    let shown = plan(&world);
    assert_eq!(shown["expired"], 0);
    assert!(fate(&shown, &ids[0]).1.contains("the newest backup of studies is suspiciously small"), "{shown:#}");
}

#[test]
fn the_last_verified_backup_stays_whatever_the_rules_say() {
    let world = world_with("keep_last = 1\nkeep_daily = 0\nkeep_monthly = 0\nkeep_yearly = 0\ntrash = \"0s\"\n");
    let _daemon = world.start();
    let [oldest, verified, newest] = [(); 3].map(|()| full_backup(&world));
    world.ctl(&["verify", &verified]).expect_code(0);
    let pruned = world.ctl(&["prune", "--yes"]).expect_code(0).stdout;
    assert!(pruned.contains("1 backup expired"), "{pruned}");
    world.ctl(&["show", &oldest]).expect_code(4);
    assert_eq!(fate(&plan(&world), &verified).1, "last verified backup of data, last verified backup of studies");
    assert_eq!(state(&world, &newest), "available");
}

#[test]
fn a_backup_beyond_the_total_size_is_refused_and_nothing_is_removed_for_it() {
    let world = World::new();
    let _daemon = world.start();
    let ids = [(); 2].map(|()| full_backup(&world));
    set_retention(&world, "max_total_size = \"1kB\"\n");
    world.ctl(&["reload"]).expect_code(0);
    let refused = world.ctl(&["backup"]).expect_code(9);
    assert!(refused.stderr.contains("more than max_total_size = 1"), "{refused:?}");
    let shown = plan(&world);
    assert_eq!(shown["expired"], 0);
    assert!(shown["notes"].to_string().contains("max_total_size"), "{shown:#}");
    let status = world.ctl(&["status"]).stdout;
    assert!(status.contains("max_total_size"), "{status}");
    // A restore is no time for that.
    world.ctl(&["restore", &ids[0], "--yes"]).expect_code(0);
}

#[test]
fn a_catalog_that_was_lost_lets_nothing_expire_until_somebody_has_looked() {
    let world = world_with(LAST_TWO);
    let daemon = world.start();
    let ids = [(); 3].map(|()| full_backup(&world));
    daemon.stop();
    for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
        let _absent = fs::remove_file(world.state_dir().join(name));
    }
    let _daemon = world.start();
    let status = world.ctl(&["status"]).stdout;
    assert!(status.contains("nothing expires by itself since the catalog was rebuilt"), "{status}");
    // As a schedule asks.
    let job = prune(&world, None).unwrap();
    let waited = world.ctl(&["job", "watch", &job]).expect_code(3);
    assert!(waited.stderr.contains("nothing expires by itself"), "{waited:?}");
    assert_eq!(state(&world, &ids[0]), "available");

    world.ctl(&["prune", "--yes"]).expect_code(0);
    assert_eq!(state(&world, &ids[0]), "trashed");
    assert!(!world.ctl(&["status"]).stdout.contains("nothing expires by itself"));
    full_backup(&world);
    let job = prune(&world, None).unwrap();
    world.ctl(&["job", "watch", &job]).expect_code(0);
    assert_eq!(state(&world, &ids[1]), "trashed");
}
