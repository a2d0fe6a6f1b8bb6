//! Wires the parts, recovers what a crash left, serves, and drains.
//!
//! The order of the start: lock, catalog, store, recovery, interrupted restores, queue, socket, and only then ready. The order of the end:
//! socket, queue. Called by `main` and by the demonstration.

mod delivery;
mod listen;
mod outlook;
mod parts;
mod recover;
mod reload;
mod rounds;
mod settle;
#[cfg(test)]
mod year;

use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use sd_notify::NotifyState;
use tokio::net::UnixListener;

use self::delivery::Post;
use self::outlook::ScheduleOutlook;
use self::reload::Reloader;
use self::rounds::Rounds;
use crate::alerts::{AlertSettings, AlertWatch};
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config::Config;
use crate::fsio;
use crate::job::Jobs;
use crate::queue::Queue;
use crate::scheduler::Scheduler;
use crate::server::{Server, StatusFile};
use crate::signals::Shutdown;

/// How long a running job that cannot be repeated may take to end when the daemon is asked to; then the same again to
/// settle. Fits the unit's TimeoutStopSec.
const GRACE: Duration = Duration::from_secs(40);

/// Runs the daemon until `shutdown` asks it to end.
///
/// # Errors
/// Whatever keeps it from starting, or ends it early.
pub fn run(config: Config, shutdown: &Shutdown) -> anyhow::Result<()> {
    let clock = Clock::system();
    // Walking holds a descriptor for each level of a tree, and the usual soft limit is meant for select(2).
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _best_effort = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
    let state_dir = &config.daemon.state_dir;
    fsio::create_private_dir(state_dir).with_context(|| format!("the state folder {}", state_dir.display()))?;
    let _lock = fsio::lock_exclusively(&state_dir.join("carelogd.lock"))?;
    let (catalog, opened) = Catalog::open(&state_dir.join("catalog.db"), clock.now())?;
    let store = recover::open_store(&config, &catalog, &clock)?;
    recover::reconcile(&catalog, &*store, &opened, &clock)?;
    let parts = parts::build(&config, catalog.clone(), store, clock.clone())?;
    settle::settle_restores(&parts)?;
    let listener = listen::bind(&config.daemon.socket)?;
    let jobs = Arc::new(Jobs::new(parts));
    jobs.remove_unneeded_archives();
    let runner = Arc::clone(&jobs);
    catalog.make_reserve();
    let (queue, interrupted) = Queue::start(catalog.clone(), clock.clone(), runner)?;
    for job in &interrupted {
        tracing::warn!(job_id = %job.id, "the {} job was interrupted when the daemon ended", job.spec.kind());
    }
    let queue = Arc::new(queue);
    let policy = Arc::new(RwLock::new(parts::policy(&config, &jobs.parts().clock)));
    let socket = config.daemon.socket.clone();
    let lanes = Arc::<Queue>::clone(&queue);
    let scheduler = Arc::new(Scheduler::new(catalog.clone(), lanes, clock.clone(), config.schedules.clone())?);
    let running = Arc::<Queue>::clone(&queue);
    let outlook = Arc::new(ScheduleOutlook::new(Arc::clone(&scheduler), Arc::clone(&jobs)));
    let alerts = Arc::new(AlertWatch::new(Arc::clone(&jobs), running, outlook, AlertSettings::of(&config)));
    let reloader = Arc::new(Reloader {
        current: Mutex::new(config),
        jobs: Arc::clone(&jobs),
        scheduler: Arc::clone(&scheduler),
        policy: Arc::clone(&policy),
        alerts: Arc::clone(&alerts),
    });
    let reload = Arc::<Reloader>::clone(&reloader);
    let (queue_too, scheduler_too) = (Arc::clone(&queue), Arc::clone(&scheduler));
    let post = Arc::new(Post::new(jobs.parts(), Arc::clone(&policy)));
    let server = Server::new(queue_too, Arc::clone(&jobs), scheduler_too, policy, reload, Arc::clone(&alerts));
    let status = StatusFile::beside(&socket, Arc::clone(&server));
    let rounds = Arc::new(Rounds::new(scheduler, alerts, status, clock));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listener = UnixListener::from_std(listener)?;
        rounds.go();
        notify(&[NotifyState::Ready]);
        settle::start_applications(jobs.parts(), interrupted);
        tracing::info!(version = env!("CARGO_PKG_VERSION"), "ready at {}", socket.display());
        let background = [
            tokio::spawn(delivery::run(post, rounds.seen(), shutdown.clone())),
            tokio::spawn(rounds::make(rounds, queue.changes(), shutdown.clone())),
            tokio::spawn(follow_reloads(shutdown.clone(), reloader)),
        ];
        server.serve(listener, shutdown.token().clone()).await;
        // Waited for, because each may be in the catalog, which is closed only when nobody is.
        for task in background {
            if let Err(panic) = task.await {
                tracing::error!(%panic, "a task of the daemon ended too early");
            }
        }
        anyhow::Ok(())
    })?;
    notify(&[NotifyState::Stopping]);
    let unfinished = queue.shutdown(GRACE);
    for id in unfinished {
        tracing::warn!(job_id = %id, "a job did not stop in time; it will be settled at the next start");
    }
    // A job that is waited for no longer must not keep the process.
    runtime.shutdown_background();
    let _gone = std::fs::remove_file(&socket);
    if let Err(error) = catalog.settle() {
        tracing::warn!(%error, "the catalog's log stays beside it; the next start reads it");
    }
    tracing::info!("ended");
    Ok(())
}

/// Reads the configuration again whenever SIGHUP asks for it.
async fn follow_reloads(shutdown: Shutdown, reloader: Arc<Reloader>) {
    loop {
        tokio::select! {
            () = shutdown.token().cancelled() => return,
            () = shutdown.reload_requested() => {}
        }
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            notify(&[NotifyState::Reloading, now]);
        }
        let reloader = Arc::clone(&reloader);
        let reloaded = tokio::task::spawn_blocking(move || reloader.reload_by_signal()).await;
        if let Err(panic) = reloaded {
            tracing::error!(%panic, "reading the configuration again went wrong");
        }
        notify(&[NotifyState::Ready]);
    }
}

/// Tells the service manager, where there is one.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}
