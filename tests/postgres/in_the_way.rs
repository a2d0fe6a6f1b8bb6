//! Sessions that a restore may not end.

use super::site::{CLINIC, Site};
use crate::support::postgres::{Cluster, Session, has_postgres};
use crate::support::process::Answer;

/// A site whose restores are done by a role with the least rights.
fn site() -> Site {
    Site::with(|cluster, section| {
        cluster.psql(
            "postgres",
            "CREATE ROLE restorer LOGIN CREATEDB; GRANT app, pg_signal_backend TO restorer; CREATE ROLE nurse LOGIN;",
        );
        format!("{section}restore_url = \"{}\"\n", cluster.url_as("restorer", CLINIC))
    })
}

/// A superuser's session in the live database, with its pid.
fn superusers_session(cluster: &Cluster) -> (Session, String) {
    let mut session = cluster.session(CLINIC);
    let pid = session.run("SET application_name = 'reporting'; SELECT pg_backend_pid();").trim().to_owned();
    (session, pid)
}

#[track_caller]
fn assert_named(answer: &Answer, cluster: &Cluster, pid: &str) {
    let named = [format!("pid {pid}"), format!("user {}", cluster.user()), "application 'reporting'".to_owned()];
    for part in named.iter().chain([&format!("SELECT pg_terminate_backend({pid});"), &"restore_url".to_owned()]) {
        assert!(answer.stderr.contains(part), "'{part}' is not in: {}", answer.stderr);
    }
}

#[test]
fn a_session_that_cannot_be_ended_is_named_before_anybody_is_locked_out() {
    if !has_postgres() {
        return;
    }
    let site = site();
    let _daemon = site.world.start();
    let (session, pid) = superusers_session(&site.cluster);
    for command in [&["restore", &site.backup, "--dry-run"][..], &["restore", &site.backup, "--yes"]] {
        assert_named(&site.world.ctl(command).expect_code(9), &site.cluster, &pid);
    }
    assert_eq!(site.live(), site.now);
    let locked_out = "ALTER DATABASE \"clinic\" ALLOW_CONNECTIONS false";
    assert!(!site.cluster.log().contains(locked_out));
    drop(session);
    let answer = site.restore();
    assert!([0, 3].contains(&answer.code), "{answer:?}");
    site.live().database.assert_same_as(&site.then.database);
}

#[test]
fn sessions_of_roles_that_have_nothing_to_do_with_ours_are_ended() {
    if !has_postgres() {
        return;
    }
    let site = site();
    let _daemon = site.world.start();
    let mut nurse = site.cluster.session_as("nurse", CLINIC);
    nurse.run("SELECT 1;");
    let answer = site.restore();
    assert!([0, 3].contains(&answer.code), "{answer:?}");
    site.live().database.assert_same_as(&site.then.database);
}

#[cfg(feature = "failpoints")]
#[test]
fn a_session_that_comes_while_the_restore_runs_is_named_and_everything_taken_back() {
    use std::fs;

    use crate::support::process::run;
    use crate::support::wait::wait_until;

    if !has_postgres() {
        return;
    }
    let site = site();
    // Before the second look, and behind it, when only the swap is left.
    for (point, code) in [("restore.stopped", 9), ("restore.looked_again", 9)] {
        let (go, trace) = (site.world.path("go"), site.world.path("trace"));
        [&go, &trace].map(fs::remove_file).into_iter().for_each(drop);
        let daemon = site.world.start_with(&[
            ("CARELOG_FAIL", &format!("{point}=wait@1")),
            ("CARELOG_FAIL_GO", go.to_str().unwrap()),
            ("CARELOG_FAIL_TRACE", trace.to_str().unwrap()),
        ]);
        let mut command = site.world.ctl_command(&["restore", &site.backup, "--yes"]);
        let restore = std::thread::spawn(move || run(&mut command));
        wait_until("the point", || {
            fs::read_to_string(&trace).unwrap_or_default().lines().any(|passed| passed == point)
        });
        let (session, pid) = superusers_session(&site.cluster);
        fs::write(&go, "").unwrap();
        let answer = restore.join().unwrap().expect_code(code);
        assert_named(&answer, &site.cluster, &pid);
        assert_eq!(site.live(), site.now, "{point}");
        assert_eq!(site.databases(), [CLINIC], "{point}");
        drop(session);
        daemon.stop();
    }
}
