//! A frame: a run of the tar compressed on its own. Frames written one after the other are one stream to any standard
//! decompressor; to us each is a unit of parallel work and of random access.

use std::io::{self, Read, Write as _};

use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use zstd::zstd_safe::CParameter;

/// Raw size that a frame aims at (bytes).
pub const FRAME_TARGET: usize = super::chunk::MAX_CHUNK;

/// No reader accepts a larger frame (raw or stored bytes).
pub const FRAME_LIMIT: u32 = 64 * 1024 * 1024;

/// How frames are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Zstandard at this level, 1 to 19.
    Zstd(i32),
    /// Gzip at this level, 1 to 9.
    Gzip(u32),
    /// Not at all.
    None,
}

impl Codec {
    /// The file name's ending: `.tar.zst`, `.tar.gz`, `.tar`.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Zstd(_) => ".tar.zst",
            Self::Gzip(_) => ".tar.gz",
            Self::None => ".tar",
        }
    }

    /// What a reader has to know: the algorithm without its level.
    #[must_use]
    pub const fn algorithm(self) -> Algorithm {
        match self {
            Self::Zstd(_) => Algorithm::Zstd,
            Self::Gzip(_) => Algorithm::Gzip,
            Self::None => Algorithm::None,
        }
    }
}

/// The compression algorithm of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Zstandard.
    Zstd,
    /// Gzip.
    Gzip,
    /// None.
    None,
}

/// Compresses frames, one after the other; keeps its working memory between them.
pub(super) enum Compressor {
    Zstd(Zstd),
    Gzip(u32),
    None,
}

/// Compresses well what can be compressed, and passes quickly over what cannot: images and archives, which a clinic has
/// many of, would otherwise cost most of the time and give nothing.
pub(super) struct Zstd {
    thorough: zstd::bulk::Compressor<'static>,
    fast: zstd::bulk::Compressor<'static>,
    probe: Vec<u8>,
}

/// So many samples are tried before a frame is compressed.
const PROBES: usize = 16;
/// Bytes of a sample.
const PROBE_BYTES: usize = 4096;
/// The level for what does not compress: it looks at one place in about a hundred.
const PASSING_LEVEL: i32 = -100;

impl Zstd {
    fn new(level: i32) -> io::Result<Self> {
        let compressor = |level| {
            let mut compressor = zstd::bulk::Compressor::new(level)?;
            compressor.set_parameter(CParameter::ChecksumFlag(true))?;
            io::Result::Ok(compressor)
        };
        Ok(Self { thorough: compressor(level)?, fast: compressor(PASSING_LEVEL)?, probe: Vec::new() })
    }

    fn compress(&mut self, raw: &[u8], stored: &mut Vec<u8>) -> io::Result<()> {
        let chosen = if self.is_incompressible(raw)? { &mut self.fast } else { &mut self.thorough };
        stored.reserve(zstd::zstd_safe::compress_bound(raw.len()));
        chosen.compress_to_buffer(raw, stored).map(drop)
    }

    /// Whether none of the samples, spread evenly over the frame, gets smaller by a thirty-second. One that does is enough
    /// to compress the frame as it was asked for.
    fn is_incompressible(&mut self, raw: &[u8]) -> io::Result<bool> {
        if raw.len() < PROBES * PROBE_BYTES * 4 {
            return Ok(false);
        }
        let stride = raw.len() / PROBES;
        for start in (0..PROBES).map(|n| n * stride) {
            self.probe.clear();
            self.probe.reserve(zstd::zstd_safe::compress_bound(PROBE_BYTES));
            let length = self.thorough.compress_to_buffer(&raw[start..start + PROBE_BYTES], &mut self.probe)?;
            if length < PROBE_BYTES / 32 * 31 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Compressor {
    pub(super) fn new(codec: Codec) -> io::Result<Self> {
        Ok(match codec {
            Codec::Zstd(level) => Self::Zstd(Zstd::new(level)?),
            Codec::Gzip(level) => Self::Gzip(level),
            Codec::None => Self::None,
        })
    }

    /// Replaces the content of `stored` by the frame of `raw`.
    pub(super) fn compress(&mut self, raw: &[u8], stored: &mut Vec<u8>) -> io::Result<()> {
        stored.clear();
        match self {
            Self::Zstd(zstd) => zstd.compress(raw, stored)?,
            Self::Gzip(level) => {
                let mut encoder = GzEncoder::new(stored, flate2::Compression::new(*level));
                encoder.write_all(raw)?;
                encoder.finish()?;
            }
            Self::None => stored.extend_from_slice(raw),
        }
        Ok(())
    }
}

/// Decompresses frames; keeps its working memory between them.
pub(super) enum Decompressor {
    Zstd(zstd::bulk::Decompressor<'static>),
    Gzip,
    None,
}

impl Decompressor {
    pub(super) fn new(algorithm: Algorithm) -> io::Result<Self> {
        Ok(match algorithm {
            Algorithm::Zstd => Self::Zstd(zstd::bulk::Decompressor::new()?),
            Algorithm::Gzip => Self::Gzip,
            Algorithm::None => Self::None,
        })
    }

    /// Replaces the content of `raw` by the frame's, which must be exactly `length` bytes; `length` must have been held
    /// against [`FRAME_LIMIT`] before.
    pub(super) fn decompress(&mut self, stored: &[u8], length: u32, raw: &mut Vec<u8>) -> io::Result<()> {
        let length = length as usize;
        raw.clear();
        match self {
            Self::Zstd(decompressor) => {
                raw.reserve_exact(length);
                decompressor.decompress_to_buffer(stored, raw)?;
            }
            Self::Gzip => {
                raw.reserve_exact(length);
                let mut decoder = GzDecoder::new(stored);
                decoder.by_ref().take(length as u64 + 1).read_to_end(raw)?;
                if !decoder.into_inner().is_empty() {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "bytes behind the end of the frame"));
                }
            }
            Self::None => raw.extend_from_slice(stored),
        }
        if raw.len() == length {
            Ok(())
        } else {
            let what = format!("the frame holds {} bytes, {length} were announced", raw.len());
            Err(io::Error::new(io::ErrorKind::InvalidData, what))
        }
    }
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Compressor")
    }
}

impl std::fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Decompressor")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CODECS: [Codec; 3] = [Codec::Zstd(3), Codec::Gzip(6), Codec::None];

