//! One of PostgreSQL's own programs as a child process.
//!
//! It runs as `run_as`, so that peer authentication works as Debian sets it up, in a process group of its own, and in a
//! cleared environment: the C locale, and of ours only what tells libpq where passwords, services and certificates are. It
//! never asks for a password. Whoever waits for it sees a cancellation within a tenth of a second, and it never outlives
//! its [`Process`].

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, Read as _, Write};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::error::PostgresError;
use crate::account;
use crate::progress::{Cancelled, Progress};

/// What of our environment is handed on.
const HANDED_ON: [&str; 7] =
    ["PGPASSFILE", "PGSERVICEFILE", "PGSYSCONFDIR", "PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY"];
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// How long a cancellation may go unseen.
const LOOK_AGAIN: u16 = 100;
/// How long a program that is interrupted has to end by itself.
const GRACE: Duration = Duration::from_secs(2);
/// So much of the end of what a program prints on stderr is kept.
const KEPT_BYTES: usize = 16 * 1024;

/// What to run.
#[derive(Clone, Debug)]
pub(super) struct Invocation {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    /// Beside the usual environment.
    pub(super) environment: Vec<(&'static str, String)>,
    /// Name of the user to run as.
    pub(super) run_as: String,
    /// It is killed when it has not ended by then.
    pub(super) timeout: Option<Duration>,
}

/// A running program. Dropped before it was [`finish`](Process::finish)ed, it is interrupted, and killed if need be.
#[derive(Debug)]
pub(super) struct Process {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
    errors: Option<JoinHandle<String>>,
    progress: Progress,
    deadline: Option<Instant>,
}

/// A program that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// The end of what it printed on stderr.
    pub(super) errors: String,
}

/// Why waiting for a program was given up; inside the [`io::Error`]s of [`Process`] as a reader and writer.
#[derive(Debug, thiserror::Error)]
pub(super) enum GivenUp {
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    #[error("it took too long")]
    TimedOut,
}

impl Process {
    pub(super) fn start(invocation: &Invocation, progress: &Progress) -> Result<Self, PostgresError> {
        let name = invocation.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let refused = |why| PostgresError::User { program: name.clone(), user: invocation.run_as.clone(), why };
        let account = account::named(&invocation.run_as).map_err(refused)?;
        let to_become = account::to_become(&invocation.run_as).map_err(refused)?;
        let mut command = Command::new(&invocation.program);
        command
            .args(&invocation.arguments)
            .env_clear()
            .env("PATH", PATH)
            .env("LC_ALL", "C")
            .env("HOME", &account.home)
            .env("PGAPPNAME", "carelog")
            .env("PGCONNECT_TIMEOUT", "10")
            .envs(HANDED_ON.iter().filter_map(|key| Some((key, std::env::var_os(key)?))))
            .envs(invocation.environment.iter().map(|(key, value)| (key, value)))
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(account) = to_become {
            command.uid(account.uid).gid(account.gid);
        }
        let not_run = |error| PostgresError::NotRun { program: invocation.program.display().to_string(), error };
        let mut child = command.spawn().map_err(not_run)?;
        let (Some(output), Some(errors)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(not_run(io::Error::other("it has no output")));
        };
        let input = child.stdin.take();
        let errors = std::thread::Builder::new().name("stderr".to_owned()).spawn(|| end_of(errors)).map_err(not_run)?;
        let deadline = invocation.timeout.map(|timeout| Instant::now() + timeout);
        let (errors, progress) = (Some(errors), progress.clone());
        let process = Self { name, child, input, output, errors, progress, deadline };
        if let Some(input) = &process.input {
            // Or a cancellation could not be seen while the program does not read.
            rustix::io::ioctl_fionbio(input, true).map_err(|error| not_run(error.into()))?;
        }
        Ok(process)
    }

    /// Tells the program that nothing more comes.
    pub(super) fn close_input(&mut self) {
        self.input = None;
    }

