//! A web server of the test's own, that keeps what it is sent and answers what it is told to.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Such as `POST /path`.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// A web server. It ends with the test.
pub(crate) struct HttpSink {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    received: Vec<Received>,
    /// The whole answer; empty to close the connection without one.
    answer: String,
}

impl HttpSink {
    /// One that answers 200.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Mutex::new(Shared { received: Vec::new(), answer: String::new() }));
        let for_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away in the middle is its own affair.
                let _gone = serve(stream, &for_thread);
            }
        });
        let sink = Self { address, shared };
        sink.answer(200, "", "ok");
        sink
    }

    /// What it answers from now on; `headers` are whole lines.
    pub(crate) fn answer(&self, status: u16, headers: &str, body: &str) {
        let answer = format!(
            "HTTP/1.1 {status} Whatever\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}",
            body.len()
        );
        self.shared.lock().unwrap().answer = answer;
    }

    /// It closes connections without an answer from now on.
    pub(crate) fn say_nothing(&self) {
        self.shared.lock().unwrap().answer.clear();
    }

    /// What it was sent so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.shared.lock().unwrap().received.clone()
    }

    /// The address of `path` there.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn serve(stream: TcpStream, shared: &Mutex<Shared>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        lines.push(line.to_owned());
    }
    let Some((first, headers)) = lines.split_first() else { return Ok(()) };
    let headers: BTreeMap<_, _> = headers
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(k, v)| (k.to_lowercase(), v.to_owned()))
        .collect();
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let line = first.rsplit_once(' ').map_or(first.as_str(), |(line, _version)| line).to_owned();
    let body = String::from_utf8(body).unwrap();
    let answer = {
        let mut shared = shared.lock().unwrap();
        shared.received.push(Received { line, headers, body });
        shared.answer.clone()
    };
    let mut stream = stream;
    stream.write_all(answer.as_bytes())
}
