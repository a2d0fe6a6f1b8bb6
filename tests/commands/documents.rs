//! The documents that scripts rely on. The lists of keys are promised: nothing in them may be renamed or go away.

use super::{assert_has_keys, background, backup, running_backup, slow_world};
use crate::support::World;

const BACKUP: &str = "id filename class scope mode parent_id needs needed_by created_at finished_at size_bytes raw_bytes new_bytes files \
    checksum description sources requested_by verified_at verify_result holds state job_id copies";
const JOB: &str = "id kind state priority requested_by requested_at started_at finished_at progress phases result error \
    backup_id safety_backup_id";
const PROGRESS: &str = "phase done_bytes total_bytes done_files total_files rate eta_seconds";

#[test]
fn a_backup_has_every_promised_key() {
    let world = World::new();
    let _daemon = world.start();
    let id = backup(&world);
    let shown = world.ctl(&["show", &id, "--json"]).expect_code(0).json();
    let listed = world.ctl(&["list", "--json"]).expect_code(0).json()["backups"][0].clone();
    for document in [&shown, &listed] {
        assert_has_keys(document, BACKUP);
        assert_has_keys(&document["checksum"], "algorithm value");
        assert_has_keys(&document["requested_by"], "user uid via on_behalf_of");
        assert_has_keys(&document["sources"][0], "name kind size_bytes files warnings counts");
        assert_has_keys(&document["copies"][0], "store filename size_bytes checksum encrypted state verified_at");
        assert_eq!(document["parent_id"], serde_json::Value::Null);
    }
    assert_eq!(shown["id"], id.as_str());
    assert_eq!(shown["state"], "available");
    assert_eq!(shown["requested_by"]["uid"], rustix::process::geteuid().as_raw());
    assert_eq!(shown["sources"][0]["counts"]["patients"], 40);
    assert!(shown["schema"].as_str().unwrap().starts_with("carelog.backup/"));
    let created: jiff::Timestamp = shown["created_at"].as_str().unwrap().parse().unwrap();
    assert!(shown["created_at"].as_str().unwrap().ends_with('Z'), "{created}");
    let archive = std::fs::read(world.backups().join(shown["filename"].as_str().unwrap())).unwrap();
    assert_eq!(shown["size_bytes"], archive.len());
    assert_eq!(shown["checksum"]["value"], carelogd::model::Sha256::of(&archive).to_string());
}

#[test]
fn a_job_has_every_promised_key_while_it_runs_and_when_it_has_ended() {
    let world = slow_world();
    let _daemon = world.start();
    let id = running_backup(&world);
    let running = world.ctl(&["job", "show", &id, "--json"]).expect_code(0).json();
    assert_has_keys(&running, JOB);
    assert_has_keys(&running["progress"], PROGRESS);
    assert_eq!(running["state"], "running");
    let watching = background(world.ctl_command(&["job", "watch", &id, "--json"]));
    let listed = world.ctl(&["jobs", "--json"]).expect_code(0).json();
    assert_eq!(listed["jobs"][0]["id"], id.as_str());
    world.ctl(&["job", "cancel", &id]).expect_code(0);

    let watched: crate::support::process::Answer = watching.wait_with_output().unwrap().into();
    let lines = watched.expect_code(130).json_lines();
    let (last, updates) = lines.split_last().unwrap();
    for update in updates {
        assert_has_keys(update, "schema id state progress");
    }
    assert_has_keys(last, JOB);
    assert_eq!(last["state"], "cancelled");
    assert_eq!(last["progress"], serde_json::Value::Null);
    assert_has_keys(&last["error"], "code message hint");
    assert_has_keys(&last["phases"][0], "name started_at finished_at");
}

#[test]
fn every_command_that_shows_something_prints_one_document_that_says_its_schema() {
    let world = World::new();
    let _daemon = world.start();
    let id = backup(&world);
    let job = world.ctl(&["jobs", "--json"]).expect_code(0).json()["jobs"][0]["id"].as_str().unwrap().to_owned();
    let target = world.path("target");
    std::fs::create_dir(&target).unwrap();
    let to = target.to_str().unwrap();
    for (args, schema) in [
        (&["status"][..], "carelog.status/1"),
        (&["list"], "carelog.backup.list/1"),
        (&["show", &id], "carelog.backup/1"),
        (&["backup", "--dry-run"], "carelog.backup.plan/1"),
        (&["verify", &id], "carelog.job/1"),
        (&["restore", &id, "--dry-run"], "carelog.restore.plan/1"),
        (&["restore", &id, "--to", to], "carelog.job/1"),
        (&["hold", &id, "-m", "audit"], "carelog.backup/1"),
        (&["release", &id, "-m", "over"], "carelog.backup/1"),
        (&["jobs"], "carelog.job.list/1"),
        (&["job", "show", &job], "carelog.job/1"),
        (&["schedule", "list"], "carelog.schedule.list/1"),
        (&["schedule", "next"], "carelog.schedule.next/1"),
        (&["reload"], "carelog.reload/1"),
        (&["audit"], "carelog.audit.list/1"),
        (&["audit", "verify"], "carelog.audit.verification/1"),
    ] {
        let answer = world.ctl(&[args, &["--json"]].concat()).expect_code(0);
        assert_eq!(answer.json()["schema"], schema, "{args:?}");
        assert_eq!(answer.stderr, "", "{args:?}");
        // For people there is something too, where it can be done twice.
        if !["restore", "hold", "release"].contains(&args[0]) {
            assert_ne!(world.ctl(args).stdout, "", "{args:?}");
        }
    }
}
