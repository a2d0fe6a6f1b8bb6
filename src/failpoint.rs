//! Points at which a test can stop or fail the daemon, to prove that every state in between is recoverable.
//!
//! Without the cargo feature `failpoints` a point compiles to nothing. With it, `CARELOG_FAIL=NAME=ACTION[@N]` acts on the
//! N-th passage (default 1) of the point NAME: `kill` by SIGKILL to ourselves, `error` by an I/O error (ENOSPC), `wait` by
//! waiting until the file that `CARELOG_FAIL_GO` names is there. `CARELOG_FAIL_TRACE=FILE` appends the name of each point
//! that is reached, so that a test can enumerate them. `CARELOG_FAIL_PATIENCE_MS=N` shortens what is waited for others.

use std::io;
use std::time::Duration;

/// Passes the point `name`.
///
/// # Errors
/// The injected error, only in a build with the feature `failpoints` and only when the environment asks for it.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub const fn pass(_name: &str) -> io::Result<()> {
    Ok(())
}

/// Passes the point `name`.
///
/// # Errors
/// The injected error, when the environment asks for it.
#[cfg(feature = "failpoints")]
pub fn pass(name: &str) -> io::Result<()> {
    use std::io::Write as _;
    use std::sync::atomic::{AtomicU64, Ordering};

    static PASSED: AtomicU64 = AtomicU64::new(0);

    if let Ok(trace) = std::env::var("CARELOG_FAIL_TRACE") {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(trace)?;
        // One write, so that the lines of two threads do not mix.
        file.write_all(format!("{name}\n").as_bytes())?;
    }
    let Ok(plan) = std::env::var("CARELOG_FAIL") else { return Ok(()) };
    let Some((point, action)) = plan.split_once('=') else { return Ok(()) };
    if point != name && point != "*" {
        return Ok(());
    }
    let (action, nth) = action.split_once('@').unwrap_or((action, "1"));
    let passed = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
    if nth.parse::<u64>() != Ok(passed) {
        return Ok(());
    }
    match action {
        "kill" => {
            let _sent = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
            Ok(())
        }
        "wait" => {
            let go = std::env::var_os("CARELOG_FAIL_GO").unwrap_or_default();
            while !std::path::Path::new(&go).exists() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            Ok(())
        }
        _ => Err(io::Error::from_raw_os_error(nix::libc::ENOSPC)),
    }
}

/// How long to wait for somebody else who may come back: `usual`.
#[cfg(not(feature = "failpoints"))]
#[inline]
#[must_use]
pub const fn patience(usual: Duration) -> Duration {
    usual
}

/// How long to wait for somebody else who may come back: `usual`, unless the environment says otherwise.
#[cfg(feature = "failpoints")]
#[must_use]
pub fn patience(usual: Duration) -> Duration {
    let asked = std::env::var("CARELOG_FAIL_PATIENCE_MS").ok().and_then(|text| text.parse().ok());
    asked.map_or(usual, Duration::from_millis)
}
