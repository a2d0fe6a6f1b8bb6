//! Clients that misbehave. Each gets its answer and its connection closed; one that behaves is served meanwhile.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use carelog_rpc::{ErrorCode, ErrorReply, Hello, Reply, Request, codec};

use crate::support::World;
use crate::support::wait::{HANGS, wait_until};

/// More are turned away.
const MOST_CONNECTIONS: usize = 64;

#[test]
fn a_client_that_says_nothing_keeps_nobody_waiting_not_even_the_end_of_the_daemon() {
    let world = World::new();
    let daemon = world.start();
    let (_silent, _greeted) = (connect(&world), greeted(&world));
    world.ctl(&["backup"]).expect_code(0);
    daemon.stop();
}

#[test]
fn the_connection_after_the_last_one_is_turned_away_with_the_reason() {
    let world = World::new();
    let _daemon = world.start();
    let mut open: Vec<_> = (0..MOST_CONNECTIONS).map(|_| greeted(&world)).collect();
    let refused = world.ctl(&["status"]).expect_code(8);
    assert!(refused.stderr.contains("carelogd has too many connections"), "{refused:?}");
    assert!(refused.stderr.contains("64 are open"), "{refused:?}");

    // Those that are open are served all the same.
    let last = open.last_mut().unwrap();
    send(last, &codec::encode(&Request::Status).unwrap());
    assert!(matches!(codec::decode(&frame(last).unwrap()).unwrap(), Reply::Status(_)));
    drop(open.pop());
    wait_until("room for another", || world.ctl(&["status"]).code == 0);
}

#[test]
fn bytes_that_are_no_hello_end_the_connection() {
    let world = World::new();
    let _daemon = world.start();
    for garbage in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], b"\0\0\0\x04nope", &[0xFF; 4096]] {
        let mut client = connect(&world);
        let _said_hello = frame(&mut client).unwrap();
        // It may be gone before it has heard all of it.
        let _broken_pipe = client.write_all(garbage);
        assert_eq!(frame(&mut client), None, "{garbage:?}");
    }
    assert_serves(&world);
}

#[test]
fn a_client_of_another_protocol_is_told_ours_and_closed() {
    let world = World::new();
    let _daemon = world.start();
    let mut client = connect(&world);
    send(&mut client, &Hello { protocol: 99, version: "9.9".to_owned() }.to_frame());
    let hello = Hello::from_frame(&frame(&mut client).unwrap()).unwrap();
    assert_eq!(hello, Hello::of_version(env!("CARGO_PKG_VERSION")));
    assert_eq!(frame(&mut client), None);
    assert_serves(&world);
}

#[test]
fn a_frame_that_is_none_is_answered_with_what_is_wrong_and_the_connection_closed() {
    let world = World::new();
    let _daemon = world.start();
    let request = codec::encode(&Request::Status).unwrap();
    let trailing = [&request[..], &[0]].concat();
    let cases: [(&str, Vec<u8>); 4] = [
        ("the other side sent a frame of more than 65536 bytes", vec![0x7F, 0xFF, 0xFF, 0xFF]),
        ("is not a message of this protocol", framed(&[0xEE; 16])),
        ("the frame holds 1 bytes behind its message", framed(&trailing)),
        ("the other side closed the connection", [&100_u32.to_be_bytes()[..], &[1; 10]].concat()),
    ];
    for (expected, bytes) in cases {
        let mut client = greeted(&world);
        client.write_all(&bytes).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let error = error(&frame(&mut client).unwrap());
        assert_eq!(error.code, ErrorCode::Usage);
        assert!(error.cause.as_deref().is_some_and(|cause| cause.contains(expected)), "{expected}: {error:?}");
        assert_eq!(frame(&mut client), None, "{expected}");
        assert_serves(&world);
    }
}

#[track_caller]
fn connect(world: &World) -> UnixStream {
    let stream = UnixStream::connect(world.socket()).unwrap();
    stream.set_read_timeout(Some(HANGS)).unwrap();
    stream
}

/// A connection with the hello done.
#[track_caller]
fn greeted(world: &World) -> UnixStream {
    let mut stream = connect(world);
    send(&mut stream, &Hello::of_version("0.0.0-test").to_frame());
    assert!(Hello::from_frame(&frame(&mut stream).unwrap()).is_some());
    stream
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

#[track_caller]
fn send(stream: &mut UnixStream, bytes: &[u8]) {
    stream.write_all(&framed(bytes)).unwrap();
}

/// The next frame; `None` when the daemon has closed the connection.
#[track_caller]
fn frame(stream: &mut UnixStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) => {
            use std::io::ErrorKind::{ConnectionReset, UnexpectedEof};
            assert!([UnexpectedEof, ConnectionReset].contains(&error.kind()), "it was not closed: {error}");
            return None;
        }
    }
    let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut bytes).unwrap();
    Some(bytes)
}

#[track_caller]
fn error(frame: &[u8]) -> ErrorReply {
    match codec::decode(frame).unwrap() {
        Reply::Error(error) => error,
        other => panic!("not an error: {other:?}"),
    }
}

#[track_caller]
fn assert_serves(world: &World) {
    world.ctl(&["status"]).expect_code(0);
}