    fn compressed(codec: Codec, raw: &[u8]) -> Vec<u8> {
        let mut stored = Vec::new();
        Compressor::new(codec).unwrap().compress(raw, &mut stored).unwrap();
        stored
    }

    fn decompressed(codec: Codec, stored: &[u8], length: usize) -> io::Result<Vec<u8>> {
        let mut raw = Vec::new();
        Decompressor::new(codec.algorithm())?.decompress(stored, u32::try_from(length).unwrap(), &mut raw)?;
        Ok(raw)
    }

    proptest! {
        #[test]
        fn a_frame_gives_back_what_went_in(raw in prop::collection::vec(any::<u8>(), 0..20_000)) {
            for codec in CODECS {
                prop_assert_eq!(&decompressed(codec, &compressed(codec, &raw), raw.len()).unwrap(), &raw);
            }
        }

        #[test]
        fn a_frame_of_another_length_than_announced_is_an_error(raw in prop::collection::vec(any::<u8>(), 1..5000)) {
            for codec in CODECS {
                let stored = compressed(codec, &raw);
                prop_assert!(decompressed(codec, &stored, raw.len() - 1).is_err());
                prop_assert!(decompressed(codec, &stored, raw.len() + 1).is_err());
            }
        }

        #[test]
        fn garbage_is_an_error_and_no_panic(stored in prop::collection::vec(any::<u8>(), 0..2000), length in 0_usize..5000) {
            for codec in [Codec::Zstd(3), Codec::Gzip(6)] {
                if let Ok(raw) = decompressed(codec, &stored, length) {
                    prop_assert_eq!(raw.len(), length);
                }
            }
        }
    }

    #[test]
    fn what_does_not_compress_is_passed_over_only_where_all_of_it_does_not() {
        let noise = crate::archive::testing::Noise::new(9).bytes(4 << 20);
        let mut zstd = Zstd::new(3).unwrap();
        assert!(zstd.is_incompressible(&noise).unwrap());
        let mut mixed = noise.clone();
        mixed[1 << 20..(1 << 20) + (300 << 10)].fill(7);
        assert!(!zstd.is_incompressible(&mixed).unwrap());
        assert!(compressed(Codec::Zstd(3), &mixed).len() < mixed.len() - (250 << 10));
        assert!(compressed(Codec::Zstd(3), &noise).len() < noise.len() + 1000);
        assert_eq!(decompressed(Codec::Zstd(3), &compressed(Codec::Zstd(3), &noise), noise.len()).unwrap(), noise);
    }

    #[test]
    fn a_bomb_stops_at_its_announced_length() {
        let raw = vec![0_u8; 30 << 20];
        for codec in [Codec::Zstd(19), Codec::Gzip(9)] {
            let stored = compressed(codec, &raw);
            assert!(stored.len() < 100_000);
            let mut small = Vec::new();
            let result = Decompressor::new(codec.algorithm()).unwrap().decompress(&stored, 1000, &mut small);
            assert!(result.is_err());
            assert!(small.capacity() < 100_000, "{} bytes were allocated", small.capacity());
        }
    }
}
