//! The real daemon as a child process. It says itself when it is ready (`sd_notify(3)`), on a socket of the test's own.

use std::fs::OpenOptions;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::process::{carelogd, hermetic};
use super::wait::HANGS;
use super::world::World;

/// What the waiting thread sends into the notification socket when the process has ended, so that one wait serves both.
const ENDED: &str = "X_TEST_ENDED=1";

/// A daemon. Dropped while it runs, it is killed.
pub(crate) struct Daemon<'w> {
    world: &'w World,
    pid: Pid,
    notifications: UnixDatagram,
    ended: Receiver<ExitStatus>,
    status: Option<ExitStatus>,
}

impl<'w> Daemon<'w> {
    pub(super) fn spawn(world: &'w World, environment: &[(&str, &str)]) -> Self {
        // One per daemon: the end of an earlier one must not be taken for the end of this one.
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let address = world.path(&format!("notify-{}.sock", STARTED.fetch_add(1, Ordering::Relaxed)));
        let notifications = UnixDatagram::bind(&address).unwrap();
        notifications.set_read_timeout(Some(HANGS)).unwrap();

        let log = OpenOptions::new().create(true).append(true).open(world.log_file()).unwrap();
        let mut child = hermetic(&carelogd(), &world.path(""))
            .arg("run")
            .arg("--config")
            .arg(world.config_file())
            .env("NOTIFY_SOCKET", &address)
            .env("CARELOG_LOG", "debug")
            .envs(environment.iter().copied())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let pid = Pid::from_raw(child.id().try_into().unwrap());

        let (tell, ended) = mpsc::channel();
        std::thread::spawn(move || {
            let status = child.wait().unwrap();
            // The receiver may be gone with its test.
            let _unheard = tell.send(status);
            let _unheard = UnixDatagram::unbound().and_then(|socket| socket.send_to(ENDED.as_bytes(), &address));
        });
        Self { world, pid, notifications, ended, status: None }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Waits until it is ready; fails when it ends before.
    #[track_caller]
    pub(crate) fn wait_ready(&mut self) {
        self.wait_notified("READY=1");
    }

    /// Waits until it is ready or has ended; false for the latter.
    #[track_caller]
    pub(crate) fn is_ready(&mut self) -> bool {
        self.is_notified("READY=1")
    }

    /// Waits for the assignment `wanted` of sd_notify, for example `RELOADING=1`; fails when the daemon ends before.
    #[track_caller]
    pub(crate) fn wait_notified(&mut self, wanted: &str) {
        let notified = self.is_notified(wanted);
        assert!(notified, "carelogd ended before {wanted}: {}", self.wait());
    }

    #[track_caller]
    fn is_notified(&mut self, wanted: &str) -> bool {
        let mut buffer = [0; 4096];
        loop {
            let length = match self.notifications.recv(&mut buffer) {
                Ok(length) => length,
                Err(error) => panic!("waited {HANGS:?} in vain for {wanted}: {error}"),
            };
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.lines().any(|line| line == wanted) {
                return true;
            }
            if text == ENDED {
                return false;
            }
        }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&mut self, signal: Signal) {
        // Once it was waited for, its number may belong to somebody else.
        if self.poll_status().is_none() {
            kill(self.pid, signal).unwrap();
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        if let Some(status) = self.poll_status() {
            return status;
        }
        let status = self.ended.recv_timeout(HANGS).unwrap_or_else(|_| panic!("carelogd does not end"));
        *self.status.insert(status)
    }

    /// Asks it to end, as systemd does, and fails unless it ends well.
    #[track_caller]
    pub(crate) fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.wait();
        assert!(status.success(), "carelogd ended with {status}");
    }

    /// Kills it without warning.
    #[track_caller]
    pub(crate) fn kill9(mut self) {
        self.signal(Signal::SIGKILL);
        let status = self.wait();
        assert_eq!(status.signal(), Some(Signal::SIGKILL as i32), "carelogd had ended before: {status}");
    }

    /// Stops it and starts another in the same world.
    #[track_caller]
    pub(crate) fn restart(self) -> Self {
        let world = self.world;
        self.stop();
        world.start()
    }

    fn poll_status(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.ended.try_recv().ok();
        }
        self.status
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        if self.poll_status().is_none() {
            let _gone = kill(self.pid, Signal::SIGKILL);
            let _gone = self.ended.recv_timeout(HANGS);
        }
    }
}