    /// Whether it has printed something or ended before `patience` is over.
    pub(super) fn has_output_within(&self, patience: Duration) -> io::Result<bool> {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            self.progress.check_cancelled().map_err(|cancelled| io::Error::other(GivenUp::from(cancelled)))?;
            let mut files = [PollFd::new(self.output.as_fd(), PollFlags::POLLIN)];
            match poll(&mut files, PollTimeout::from(LOOK_AGAIN)) {
                Ok(0) | Err(nix::errno::Errno::EINTR) => {}
                Ok(_) => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }

    /// Waits for its end and says how it ended. What it still prints on stdout is returned too.
    pub(super) fn finish(mut self) -> Result<(Ended, Vec<u8>), PostgresError> {
        self.close_input();
        let mut rest = Vec::new();
        let drained = self.read_to_end(&mut rest);
        let not_run = |name: &str, error| PostgresError::NotRun { program: name.to_owned(), error };
        if let Err(error) = drained {
            return Err(match GivenUp::in_error(&error) {
                Some(GivenUp::Cancelled(cancelled)) => (*cancelled).into(),
                _ => not_run(&self.name, error),
            });
        }
        // It has closed its output, so it is about to end.
        let status = self.child.wait().map_err(|error| not_run(&self.name, error))?;
        let errors = self.errors.take().and_then(|errors| errors.join().ok()).unwrap_or_default();
        Ok((Ended { status, errors }, rest))
    }

    /// Waits until `ready` or until it has to be given up.
    fn wait_for(&self, ready: &impl std::os::fd::AsFd, flags: PollFlags) -> io::Result<()> {
        loop {
            self.progress.check_cancelled().map_err(|cancelled| io::Error::other(GivenUp::from(cancelled)))?;
            if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(io::Error::other(GivenUp::TimedOut));
            }
            let mut files = [PollFd::new(ready.as_fd(), flags)];
            match poll(&mut files, PollTimeout::from(LOOK_AGAIN)) {
                Ok(0) | Err(nix::errno::Errno::EINTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl GivenUp {
    pub(super) fn in_error(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

/// What it prints on stdout.
impl io::Read for Process {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.wait_for(&self.output, PollFlags::POLLIN)?;
        self.output.read(buffer)
    }
}

/// What it reads on stdin.
impl Write for Process {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let Some(input) = &mut self.input else { return Err(io::ErrorKind::BrokenPipe.into()) };
            match input.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return written,
            }
            let Some(input) = &self.input else { return Err(io::ErrorKind::BrokenPipe.into()) };
            self.wait_for(input, PollFlags::POLLOUT)?;
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.close_input();
        // Interrupted, it has the server stop what it does for it. Killed, it would leave a session behind that goes on
        // waiting for a lock, or working, until it looks for its client.
        self.signal(Signal::SIGINT);
        let end = Instant::now() + GRACE;
        while self.is_running() && Instant::now() < end {
            std::thread::park_timeout(Duration::from_millis(10));
        }
        self.signal(Signal::SIGKILL);
        let _reaped = self.child.wait();
    }
}

impl Process {
    fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// To its group, if it still runs: as long as it was not waited for, the number is its own.
    fn signal(&mut self, signal: Signal) {
        if self.is_running()
            && let Ok(id) = i32::try_from(self.child.id())
        {
            let _gone = killpg(Pid::from_raw(id), signal);
        }
    }
}

/// Reads all, and returns the last of it.
fn end_of(mut errors: ChildStderr) -> String {
    let mut kept = VecDeque::with_capacity(KEPT_BYTES);
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = errors.read(&mut buffer) {
        kept.extend(&buffer[..length]);
        let surplus = kept.len().saturating_sub(KEPT_BYTES);
        kept.drain(..surplus);
    }
    String::from_utf8_lossy(kept.make_contiguous()).into_owned()
}
