//! The trailer: the fixed-size end of an archive that standard tools skip and from which we find everything else.
//!
//! Its payload travels in a zstd skippable frame, in the extra field of an empty gzip member, or in a last tar member.

use super::frame::Algorithm;
use super::metadata::{FORMAT_VERSION, FrameLocation};
use super::reader::ReadError;
use crate::model::Sha256;

const MAGIC: &[u8; 8] = b"CARELOG\0";
const PAYLOAD: usize = 72;
/// The same, where a header holds it in one byte.
const LENGTH: u8 = 72;
const ZSTD_HEADER: [u8; 8] = [0x5c, 0x2a, 0x4d, 0x18, LENGTH, 0, 0, 0];
const GZIP_HEADER: [u8; 16] = [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, LENGTH + 4, 0, b'C', b'L', LENGTH, 0];
const GZIP_END: [u8; 10] = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const TAR_BLOCK: usize = 512;

/// Name of the tar member that carries the payload in an uncompressed archive.
pub(super) const MEMBER: &[u8] = b".carelog/trailer";

/// No reader accepts a larger `restore-point.json` (raw or stored bytes): ten million files need a tenth of it.
pub(super) const LARGEST_RESTORE_POINT: u32 = 32 * 1024 * 1024;

/// The longest form that a trailer has (bytes).
pub(super) const LONGEST: usize = 4 * TAR_BLOCK;

/// What the trailer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trailer {
    pub(super) algorithm: Algorithm,
    /// The frame that holds `restore-point.json` and nothing else.
    pub(super) restore_point: FrameLocation,
    pub(super) restore_point_sha256: Sha256,
}

impl Trailer {
    /// The bytes that follow the last frame. `tar_header` is the header of [`MEMBER`], used without compression only.
    pub(super) fn to_bytes(self, tar_header: &[u8]) -> Vec<u8> {
        let payload = self.payload();
        match self.algorithm {
            Algorithm::Zstd => [&ZSTD_HEADER[..], &payload].concat(),
            Algorithm::Gzip => [&GZIP_HEADER[..], &payload, &GZIP_END].concat(),
            Algorithm::None => {
                let mut bytes = [tar_header, &payload].concat();
                bytes.resize(LONGEST, 0);
                bytes
            }
        }
    }

    /// Reads the trailer from the last bytes of an archive, at most [`LONGEST`].
    pub(super) fn parse(end: &[u8]) -> Result<Self, ReadError> {
        let zstd = end.last_chunk::<{ ZSTD_HEADER.len() + PAYLOAD }>();
        if let Some(payload) = zstd.and_then(|tail| tail.strip_prefix(&ZSTD_HEADER)) {
            return Self::from_payload(Algorithm::Zstd, payload);
        }
        let gzip = end.last_chunk::<{ GZIP_HEADER.len() + PAYLOAD + GZIP_END.len() }>();
        if let Some(rest) = gzip.and_then(|tail| tail.strip_prefix(&GZIP_HEADER)) {
            return Self::from_payload(Algorithm::Gzip, &rest[..PAYLOAD]);
        }
        let tar = end.last_chunk::<LONGEST>().map(|tail| &tail[TAR_BLOCK..]);
        if let Some(block) = tar.filter(|block| block.starts_with(MAGIC)) {
            return Self::from_payload(Algorithm::None, &block[..PAYLOAD]);
        }
        Err(ReadError::NotAnArchive("it has no trailer at its end".to_owned()))
    }

    fn payload(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(PAYLOAD);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&0_u32.to_le_bytes());
        bytes.extend_from_slice(&self.restore_point.position.to_le_bytes());
        bytes.extend_from_slice(&self.restore_point.stored.to_le_bytes());
        bytes.extend_from_slice(&self.restore_point.raw.to_le_bytes());
        bytes.extend_from_slice(&self.restore_point_sha256.0);
        let check = Sha256::of(&bytes);
        bytes.extend_from_slice(&check.0[..8]);
        bytes
    }

    fn from_payload(algorithm: Algorithm, payload: &[u8]) -> Result<Self, ReadError> {
        let damaged = |what: &str| ReadError::NotAnArchive(format!("its trailer is damaged: {what}"));
        let (body, check) = payload.split_at_checked(PAYLOAD - 8).ok_or_else(|| damaged("cut short"))?;
        if !body.starts_with(MAGIC) {
            return Err(damaged("wrong magic number"));
        }
        if Sha256::of(body).0[..8] != *check {
            return Err(damaged("wrong checksum"));
        }
        let number = |at: usize| body[at..at + 4].iter().rev().fold(0_u32, |n, &b| n << 8 | u32::from(b));
        let version = number(8);
        if version > FORMAT_VERSION {
            return Err(ReadError::TooNew(version));
        }
        let position = u64::from(number(16)) | u64::from(number(20)) << 32;
        let restore_point = FrameLocation { position, stored: number(24), raw: number(28) };
        if restore_point.raw > LARGEST_RESTORE_POINT || restore_point.stored > LARGEST_RESTORE_POINT {
            return Err(damaged("absurd length"));
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(&body[32..64]);
        Ok(Self { algorithm, restore_point, restore_point_sha256: Sha256(digest) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn algorithms() -> impl Strategy<Value = Algorithm> {
        prop_oneof![Just(Algorithm::Zstd), Just(Algorithm::Gzip), Just(Algorithm::None)]
    }

    fn trailers() -> impl Strategy<Value = Trailer> {
        (algorithms(), any::<u64>(), 0..=LARGEST_RESTORE_POINT, 0..=LARGEST_RESTORE_POINT, any::<[u8; 32]>()).prop_map(
            |(algorithm, position, stored, raw, digest)| Trailer {
                algorithm,
                restore_point: FrameLocation { position, stored, raw },
                restore_point_sha256: Sha256(digest),
            },
        )
    }

    proptest! {
        #[test]
        fn a_trailer_is_found_behind_any_bytes(trailer in trailers(), before in prop::collection::vec(any::<u8>(), 0..3000)) {
            let mut bytes = before;
            bytes.extend(trailer.to_bytes(&[7; TAR_BLOCK]));
            prop_assert_eq!(Trailer::parse(&bytes).unwrap(), trailer);
        }

        #[test]
        fn a_flipped_bit_in_the_payload_is_seen(trailer in trailers(), bit in 0..PAYLOAD * 8) {
            let mut bytes = trailer.to_bytes(&[7; TAR_BLOCK]);
            let start = match trailer.algorithm {
                Algorithm::Zstd => ZSTD_HEADER.len(),
                Algorithm::Gzip => GZIP_HEADER.len(),
                Algorithm::None => TAR_BLOCK,
            };
            bytes[start + bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Trailer::parse(&bytes).is_err());
        }

        #[test]
        fn garbage_is_no_trailer(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
            prop_assert!(Trailer::parse(&bytes).is_err());
        }
    }

    #[test]
    fn a_newer_format_is_refused_by_its_number() {
        let trailer = Trailer {
            algorithm: Algorithm::Zstd,
            restore_point: FrameLocation { position: 0, stored: 0, raw: 0 },
            restore_point_sha256: Sha256::of(b""),
        };
        let mut bytes = trailer.to_bytes(&[]);
        let body = ZSTD_HEADER.len();
        bytes[body + 8] = 9;
        let check = Sha256::of(&bytes[body..body + PAYLOAD - 8]);
        bytes[body + PAYLOAD - 8..].copy_from_slice(&check.0[..8]);
        assert!(matches!(Trailer::parse(&bytes), Err(ReadError::TooNew(9))));
    }
}
