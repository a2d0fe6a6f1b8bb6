//! A restore that somebody cancels, at each of its phases.

use std::process::Stdio;

use super::site::Site;
use crate::support::pause::Pause;
use crate::support::process::Answer;

/// Holds a restore at `point`, cancels it, and lets it go on.
#[track_caller]
fn cancelled_at(site: &Site, point: &'static str) -> Answer {
    let (pause, daemon) = Pause::at(&site.world, point);
    let mut command = site.world.ctl_command(&["restore", &site.backup, "--yes", "--json"]);
    let client = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    pause.wait_reached();
    let job = site.job().unwrap();
    site.world.ctl(&["job", "cancel", job["id"].as_str().unwrap()]).expect_code(0);
    pause.release();
    let answer = client.wait_with_output().unwrap().into();
    site.wait_settled();
    daemon.stop();
    answer
}

#[test]
fn up_to_the_first_swap_everything_is_as_it_was_and_the_application_runs() {
    for point in [
        "backup.source_read",
        "restore.safety_backup_taken",
        "restore.staged",
        "restore.validated",
        "restore.stopped",
        "restore.looked_again",
    ] {
        let site = Site::new();
        let answer = cancelled_at(&site, point);
        assert_eq!(answer.code, 130, "{point}: {answer:?}");
        assert!(!site.assert_whole(point));
        let was_stopped = matches!(point, "restore.stopped" | "restore.looked_again");
        let calls: &[&str] = match was_stopped {
            true => &["stop_application running old old held", "start_application failed old old free"],
            false => &[],
        };
        assert_eq!(site.calls(), calls, "{point}");
        let _daemon = site.world.start();
        assert_eq!(site.job().unwrap()["state"], "cancelled", "{point}");
    }
}

#[test]
fn from_the_first_swap_on_it_is_finished() {
    for point in ["restore.swapped", "restore.compared", "restore.started", "restore.probed", "restore.discard"] {
        let site = Site::new();
        let answer = cancelled_at(&site, point);
        assert_eq!(answer.code, 0, "{point}: {answer:?}");
        assert!(site.assert_whole(point), "{point}");
        let _daemon = site.world.start();
        assert_eq!(site.job().unwrap()["state"], "succeeded", "{point}");
    }
}
