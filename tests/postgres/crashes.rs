//! The daemon is killed, fails, or loses its server at every point at which a restore works on a database.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use nix::sys::signal::Signal;

use super::site::{CLINIC, Site};
use crate::support::postgres::{Cluster, has_postgres};
use crate::support::process::Answer;
use crate::support::wait::{wait_for, wait_until};

/// The n-th passage of a point.
pub(super) type Passage = (String, usize);

/// A site whose restores keep nothing.
pub(super) fn site() -> Site {
    let site = Site::new();
    site.world.edit_config("keep_replaced = \"1h\"", "keep_replaced = \"0s\"");
    site
}

/// The passages of an undisturbed restore that only a database has, and those around its swap.
fn passages(site: &mut Site) -> Vec<Passage> {
    let trace = site.world.path("trace");
    let daemon = site.world.start_with(&[("CARELOG_FAIL_TRACE", trace.to_str().unwrap())]);
    site.restore().expect_code(0);
    daemon.stop();
    site.assert_whole("undisturbed");
    site.change_again();
    let passages: Vec<Passage> = passages_in(&trace).into_iter().filter(is_of_database).collect();
    for step in ["refuse", "terminate", "rename", "allow", "done"] {
        let point = format!("source.database.forward.{step}");
        assert!(passages.iter().any(|(passed, _)| *passed == point), "{point} is not in {passages:#?}");
    }
    passages
}

/// All that a daemon passed that wrote `trace`.
pub(super) fn passages_in(trace: &Path) -> Vec<Passage> {
    let mut counts = BTreeMap::new();
    let text = fs::read_to_string(trace).unwrap();
    let passages = text.lines().map(|point| {
        let count = counts.entry(point.to_owned()).or_insert(0);
        *count += 1;
        (point.to_owned(), *count)
    });
    passages.collect()
}

/// Whether only a database has it, or it is around its swap.
pub(super) fn is_of_database((point, _): &Passage) -> bool {
    const AROUND: [&str; 5] = [
        "restore.swapped",
        "restore.compared",
        "restore.replaced_saved",
        "restore.discard",
        "restore_to_database.loaded",
    ];
    point.starts_with("source.database.") || AROUND.contains(&point.as_str())
}

pub(super) fn plan((point, nth): &Passage, action: &str) -> String {
    format!("{point}={action}@{nth}")
}

impl Site {
    /// All sources are of one generation, and on the server is nothing but the live database. Returns whether it is the
    /// one of the backup.
    #[track_caller]
    pub(super) fn assert_whole(&self, context: &str) -> bool {
        assert_eq!(self.databases(), [CLINIC], "{context}");
        let live = self.live();
        let is_new = live.records == self.then.records;
        let expected = if is_new { &self.then } else { &self.now };
        assert_eq!((&live.records, &live.studies), (&expected.records, &expected.studies), "{context}");
        live.database.assert_same_as_at(context, &expected.database);
        assert!(is_new || live.oid == self.now.oid, "{context}: {live:?}");
        is_new
    }

    /// Waits until no journal is open.
    pub(super) fn wait_settled(&self) {
        wait_until("the restore to be settled", || self.is_settled());
    }

    pub(super) fn is_settled(&self) -> bool {
        let Ok(journals) = fs::read_dir(self.world.state_dir().join("restores")) else { return true };
        journals
            .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap_or_default())
            .all(|text| text.is_empty() || text.lines().any(|line| line.ends_with("\"step\":\"settled\"}")))
    }

    /// Starts the daemon and waits until the last restore is settled, then restores undisturbed.
    #[track_caller]
    pub(super) fn recover(&mut self, context: &str) {
        let daemon = self.world.start();
        self.wait_settled();
        let job = wait_for("the end of the job", || {
            let jobs = self.world.ctl(&["jobs", "--all", "--json"]).expect_code(0).json();
            let job = jobs["jobs"].as_array().unwrap().iter().find(|job| job["kind"] == "restore").cloned();
            job.filter(|job| job["state"] != "running" && job["state"] != "queued")
        });
        let kept = self.databases();
        if kept.len() == 2 && job["state"] != "interrupted" {
            // Killed between the commit and the second safety backup: what was replaced is the only copy of its last rows.
            self.cluster
                .psql("postgres", &format!("DROP DATABASE \"{}\"", kept.iter().find(|name| *name != CLINIC).unwrap()));
        }
        self.assert_whole(context);
        self.restore().expect_code(0);
        assert!(self.assert_whole(context), "{context}");
        daemon.stop();
        self.change_again();
    }
}

