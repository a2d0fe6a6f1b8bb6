//! Holds a daemon at a fail point, so that a test can do something at exactly that moment.

use std::fs;
use std::path::PathBuf;

use super::daemon::Daemon;
use super::wait::wait_until;
use super::world::World;

/// A daemon that waits at a point.
pub(crate) struct Pause {
    point: &'static str,
    trace: PathBuf,
    go: PathBuf,
}

impl Pause {
    /// Starts the daemon of `world` such that it waits at the first passage of `point`.
    #[track_caller]
    pub(crate) fn at<'w>(world: &'w World, point: &'static str) -> (Self, Daemon<'w>) {
        let pause = Self { point, trace: world.path("trace"), go: world.path("go") };
        let daemon = world.start_with(&[
            ("CARELOG_FAIL", &format!("{point}=wait")),
            ("CARELOG_FAIL_TRACE", pause.trace.to_str().unwrap()),
            ("CARELOG_FAIL_GO", pause.go.to_str().unwrap()),
        ]);
        (pause, daemon)
    }

    /// Waits until the daemon has reached the point.
    #[track_caller]
    pub(crate) fn wait_reached(&self) {
        let reached = || fs::read_to_string(&self.trace).is_ok_and(|trace| trace.lines().any(|l| l == self.point));
        wait_until(self.point, reached);
    }

    /// Lets it go on.
    pub(crate) fn release(&self) {
        fs::write(&self.go, "").unwrap();
    }
}
