//! Both ends of a connection over a real socket, and what a bad peer does to them.
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::time::Duration;

use carelog_rpc::codec::CodecError;
use carelog_rpc::{
    Client, ClientError, Connection, ConnectionError, DownloadEnd, DownloadStart, ErrorCode, ErrorReply, Hello,
    MAX_REQUEST_BYTES, Octets, Piece, Reply, Request, RestoreFrom, RestoreRequest, STALL,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

type Daemon = Connection<Request, Reply>;

/// A client and the daemon's end of its connection.
async fn connected() -> (Client, Daemon) {
    let dir = tempfile::TempDir::new().unwrap();
    let socket = dir.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let (client, daemon) = tokio::join!(Client::connect(&socket, "0.1.0"), async {
        Daemon::open(listener.accept().await.unwrap().0, "0.1.0", STALL).await
    });
    (client.unwrap(), daemon.unwrap().0)
}

/// The daemon's end of a connection whose other end is a bare stream that has said hello.
async fn daemon_and_stream(stall: Duration) -> (Daemon, UnixStream) {
    let (near, mut far) = UnixStream::pair().unwrap();
    let hello = Hello::of_version("0").to_frame();
    far.write_all(&u32::try_from(hello.len()).unwrap().to_be_bytes()).await.unwrap();
    far.write_all(&hello).await.unwrap();
    let (daemon, _hello) = Daemon::open(near, "0.1.0", stall).await.unwrap();
    (daemon, far)
}

fn restore_to() -> RestoreRequest {
    RestoreRequest {
        from: RestoreFrom::Backup("latest".to_owned()),
        sources: vec![],
        paths: vec![],
        partial: false,
        accept_unsaved: false,
        description: String::new(),
        dry_run: false,
        now: false,
        to: true,
        to_database: None,
    }
}

#[tokio::test]
async fn a_request_is_answered() {
    let (mut client, mut daemon) = connected().await;
    let (answer, ()) = tokio::join!(client.cancel_job("0198".to_owned()), async {
        assert_eq!(daemon.receive_in_time().await.unwrap(), Some(Request::CancelJob { id: "0198".to_owned() }));
        let error = ErrorReply::new(ErrorCode::NotFound, "no job 0198").hint("carelogctl jobs --all");
        daemon.send(&Reply::Error(error)).await.unwrap();
    });
    let Err(ClientError::Refused(error)) = answer else { panic!("{answer:?}") };
    assert_eq!(error.to_string(), "no job 0198 (carelogctl jobs --all)");
}

#[tokio::test]
async fn the_daemon_knows_the_user_behind_the_socket() {
    let (_client, daemon) = connected().await;
    assert_eq!(daemon.peer().unwrap().uid(), rustix::process::getuid().as_raw());
}

#[tokio::test]
async fn a_directory_is_passed_and_the_connection_goes_on_behind_it() {
    let (mut client, mut daemon) = connected().await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, b"inside").unwrap();
    let opened = std::fs::File::open(file.path()).unwrap();
    let asking = async {
        let job = client.restore(restore_to(), Some(opened.as_fd())).await.unwrap();
        (job, client.status().await)
    };
    let ((job, status), ()) = tokio::join!(asking, async {
        assert!(matches!(daemon.receive().await.unwrap(), Some(Request::Restore(RestoreRequest { to: true, .. }))));
        let descriptor = daemon.ask_for_descriptor().await.unwrap();
        let mut text = String::new();
        std::fs::File::from(descriptor).read_to_string(&mut text).unwrap();
        daemon.send(&Reply::Enqueued { job_id: text }).await.unwrap();
        assert_eq!(daemon.receive().await.unwrap(), Some(Request::Status));
        daemon.send(&Reply::SendDescriptor).await.unwrap();
    });
    assert_eq!(job, "inside");
    assert!(matches!(status, Err(ClientError::Unexpected("SendDescriptor"))));
}

#[tokio::test]
async fn a_client_that_sends_on_instead_of_a_descriptor_is_refused() {
    for early in [true, false] {
        let (mut daemon, mut far) = daemon_and_stream(STALL).await;
        let request = [0, 0, 0, 1, 0];
        far.write_all(&request).await.unwrap();
        if early {
            far.write_all(&request).await.unwrap();
        }
        assert_eq!(daemon.receive().await.unwrap(), Some(Request::Status));
        let (received, ()) = tokio::join!(daemon.ask_for_descriptor(), async {
            if !early {
                far.write_all(&request).await.unwrap();
            }
        });
        assert!(matches!(received, Err(ConnectionError::UnaskedData)), "{received:?}");
    }
}

#[tokio::test]
async fn a_peer_of_another_protocol_is_refused_by_both_versions() {
    let (near, mut far) = UnixStream::pair().unwrap();
    far.write_all(b"\0\0\0\x09CLOG\0\x639.9").await.unwrap();
    let refused = Daemon::open(near, "0.1.0", STALL).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the other side is version 9.9 and speaks protocol 99, this one is version 0.1.0 and speaks protocol 1"
    );
    let mut hello = Vec::new();
    far.read_to_end(&mut hello).await.unwrap();
    assert_eq!(hello, b"\0\0\0\x0bCLOG\0\x010.1.0", "the other side hears what we are");
}

