//! The daemon on a thread of its own, and the connection over which it is asked.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, bail};
use carelog_rpc::{Client, ClientError, Job, JobState, WatchEvent};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::daemon;
use crate::signals::Shutdown;

/// How often the socket is tried until the daemon listens.
const ATTEMPTS_EVERY: Duration = Duration::from_millis(10);

/// The demonstration was interrupted.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("interrupted")]
pub(super) struct Interrupted;

/// A daemon that runs. Dropped, it is asked to end and waited for, so that none is left behind.
#[derive(Debug)]
pub(super) struct Running {
    runtime: Runtime,
    socket: PathBuf,
    shutdown: Shutdown,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
    interrupt: CancellationToken,
}

impl Running {
    /// Starts the daemon by `config`, with its log in the file `log`, and waits until it answers.
    pub(super) fn start(config: Config, log: &Path, interrupt: &Shutdown) -> anyhow::Result<Self> {
        log_to(log)?;
        let shutdown = Shutdown::manual();
        let socket = config.daemon.socket.clone();
        let told = shutdown.clone();
        let thread = std::thread::Builder::new().name("daemon".to_owned()).spawn(move || daemon::run(config, &told))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let interrupt = interrupt.token().clone();
        let mut running = Self { runtime, socket, shutdown, thread: Some(thread), interrupt };
        running.wait_until_it_answers()?;
        Ok(running)
    }

    /// The answer to one question.
    pub(super) fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&mut Client) -> Result<T, ClientError>,
    ) -> anyhow::Result<T> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.interrupt.cancelled() => Err(Interrupted.into()),
                answer = async { question(&mut self.connect().await?).await } => Ok(answer?),
            }
        })
    }

    /// The job that `request` enqueues, when it has ended. One that did not end well is an error, and so is a warning:
    /// nothing here gives reason for one.
    pub(super) fn job(
        &self,
        request: impl AsyncFnOnce(&mut Client) -> Result<String, ClientError>,
    ) -> anyhow::Result<Job> {
        let job = self.ask(async |client| {
            let id = request(client).await?;
            let mut watch = client.watch(&id).await?;
            loop {
                if let WatchEvent::Ended(job) = watch.next().await? {
                    return Ok(*job);
                }
            }
        })?;
        let warnings = job.result.as_ref().map(|result| result.warnings.join("; "));
        match (job.state, &job.error) {
            (JobState::Succeeded, _) => Ok(job),
            (_, Some(error)) => bail!("the {} job: {error}", job.kind),
            (state, None) => bail!("the {} job {state}: {}", job.kind, warnings.unwrap_or_default()),
        }
    }

    /// Asks the daemon to end, and waits until it has.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        self.end()
    }

    async fn connect(&self) -> Result<Client, ClientError> {
        Client::connect(&self.socket, env!("CARGO_PKG_VERSION")).await
    }

    fn wait_until_it_answers(&mut self) -> anyhow::Result<()> {
        loop {
            if self.interrupt.is_cancelled() {
                return Err(Interrupted.into());
            }
            if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
                self.end()?;
                bail!("the daemon ended before it listened");
            }
            if self.runtime.block_on(self.connect()).is_ok() {
                return Ok(());
            }
            // The daemon tells a service manager that it is ready, and otherwise nobody: its socket has to be tried.
            std::thread::sleep(ATTEMPTS_EVERY);
        }
    }

    fn end(&mut self) -> anyhow::Result<()> {
        self.shutdown.request();
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(ended)) => ended.context("the daemon"),
            Some(Err(_panic)) => bail!("the daemon panicked"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only after an error, which is the one to be told.
        let _ended = self.end();
    }
}

/// The daemon's log must not stand between the lines of the story.
fn log_to(path: &Path) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| format!("making {}", path.display()))?;
    let subscriber = tracing_subscriber::fmt().with_writer(std::sync::Mutex::new(file)).with_ansi(false);
    // A process that logs already goes on as it does.
    let _kept = subscriber.with_target(false).try_init();
    Ok(())
}
