//! Runs the site's own programs at steps of a job.
//!
//! A hook sees a cleared environment: PATH, and CARELOG_JOB_ID, CARELOG_BACKUP_ID and CARELOG_STATUS. It is a process
//! group of its own, which is killed as a whole at the timeout or when the job is cancelled; what leaves the group
//! (`setsid`) is left to the service manager. With `run_as` it gets that user and the user's main group: the standard
//! library drops further groups, and to set them would need unsafe code. Nothing of it is ever given to a shell.

use std::fmt;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::failure::failure;
use crate::account::{self, Account};
use crate::catalog::JobError;
use crate::config::Hook;
use crate::model::{BackupId, ErrorCode, JobId, JobState};
use crate::progress::Cancelled;

/// Where programs without a slash are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// So much of the end of a hook's output is kept.
const KEPT_OUTPUT: usize = 4096;

/// What a hook is told of the job.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub(super) job: JobId,
    pub(super) backup: Option<BackupId>,
    /// `running` as long as nothing is decided.
    pub(super) status: JobState,
}

/// A hook that exited 0.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) took: Duration,
    /// The last 4 KiB of what it printed.
    pub(super) output: String,
}

/// Why a hook did not do what it is for.
#[derive(Debug, thiserror::Error)]
pub(super) enum HookError {
    /// Its user does not exist, or is not ours to become.
    #[error("the hook '{name}' cannot run as '{user}': {why}")]
    User { name: String, user: String, why: String },
    /// It could not be started or followed.
    #[error("the hook '{name}' could not be run: {program}: {error}")]
    NotRun { name: String, program: String, error: std::io::Error },
    /// It ended with another code than 0, or by a signal.
    #[error("the hook '{name}' failed ({status}){}", Printed(output))]
    Failed { name: String, status: std::process::ExitStatus, output: String },
    /// It did not end in time and was killed.
    #[error("the hook '{name}' had not ended after {} and was killed{}", humantime::format_duration(*timeout), Printed(output))]
    TimedOut { name: String, timeout: Duration, output: String },
    /// The job was cancelled while it ran, and it was killed.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Output as the end of a message.
struct Printed<'a>(&'a str);

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.trim() {
            "" => f.write_str(" and printed nothing"),
            output => write!(f, " and printed: {output}"),
        }
    }
}

impl From<HookError> for JobError {
    fn from(error: HookError) -> Self {
        let hint = match &error {
            HookError::Cancelled(cancelled) => return (*cancelled).into(),
            HookError::User { .. } => "correct run_as in [hooks] of the configuration",
            HookError::NotRun { .. } => "correct argv in [hooks] of the configuration",
            HookError::Failed { .. } => "run the program by hand to see why",
            HookError::TimedOut { .. } => "run the program by hand to see why, or raise its timeout in [hooks]",
        };
        failure(ErrorCode::Failed, error, hint)
    }
}

/// Runs `hook` to its end. Blocks.
pub(super) fn run(name: &str, hook: &Hook, about: About, cancel: &CancellationToken) -> Result<Ran, HookError> {
    let user = resolve(name, hook)?;
    let not_run = |error| HookError::NotRun {
        name: name.to_owned(),
        program: hook.argv.first().cloned().unwrap_or_default(),
        error,
    };
    tracing::info!(job_id = %about.job, "the hook '{name}' begins");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(not_run)?;
    let began = Instant::now();
    let followed = runtime.block_on(async {
        let (mut child, mut output) = spawn(hook, about, user)?;
        let ended = follow(&mut child, &mut output, hook.timeout, cancel).await;
        std::io::Result::Ok((ended?, output.into_text()))
    });
    let (ended, output) = followed.map_err(not_run)?;
    let took = began.elapsed();
    tracing::info!(job_id = %about.job, ?took, "the hook '{name}' ended: {ended:?}");
    let name = name.to_owned();
    match ended {
        Ended::Exited(status) if status.success() => Ok(Ran { took, output }),
        Ended::Exited(status) => Err(HookError::Failed { name, status, output }),
        Ended::TimedOut => Err(HookError::TimedOut { name, timeout: hook.timeout, output }),
        Ended::Cancelled => Err(Cancelled.into()),
    }
}

