//! The daemon is killed while it undoes a restore of a database, and while it loads a backup beside the live one.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;

use nix::sys::signal::Signal;

use super::crashes::{Passage, is_of_database, passages_in, plan};
use super::site::{CLINIC, Live, Site};
use crate::support::database_image::DatabaseImage;
use crate::support::postgres::has_postgres;
use crate::support::process::Answer;
use crate::support::wait::wait_until;

/// What `act` passes that has to do with a database.
fn passages(site: &Site, act: impl FnOnce(&Site) -> Answer) -> Vec<Passage> {
    let trace = site.world.path("trace");
    let daemon = site.world.start_with(&[("CARELOG_FAIL_TRACE", trace.to_str().unwrap())]);
    act(site).expect_code(0);
    daemon.stop();
    passages_in(&trace).into_iter().filter(is_of_database).collect()
}

/// Kills the daemon at the passage, in what `act` does.
#[track_caller]
fn killed_at(site: &Site, passage: &Passage, act: impl FnOnce(&Site) -> Answer) {
    let mut daemon = site.world.start_with(&[("CARELOG_FAIL", &plan(passage, "kill"))]);
    let answer = act(site);
    let status = daemon.wait();
    assert_eq!(status.signal(), Some(Signal::SIGKILL as i32), "{passage:?}: {status}, {answer:?}");
}

/// A restore that is kept; returns its job.
fn restored(site: &Site) -> String {
    let daemon = site.world.start();
    let job = site.restore().expect_code(0).json()["id"].as_str().unwrap().to_owned();
    daemon.stop();
    job
}

fn undo(site: &Site, job: &str) -> Answer {
    site.world.ctl(&["restore", "--undo", job, "--yes", "--json"])
}

/// Drops what restores keep, so that the next round begins as the first one did.
fn forget_kept(site: &Site) {
    for name in site.databases().iter().filter(|name| *name != CLINIC) {
        site.cluster.psql("postgres", &format!("DROP DATABASE \"{name}\""));
    }
}

#[track_caller]
fn assert_all_as(live: &Live, expected: &Live, context: &str) {
    assert_eq!((&live.records, &live.studies), (&expected.records, &expected.studies), "{context}");
    live.database.assert_same_as_at(context, &expected.database);
}

/// Kills an undo at every second passage, beginning with number `first`.
fn undo_killed_at_every_second(first: usize) {
    if !has_postgres() {
        return;
    }
    let mut site = Site::new();
    let job = restored(&site);
    let passages = passages(&site, |site| undo(site, &job));
    let steps =
        ["refuse", "terminate", "rename", "allow", "done"].map(|step| format!("source.database.forward.{step}"));
    assert!(steps.iter().all(|step| passages.iter().any(|(point, _)| point == step)), "{passages:#?}");
    assert!(
        passages.iter().all(|(point, _)| point != "source.database.loaded"),
        "an undo loads nothing: {passages:#?}"
    );
    assert_eq!(site.live(), site.now);
    for passage in passages.into_iter().skip(first).step_by(2) {
        let context = format!("killed at {passage:?}");
        forget_kept(&site);
        let job = restored(&site);
        let (replaced, restored) = (site.now.oid.clone(), site.live().oid);
        killed_at(&site, &passage, |site| undo(site, &job));
        let daemon = site.world.start();
        site.wait_settled();
        let databases = site.databases();
        let oids: BTreeSet<String> = databases.iter().map(|name| site.oid(name)).collect();
        assert_eq!(oids, BTreeSet::from([replaced, restored.clone()]), "{context}: {databases:?}");
        let live = site.live();
        if live.oid == restored {
            assert_all_as(&live, &site.then, &context);
            undo(&site, &job).expect_code(0);
        }
        assert_all_as(&site.live(), &site.now, &context);
        daemon.stop();
        site.now = site.live();
    }
}

#[test]
fn an_undo_that_is_killed_at_any_point_leaves_all_of_one_generation_and_loses_nothing() {
    undo_killed_at_every_second(0);
}

#[test]
fn an_undo_that_is_killed_at_any_other_point_loses_nothing_either() {
    undo_killed_at_every_second(1);
}

#[test]
fn a_load_beside_the_live_one_that_is_killed_at_any_point_leaves_it_whole_or_not_at_all() {
    const BESIDE: &str = "look here";
    if !has_postgres() {
        return;
    }
    let mut site = Site::with(|cluster, section| {
        cluster.psql(CLINIC, "CREATE ROLE gone; GRANT SELECT ON patient TO gone;");
        section
    });
    site.cluster.psql(CLINIC, "REVOKE ALL ON patient FROM gone; DROP ROLE gone;");
    site.now = site.live();
    let has_role = || site.cluster.psql("postgres", "SELECT 1 FROM pg_roles WHERE rolname = 'gone'") == "1\n";
    let load = |site: &Site| site.world.ctl(&["restore", &site.backup, "--to-database", BESIDE]);
    // It warns that it makes the role.
    let forget = || {
        site.cluster.psql("postgres", &format!("DROP DATABASE IF EXISTS \"{BESIDE}\"; DROP ROLE IF EXISTS gone;"));
    };
    let trace = site.world.path("trace");
    let daemon = site.world.start_with(&[("CARELOG_FAIL_TRACE", trace.to_str().unwrap())]);
    load(&site).expect_code(3);
    daemon.stop();
    let passages: Vec<Passage> = passages_in(&trace).into_iter().filter(is_of_database).collect();
    assert!(passages.iter().any(|(point, _)| point == "source.database.roles"), "{passages:#?}");
    for passage in passages {
        forget();
        let context = format!("killed at {passage:?}");
        killed_at(&site, &passage, load);
        let daemon = site.world.start();
        wait_until("what was half loaded to be removed", || {
            let staged = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'clinic_restore_%'";
            let is_over = site.cluster.psql("postgres", staged) == "0\n";
            is_over && site.databases().iter().all(|name| [CLINIC, BESIDE].contains(&name.as_str()))
        });
        if site.databases().iter().any(|name| name == BESIDE) {
            DatabaseImage::of(&site.cluster, BESIDE).assert_same_as_at(&context, &site.then.database);
        } else {
            wait_until("the role that was made for it to be dropped", || !has_role());
        }
        assert_eq!(site.live(), site.now, "{context}");
        assert!(site.world.log().contains("if there is one of this name, it is whole"), "{context}");
        daemon.stop();
    }
}
