//! Waiting for a condition. Nothing in the tests sleeps for a time that is hoped to be long enough.

use std::time::{Duration, Instant};

/// Longer than anything takes on a busy machine: only something that hangs reaches it.
pub(crate) const HANGS: Duration = Duration::from_secs(120);

/// Looks at `condition` until it yields something, and returns that; fails with `what` when it never does.
pub(crate) fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(began.elapsed() < HANGS, "waited {HANGS:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Looks at `condition` until it is true; fails with `what` when it never is.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, || condition().then_some(()));
}
