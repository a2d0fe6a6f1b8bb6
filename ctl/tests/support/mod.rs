//! The real client against a daemon that is only a script: a real socket, and the server's end of the real protocol.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use carelog_rpc::{Connection, Reply, Request, STALL};
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};

/// Answers each request with what `script` says, and keeps every connection open until the client closes it.
pub(crate) struct FakeDaemon {
    /// Holds the socket, and whatever a test puts beside it.
    pub(crate) dir: TempDir,
    /// Every request, in order.
    pub(crate) requests: Receiver<Request>,
    /// Every descriptor that was passed.
    pub(crate) descriptors: Receiver<OwnedFd>,
}

impl FakeDaemon {
    pub(crate) fn start(script: impl Fn(&Request) -> Vec<Reply> + Send + 'static) -> Self {
        let dir = TempDir::new().expect("a folder");
        let listener = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).expect("binds");
        listener.set_nonblocking(true).expect("set");
        let (request_sender, requests) = channel();
        let (descriptor_sender, descriptors) = channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = UnixListener::from_std(listener).expect("a listener");
                while let Ok((stream, _address)) = listener.accept().await {
                    serve(stream, &script, &request_sender, &descriptor_sender).await;
                }
            });
        });
        Self { dir, requests, descriptors }
    }

    /// The client with `args`, talking to this daemon, in an environment that holds nothing else.
    pub(crate) fn client<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = client(args);
        command.env("CARELOG_SOCKET", self.dir.path().join("socket"));
        command
    }

    /// Runs the client to its end.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        Ran::new(&self.client(args).output().expect("runs"))
    }
}

async fn serve(
    stream: UnixStream,
    script: &impl Fn(&Request) -> Vec<Reply>,
    requests: &Sender<Request>,
    descriptors: &Sender<OwnedFd>,
) {
    let opened = Connection::<Request, Reply>::open(stream, "0.1.0", STALL).await;
    let (mut connection, _hello) = opened.expect("the client says hello");
    while let Ok(Some(request)) = connection.receive().await {
        let replies = script(&request);
        // Nobody listens any more when the test has what it wanted.
        let _ = requests.send(request);
        for reply in replies {
            if reply == Reply::SendDescriptor {
                let _ = descriptors.send(connection.ask_for_descriptor().await.expect("a descriptor"));
            } else if connection.send(&reply).await.is_err() {
                return;
            }
        }
    }
}

/// The client with `args` in an empty environment.
pub(crate) fn client<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carelogctl"));
    command.args(args).env_clear().env("TZ", "UTC").env("LANG", "C").stdin(Stdio::null());
    command
}

/// What a client left behind.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn new(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// The one document on stdout.
    pub(crate) fn document(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).expect("a document")
    }
}

/// A file of expected output; `UPDATE_GOLDEN=1` writes it.
pub(crate) fn hold_against(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).expect("written");
    }
    let golden = std::fs::read_to_string(&path).expect("the file of expected output");
    assert_eq!(actual, golden, "{} differs; UPDATE_GOLDEN=1 writes it again", path.display());
}
