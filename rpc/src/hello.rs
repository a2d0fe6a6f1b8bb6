//! The first frame each way: who speaks, and which protocol.
//!
//! It is laid out by hand and never changes, so that any two versions can at least tell each other what they are:
//! `CLOG`, the protocol number (2 bytes, big-endian), the program's version as UTF-8 up to the end of the frame.

use crate::PROTOCOL;

const MAGIC: [u8; 4] = *b"CLOG";

/// No hello is longer (bytes).
pub const MAX_HELLO_BYTES: usize = 128;

/// What one side says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The protocol that it speaks.
    pub protocol: u16,
    /// Version of its program.
    pub version: String,
}

impl Hello {
    /// Of a program of this version that speaks [`PROTOCOL`].
    #[must_use]
    pub fn of_version(version: &str) -> Self {
        Self { protocol: PROTOCOL, version: version.to_owned() }
    }

    /// The frame; a version that does not fit is cut.
    #[must_use]
    pub fn to_frame(&self) -> Vec<u8> {
        let mut frame = MAGIC.to_vec();
        frame.extend_from_slice(&self.protocol.to_be_bytes());
        let room = MAX_HELLO_BYTES - frame.len();
        frame.extend_from_slice(&self.version.as_bytes()[..self.version.floor_char_boundary(room)]);
        frame
    }

    /// Reads a frame; `None` when whoever sent it is none of ours. Bytes of the version that are not printable become
    /// `?`, because it is going to be shown.
    #[must_use]
    pub fn from_frame(frame: &[u8]) -> Option<Self> {
        let (protocol, version) = frame.strip_prefix(&MAGIC)?.split_first_chunk::<2>()?;
        let version = String::from_utf8_lossy(version).replace(|c: char| c.is_control(), "?");
        Some(Self { protocol: u16::from_be_bytes(*protocol), version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_hello_has_the_bytes_that_every_version_understands() {
        let hello = Hello { protocol: 1, version: "0.1.0".to_owned() };
        assert_eq!(hello.to_frame(), b"CLOG\x00\x010.1.0");
        assert_eq!(Hello::from_frame(b"CLOG\x00\x010.1.0"), Some(hello));
    }

    #[test]
    fn what_is_no_hello_is_told_apart() {
        for frame in [b"".as_slice(), b"CLO", b"CLOG", b"CLOG\x00", b"GET / HTTP/1.1"] {
            assert_eq!(Hello::from_frame(frame), None);
        }
    }

    proptest! {
        #[test]
        fn a_hello_always_fits_its_frame_and_can_be_shown(version: String, bytes: Vec<u8>) {
            prop_assert!(Hello::of_version(&version).to_frame().len() <= MAX_HELLO_BYTES);
            if let Some(hello) = Hello::from_frame(&[b"CLOG".as_slice(), &bytes].concat()) {
                prop_assert!(!hello.version.contains(char::is_control));
            }
        }
    }
}
