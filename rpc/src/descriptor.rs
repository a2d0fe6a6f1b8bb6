//! Passing one file descriptor over a Unix socket (SCM_RIGHTS, unix(7)).
//!
//! The descriptor travels with one marker byte outside of the framed stream. A framed reader that had read ahead would
//! have thrown the descriptor away with its byte, so the two sides agree on the moment: the client sends it only when
//! asked (`Reply::SendDescriptor`), and the daemon asks only while nothing of the client's is buffered.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::UnixStream;

const MARKER: u8 = b'D';

/// Sends the marker byte and `descriptor` with it.
pub(crate) async fn send(stream: &UnixStream, descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let descriptors = [descriptor];
    stream
        .async_io(Interest::WRITABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
                return Err(io::Error::other("no room for a descriptor in the control message"));
            }
            let sent = sendmsg(stream, &[IoSlice::new(&[MARKER])], &mut control, SendFlags::NOSIGNAL)?;
            if sent == 1 { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
        })
        .await
}

/// Receives the marker byte and exactly one descriptor, close-on-exec. Others that come with it are closed.
pub(crate) async fn receive(stream: &UnixStream) -> io::Result<OwnedFd> {
    stream.async_io(Interest::READABLE, || receive_now(stream)).await
}

fn receive_now(stream: &UnixStream) -> io::Result<OwnedFd> {
    let mut byte = [0_u8; 1];
    // Room for one descriptor only: the kernel closes those that do not fit and says so in the flags.
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(stream, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors: Vec<OwnedFd> = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    let invalid = |message| Err(io::Error::new(io::ErrorKind::InvalidData, message));
    match (received.bytes, byte[0], descriptors.pop()) {
        (0, ..) => Err(io::ErrorKind::UnexpectedEof.into()),
        (_, MARKER, Some(descriptor)) if descriptors.is_empty() && !received.flags.contains(ReturnFlags::CTRUNC) => {
            Ok(descriptor)
        }
        (_, MARKER, Some(_)) => invalid("more than one descriptor came where one was asked for"),
        _ => invalid("data came where a descriptor was asked for"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;
    use std::os::fd::AsFd as _;

    use super::*;

    #[tokio::test]
    async fn a_passed_descriptor_opens_the_same_file() {
        let dir = tempfile::TempDir::new().expect("a folder");
        let path = dir.path().join("note");
        std::fs::write(&path, "the same file").expect("written");
        let (near, far) = UnixStream::pair().expect("a pair");

        let file = File::open(&path).expect("opens");
        send(&near, file.as_fd()).await.expect("sent");
        let mut text = String::new();
        File::from(receive(&far).await.expect("received")).read_to_string(&mut text).expect("reads");
        assert_eq!(text, "the same file");
    }

    #[tokio::test]
    async fn data_or_a_closed_peer_in_the_place_of_a_descriptor_is_an_error() {
        let (near, far) = UnixStream::pair().expect("a pair");
        near.try_write(b"D").expect("written");
        assert_eq!(receive(&far).await.expect_err("data").kind(), io::ErrorKind::InvalidData);
        drop(near);
        assert_eq!(receive(&far).await.expect_err("closed").kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn several_descriptors_in_the_place_of_one_are_refused() {
        let (near, far) = UnixStream::pair().expect("a pair");
        let file = tempfile::tempfile().expect("a file");
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(5))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = [file.as_fd(); 5];
        assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
        sendmsg(&near, &[IoSlice::new(b"D")], &mut control, SendFlags::empty()).expect("sent");
        assert_eq!(receive(&far).await.expect_err("refused").kind(), io::ErrorKind::InvalidData);
    }
}
