//! One connection: hello, then requests answered in order, until the peer goes or misbehaves.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use carelog_rpc::{Connection, ConnectionError, JobProgress, JobUpdate, Reply, Request, STALL};
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

use super::access::Caller;
use super::download;
use super::failure::Failure;
use super::handler::{Answer, Server};
use super::{VERSION, wire};
use crate::model::{JobId, JobState};
use crate::progress::Snapshot;

type Peer = Connection<Request, Reply>;

/// How often a watcher is told the counters.
const LOOK: Duration = Duration::from_millis(200);

/// Over how long the rate of a job is measured.
const RATE_WINDOW: Duration = Duration::from_secs(5);

pub(super) async fn run(server: &Arc<Server>, stream: UnixStream, shutdown: &CancellationToken) {
    let opened = tokio::select! {
        // A client that says nothing does not keep the daemon from ending.
        () = shutdown.cancelled() => return,
        opened = Peer::open(stream, VERSION, STALL) => opened,
    };
    let mut peer = match opened {
        Ok((peer, _hello)) => peer,
        Err(error) => return tracing::debug!(%error, "a client did not say hello"),
    };
    let credentials = match peer.peer() {
        Ok(credentials) => credentials,
        Err(error) => return tracing::warn!(%error, "the kernel does not say who connected"),
    };
    // Names may come from a directory server that does not answer.
    let Ok(caller) = tokio::task::spawn_blocking(move || Caller::of(credentials)).await else {
        return tracing::error!("finding out who connected went wrong");
    };
    loop {
        let received = tokio::select! {
            () = shutdown.cancelled() => return,
            received = peer.receive_in_time() => received,
        };
        let answered = match received {
            Ok(Some(request)) => answer(server, &mut peer, &caller, request, shutdown).await,
            Ok(None) => return,
            Err(error) => Err(error),
        };
        if let Err(error) = answered {
            tracing::debug!(%error, user = caller.requester.user, "a connection is closed");
            // Whether the peer still listens is its business.
            let _told = peer.send(&Reply::Error(error.as_reply())).await;
            return;
        }
    }
}

async fn answer(
    server: &Arc<Server>,
    peer: &mut Peer,
    caller: &Caller,
    request: Request,
    shutdown: &CancellationToken,
) -> Result<(), ConnectionError> {
    let verb = request.verb();
    match blocking(server, caller, move |server, caller| server.answer(caller, request)).await {
        Ok(Answer::Replies(replies)) => {
            for reply in replies {
                peer.send(&reply).await?;
            }
            Ok(())
        }
        Ok(Answer::Watch(id)) => watch(server, peer, caller, id, shutdown).await,
        Ok(Answer::Download(prepared)) => download::send(peer, prepared, shutdown).await,
        Ok(Answer::NeedsDirectory(next)) => {
            let directory = peer.ask_for_descriptor().await?;
            let reply =
                blocking(server, caller, move |server, caller| server.restore_into(caller, next, directory)).await;
            peer.send(&reply.unwrap_or_else(|failure| Reply::Error(failure.0))).await
        }
        Err(failure) => {
            tracing::debug!(verb, user = caller.requester.user, error = %failure.0, "a request failed");
            peer.send(&Reply::Error(failure.0)).await
        }
    }
}

/// Runs a handler on a thread where it may block.
async fn blocking<T: Send + 'static>(
    server: &Arc<Server>,
    caller: &Caller,
    work: impl FnOnce(&Server, &Caller) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let (server, caller) = (Arc::clone(server), caller.clone());
    let done = tokio::task::spawn_blocking(move || work(&server, &caller)).await;
    done.unwrap_or_else(|panic| {
        tracing::error!(%panic, "a request handler panicked");
        let hint = "please report it with the daemon's log";
        Err(Failure::new(carelog_rpc::ErrorCode::Failed, "carelogd came upon a mistake of its own", hint))
    })
}

/// Sends updates until the job has ended. A watcher that goes away changes nothing for the job.
async fn watch(
    server: &Arc<Server>,
    peer: &mut Peer,
    caller: &Caller,
    id: JobId,
    shutdown: &CancellationToken,
) -> Result<(), ConnectionError> {
    let mut watch = match blocking(server, caller, move |server, _| Ok(server.queue.watch(id)?)).await {
        Ok(watch) => watch,
        Err(failure) => return peer.send(&Reply::Error(failure.0)).await,
    };
    let mut rate = Rate::default();
    let mut sent = None;
    loop {
        let next = tokio::select! {
            () = shutdown.cancelled() => None,
            next = watch.next(LOOK) => next,
            // A watcher has nothing to say; what is heard is that it has gone.
            gone = peer.receive() => return match gone {
                Ok(None) => Ok(()),
                Ok(Some(_)) => Err(ConnectionError::UnaskedData),
                Err(error) => Err(error),
            },
        };
        let Some(update) = next.filter(|update| !update.state.is_final()) else { break };
        let (ahead, behind) = match update.state {
            JobState::Queued => {
                blocking(server, caller, move |server, _| server.ahead_of(id)).await.unwrap_or_default()
            }
            _ => (0, None),
        };
        let progress = (update.state == JobState::Running).then(|| rate.progress(&update.snapshot));
        let frame = JobUpdate { id: id.to_string(), state: wire::job_state(update.state), ahead, behind, progress };
        if sent.as_ref() != Some(&frame) {
            peer.send(&Reply::JobUpdate(frame.clone())).await?;
            sent = Some(frame);
        }
    }
    let ended = blocking(server, caller, move |server, _| server.job(id)).await;
    let reply = match ended {
        Ok(job) if job.state.is_final() => Reply::JobEnded(job),
        Ok(_) => Reply::Error(
            carelog_rpc::ErrorReply::new(carelog_rpc::ErrorCode::Conflict, "carelogd is shutting down")
                .hint("the job is in the queue's records: look at it with `carelogctl job show` when it runs again"),
        ),
        Err(failure) => Reply::Error(failure.0),
    };
    peer.send(&reply).await
}

/// How fast a job goes: over the last seconds, not over its whole life, in which phases differ.
#[derive(Default)]
struct Rate {
    phase: String,
    looks: VecDeque<(Instant, u64)>,
}

impl Rate {
    fn progress(&mut self, now: &Snapshot) -> JobProgress {
        if self.phase != now.phase {
            self.phase.clone_from(&now.phase);
            self.looks.clear();
        }
        self.looks.push_back((Instant::now(), now.done_bytes));
        while self.looks.front().is_some_and(|(at, _)| at.elapsed() > RATE_WINDOW) {
            self.looks.pop_front();
        }
        let per_second = |&(at, bytes): &(Instant, u64)| {
            let milliseconds = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
            now.done_bytes.saturating_sub(bytes).saturating_mul(1000) / milliseconds.max(1)
        };
        let rate = if self.looks.len() > 1 { self.looks.front().map_or(0, per_second) } else { 0 };
        let left = now.total_bytes.saturating_sub(now.done_bytes);
        JobProgress {
            phase: now.phase.clone(),
            done_bytes: now.done_bytes,
            total_bytes: (now.total_bytes > 0).then_some(now.total_bytes),
            done_files: now.done_files,
            total_files: (now.total_files > 0).then_some(now.total_files),
            rate,
            eta_seconds: (rate > 0 && left > 0).then(|| left / rate),
        }
    }
}
