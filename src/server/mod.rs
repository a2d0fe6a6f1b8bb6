//! The control socket: accepts, knows who asks, answers.
//!
//! A request is answered by one exhaustive match in `handler`, blocking, on a thread of its own; only what flows
//! (watching, downloading, receiving a descriptor) is async. The server never runs jobs: it enqueues them. It opens no
//! path that a peer named. Called by the daemon.

mod access;
mod connection;
mod download;
mod failure;
mod handler;
mod overview;
mod requests;
mod time;
mod wire;

use std::sync::Arc;

use carelog_rpc::{Connection, ErrorCode, ErrorReply};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use handler::{Policy, Reload, Server};
pub use overview::StatusFile;

/// Version of this program, as said in the hello.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// More connections than this are turned away.
const MOST_CONNECTIONS: usize = 64;

impl Server {
    /// Answers on `listener` until `shutdown`; returns when every connection is closed.
    pub async fn serve(self: Arc<Self>, listener: UnixListener, shutdown: CancellationToken) {
        let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let connections = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
                        connections.spawn(turn_away(stream));
                        continue;
                    };
                    let server = Arc::clone(&self);
                    let shutdown = shutdown.clone();
                    connections.spawn(async move {
                        connection::run(&server, stream, &shutdown).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    // Out of descriptors, as a rule: some will be free in a moment.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
        connections.close();
        connections.wait().await;
    }
}

async fn turn_away(stream: UnixStream) {
    let reason = ErrorReply::new(ErrorCode::Conflict, "carelogd has too many connections")
        .because(format!("{MOST_CONNECTIONS} are open"))
        .hint("close other clients, or try again in a moment");
    if let Err(error) = Connection::turn_away(stream, VERSION, reason).await {
        tracing::debug!(%error, "a client that was turned away did not listen");
    }
}
