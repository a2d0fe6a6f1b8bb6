//! Signals, turned into something that can be waited for.
//!
//! SIGTERM and SIGINT ask for an orderly end, once; a second one ends the process on the spot. SIGHUP asks for the
//! configuration to be read again. Handlers only set flags and wake a thread; nothing is decided in them. `main` installs
//! this before the daemon starts; the daemon waits on it. SIGPIPE is ignored by the Rust runtime already.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// What was asked of the daemon from outside. Clones hear the same.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    token: CancellationToken,
    reload: Arc<Notify>,
}

impl Shutdown {
    /// One that only [`Shutdown::request`] and [`Shutdown::request_reload`] can trigger: for tests and the demonstration.
    #[must_use]
    pub fn manual() -> Self {
        Self::default()
    }

    /// One that the signals of this process trigger. Call once, before other threads exist.
    ///
    /// # Errors
    /// When handlers or the thread that waits cannot be set up.
    pub fn on_signals() -> io::Result<Self> {
        let shutdown = Self::default();
        end_at_once_on_second(&[SIGTERM, SIGINT])?;
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        let told = shutdown.clone();
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for signal in signals.forever() {
                told.hear(signal);
            }
        })?;
        Ok(shutdown)
    }

    /// The token that is cancelled when the daemon is asked to end.
    #[must_use]
    pub const fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Asks for an orderly end.
    pub fn request(&self) {
        self.token.cancel();
    }

    /// Asks for the configuration to be read again.
    pub fn request_reload(&self) {
        self.reload.notify_one();
    }

    /// Waits until a reload is asked for. A request that came while nobody waited is not lost; several become one.
    pub async fn reload_requested(&self) {
        self.reload.notified().await;
    }

    fn hear(&self, signal: i32) {
        if signal == SIGHUP {
            tracing::info!("SIGHUP: reading the configuration again");
            self.request_reload();
        } else {
            let name = signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
            tracing::info!("{name}: ending; a second one ends at once");
            self.request();
        }
    }
}

/// The order matters: the conditional exit looks at the flag before the same signal sets it.
fn end_at_once_on_second(signals: &[i32]) -> io::Result<()> {
    let seen = Arc::new(AtomicBool::new(false));
    for &signal in signals {
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&seen))?;
        flag::register(signal, Arc::clone(&seen))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().build().unwrap()
    }

    #[test]
    fn a_termination_signal_cancels_the_token_of_every_clone() {
        for signal in [SIGTERM, SIGINT] {
            let shutdown = Shutdown::manual();
            let clone = shutdown.clone();
            shutdown.hear(signal);
            assert!(clone.token().is_cancelled());
        }
    }

    #[test]
    fn a_hangup_asks_for_a_reload_and_for_no_end() {
        let shutdown = Shutdown::manual();
        shutdown.hear(SIGHUP);
        runtime().block_on(shutdown.reload_requested());
        assert!(!shutdown.token().is_cancelled());
    }
}