/// Kills a restore at every second passage, beginning with number `first`.
fn killed_at_every_second(first: usize) {
    if !has_postgres() {
        return;
    }
    let mut site = site();
    for passage in passages(&mut site).into_iter().skip(first).step_by(2) {
        let mut daemon = site.world.start_with(&[("CARELOG_FAIL", &plan(&passage, "kill"))]);
        let answer = site.restore();
        let status = daemon.wait();
        assert_eq!(status.signal(), Some(Signal::SIGKILL as i32), "{passage:?}: {status}, {answer:?}");
        drop(daemon);
        site.recover(&format!("killed at {passage:?}"));
    }
}

#[test]
fn a_restore_that_is_killed_at_any_point_leaves_database_and_files_of_one_generation() {
    killed_at_every_second(0);
}

#[test]
fn a_restore_that_is_killed_at_any_other_point_leaves_them_of_one_generation_too() {
    killed_at_every_second(1);
}

#[test]
fn a_restore_that_comes_upon_an_error_at_any_point_puts_the_database_back_too() {
    if !has_postgres() {
        return;
    }
    let mut site = site();
    for passage in passages(&mut site) {
        if passage.0 == "restore.discard" || passage.0 == "restore.replaced_saved" {
            continue;
        }
        let daemon = site.world.start_with(&[("CARELOG_FAIL", &plan(&passage, "error"))]);
        let answer = site.restore();
        let context = format!("an error at {passage:?}: {answer:?}");
        assert_eq!(answer.code, 1, "{context}");
        assert!(answer.stderr.contains("No space left on device"), "{context}");
        assert!(!site.assert_whole(&context), "{context}");
        daemon.stop();
        site.recover(&context);
    }
}

/// Restores while `disturb` is done at the passage.
#[track_caller]
fn disturbed(site: &mut Site, passage: &Passage, disturb: impl FnOnce(&mut Cluster)) -> Answer {
    let (go, trace) = (site.world.path("go"), site.world.path("trace"));
    for file in [&go, &trace] {
        let _not_there = fs::remove_file(file);
    }
    let environment = [
        ("CARELOG_FAIL", plan(passage, "wait")),
        ("CARELOG_FAIL_GO", go.display().to_string()),
        ("CARELOG_FAIL_TRACE", trace.display().to_string()),
    ];
    let environment: Vec<_> = environment.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let mut command = site.world.ctl_command(&["restore", &site.backup, "--yes", "--json"]);
    let daemon = site.world.start_with(&environment);
    let restore = std::thread::spawn(move || crate::support::process::run(&mut command));
    wait_until("the point", || {
        let passed = fs::read_to_string(&trace).unwrap_or_default();
        passed.lines().filter(|point| *point == passage.0).count() >= passage.1
    });
    disturb(&mut site.cluster);
    fs::write(&go, "").unwrap();
    let answer = restore.join().unwrap();
    daemon.stop();
    answer
}

#[test]
fn a_server_that_crashes_and_comes_back_at_any_point_is_waited_for_once_the_swap_has_begun() {
    if !has_postgres() {
        return;
    }
    let mut site = site();
    for passage in passages(&mut site).into_iter().filter(|(point, _)| point.starts_with("source.database.")) {
        let answer = disturbed(&mut site, &passage, |cluster| {
            cluster.crash();
            cluster.start_again();
        });
        let context = format!("a crash of the server at {passage:?}: {answer:?}");
        let is_new = site.assert_whole(&context);
        let expected: &[i32] = if is_new { &[0, 3] } else { &[1] };
        assert!(expected.contains(&answer.code), "{context}");
        site.recover(&context);
    }
}
