//! What every command is given: where the daemon is, and how to show things.

use std::path::{Path, PathBuf};

use carelog_rpc::Client;

use crate::args::Global;
use crate::failure::Failure;
use crate::output::Output;

/// One run of the program.
#[derive(Debug)]
pub(crate) struct Session {
    socket: PathBuf,
    /// Where results go.
    pub(crate) output: Output,
}

impl Session {
    /// A run with these options.
    pub(crate) fn new(global: &Global) -> Self {
        Self { socket: global.socket.clone(), output: Output::new(global) }
    }

    /// A new connection. Taken afresh for each question behind which a person may think: the daemon gives up on a
    /// connection over which nothing comes.
    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        Ok(Client::connect(&self.socket, env!("CARGO_PKG_VERSION")).await?)
    }

    /// The status that the daemon leaves beside its socket for when it does not run.
    pub(crate) fn status_file(&self) -> PathBuf {
        self.socket.parent().unwrap_or(Path::new(".")).join("status.json")
    }
}