#[tokio::test]
async fn whoever_is_not_carelog_is_told_apart() {
    let (near, mut far) = UnixStream::pair().unwrap();
    far.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(matches!(Daemon::open(near, "0", STALL).await, Err(ConnectionError::NotCareLog)));
}

#[tokio::test]
async fn a_frame_over_the_limit_is_refused_by_its_length_alone() {
    let (mut daemon, mut far) = daemon_and_stream(STALL).await;
    let length = u32::try_from(MAX_REQUEST_BYTES + 1).unwrap();
    far.write_all(&length.to_be_bytes()).await.unwrap();
    let refused = daemon.receive().await.unwrap_err();
    assert!(matches!(refused, ConnectionError::FrameTooLong { limit: MAX_REQUEST_BYTES }), "{refused}");
    assert_eq!(refused.as_reply().code, ErrorCode::Usage);
}

#[tokio::test]
async fn a_frame_of_garbage_or_cut_short_is_an_error() {
    let (mut daemon, mut far) = daemon_and_stream(STALL).await;
    far.write_all(b"\0\0\0\x04\xff\xff\xff\xff").await.unwrap();
    assert!(matches!(daemon.receive().await, Err(ConnectionError::Codec(CodecError::Malformed(_)))));
    far.write_all(b"\0\0\0\x04\xff").await.unwrap();
    drop(far);
    assert!(matches!(daemon.receive().await, Err(ConnectionError::Closed)));
}

#[tokio::test]
async fn a_peer_that_goes_away_between_frames_is_no_error() {
    let (client, mut daemon) = connected().await;
    drop(client);
    assert!(daemon.receive().await.unwrap().is_none());
}

#[tokio::test]
async fn a_peer_that_stops_in_the_middle_of_a_frame_is_given_up() {
    let (mut daemon, mut far) = daemon_and_stream(Duration::from_millis(20)).await;
    far.write_all(b"\0\0\0\x04\0").await.unwrap();
    assert!(matches!(daemon.receive_in_time().await, Err(ConnectionError::Stalled(_))));
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_given_up() {
    let (mut daemon, _far) = daemon_and_stream(Duration::from_millis(20)).await;
    let chunk = Reply::Bytes(Octets(vec![0; Reply::CHUNK_BYTES]));
    let gave_up = loop {
        if let Err(error) = daemon.send(&chunk).await {
            break error;
        }
    };
    assert!(matches!(gave_up, ConnectionError::Stalled(_)), "{gave_up}");
}

#[tokio::test]
async fn a_client_that_is_turned_away_learns_why() {
    let dir = tempfile::TempDir::new().unwrap();
    let socket = dir.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let asking = async {
        let mut client = Client::connect(&socket, "0.1.0").await.unwrap();
        client.status().await
    };
    let (answer, ()) = tokio::join!(asking, async {
        let (stream, _address) = listener.accept().await.unwrap();
        Daemon::turn_away(stream, "0.1.0", ErrorReply::new(ErrorCode::Conflict, "64 clients are connected"))
            .await
            .unwrap();
    });
    let Err(ClientError::Refused(error)) = answer else { panic!("{answer:?}") };
    assert_eq!((error.code, error.message.as_str()), (ErrorCode::Conflict, "64 clients are connected"));
}

/// Downloads `abc`, of which the daemon says `end`.
async fn download(end: DownloadEnd) -> Result<Vec<u8>, ClientError> {
    let (mut client, mut daemon) = connected().await;
    let receiving = async {
        let mut download = client.download("latest", None).await?;
        let mut bytes = Vec::new();
        loop {
            match download.next().await? {
                Piece::Bytes(piece) => bytes.extend(piece),
                Piece::End(_) => return Ok(bytes),
            }
        }
    };
    let (received, ()) = tokio::join!(receiving, async {
        daemon.receive().await.unwrap();
        let start = DownloadStart { filename: "backup.tar.zst".to_owned(), size_bytes: None };
        daemon.send(&Reply::DownloadStart(start)).await.unwrap();
        daemon.send(&Reply::Bytes(Octets(b"ab".to_vec()))).await.unwrap();
        daemon.send(&Reply::Bytes(Octets(b"c".to_vec()))).await.unwrap();
        daemon.send(&Reply::DownloadEnd(end)).await.unwrap();
    });
    received
}

#[tokio::test]
async fn a_download_counts_only_when_length_and_checksum_agree() {
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned();
    let whole = download(DownloadEnd { size_bytes: 3, sha256: sha256.clone() }).await;
    assert_eq!(whole.unwrap(), b"abc");
    let short = download(DownloadEnd { size_bytes: 4, sha256 }).await;
    assert!(matches!(short, Err(ClientError::Damaged(_))));
    let other = download(DownloadEnd { size_bytes: 3, sha256: "0".repeat(64) }).await;
    assert!(matches!(other, Err(ClientError::Damaged(_))));
}

#[tokio::test]
async fn a_socket_that_nobody_listens_on_is_unreachable() {
    let dir = tempfile::TempDir::new().unwrap();
    let missing = Client::connect(&dir.path().join("socket"), "0").await;
    assert!(matches!(missing, Err(ClientError::Unreachable { .. })));
}