/// Whether the hook could be run as its user; asked before anything is done that it belongs to.
pub(super) fn check(name: &str, hook: &Hook) -> Result<(), HookError> {
    resolve(name, hook).map(drop)
}

/// The user to become; `None` to stay who we are.
fn resolve(name: &str, hook: &Hook) -> Result<Option<Account>, HookError> {
    account::to_become(&hook.run_as).map_err(|why| HookError::User {
        name: name.to_owned(),
        user: hook.run_as.clone(),
        why,
    })
}

fn spawn(hook: &Hook, about: About, user: Option<Account>) -> std::io::Result<(Child, Output)> {
    let (reader, writer) = std::io::pipe()?;
    let Some((program, arguments)) = hook.argv.split_first() else {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "it names no program"));
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("CARELOG_JOB_ID", about.job.to_string())
        .env("CARELOG_BACKUP_ID", about.backup.map(|id| id.to_string()).unwrap_or_default())
        .env("CARELOG_STATUS", about.status.as_str())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0);
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    // Non-blocking for us alone: the flag belongs to this end of the pipe.
    let output = Output { pipe: Receiver::from_owned_fd(OwnedFd::from(reader))?, tail: Vec::new(), at_end: false };
    Ok((command.spawn()?, output))
}

#[derive(Debug)]
enum Ended {
    Exited(std::process::ExitStatus),
    TimedOut,
    Cancelled,
}

/// Waits for the end, reading along so that a full pipe does not hold the program up. Afterwards nothing of its group runs
/// unless it exited by itself: then what it left in the background is its own affair.
async fn follow(
    child: &mut Child,
    output: &mut Output,
    timeout: Duration,
    cancel: &CancellationToken,
) -> std::io::Result<Ended> {
    let late = tokio::time::sleep(timeout);
    tokio::pin!(late);
    let ended = loop {
        tokio::select! {
            status = child.wait() => break Ended::Exited(status?),
            readable = output.pipe.readable(), if !output.at_end => {
                readable?;
                output.take_what_is_there();
            }
            () = &mut late => break Ended::TimedOut,
            () = cancel.cancelled() => break Ended::Cancelled,
        }
    };
    if !matches!(ended, Ended::Exited(_)) {
        kill_group(child);
        child.wait().await?;
    }
    output.take_what_is_there();
    Ok(ended)
}

/// The child was not waited for yet, so its number, and that of its group, still are its own.
fn kill_group(child: &Child) {
    if let Some(id) = child.id().and_then(|id| i32::try_from(id).ok()) {
        // Whoever is gone already needs no signal.
        let _gone = killpg(Pid::from_raw(id), Signal::SIGKILL);
    }
}

/// The end of what was printed, stdout and stderr in the order in which they came.
struct Output {
    pipe: Receiver,
    tail: Vec<u8>,
    at_end: bool,
}

impl Output {
    /// Reads until the pipe has nothing more at present. It may never end: something in the background may hold it open.
    fn take_what_is_there(&mut self) {
        let mut buffer = [0; KEPT_OUTPUT];
        loop {
            match self.pipe.try_read(&mut buffer) {
                Ok(0) => self.at_end = true,
                Ok(length) => {
                    self.tail.extend_from_slice(&buffer[..length]);
                    let surplus = self.tail.len().saturating_sub(KEPT_OUTPUT);
                    self.tail.drain(..surplus);
                    continue;
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                // What a hook prints decides nothing.
                Err(_) => self.at_end = true,
            }
            return;
        }
    }

    fn into_text(self) -> String {
        String::from_utf8_lossy(&self.tail).into_owned()
    }
}

#[cfg(test)]
mod tests;
