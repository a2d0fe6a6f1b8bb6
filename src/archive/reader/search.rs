//! Finds the restore point of an archive whose trailer is damaged, so that a few bad bytes at its end do not cost all of it.
//!
//! Nothing found so is believed by itself: it counts only where the frame table that it names lies where it says and has
//! the SHA-256 that it says. Whoever reads content checks each chunk as ever. It must never be used to write: what builds
//! on an archive needs a sound one.

use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;

use flate2::bufread::GzDecoder;

use super::{FrameSource, ReadError, Structure};
use crate::archive::frame::Algorithm;
use crate::archive::trailer::LARGEST_RESTORE_POINT;

/// How far from the end is looked (bytes): the largest restore point and what comes behind it are well within.
const REACH: u64 = 64 * 1024 * 1024;
/// So many likely places are read wholly; a sound restore point is nearly always the first of them.
const MOST_CANDIDATES: usize = 64;
/// What a restore point begins with.
const BEGINNING: &[u8] = br#"{"metadata":{"#;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
/// The name field of the member's header, and the bytes up to its content.
const TAR_NAME: &[u8] = b"restore-point.json\0";
const TAR_BLOCK: usize = 512;

/// How the archive is compressed, by its first bytes.
pub(super) fn algorithm_of(file: &std::fs::File) -> io::Result<Algorithm> {
    let mut first = [0; 4];
    let length = file.read_at(&mut first, 0)?;
    Ok(match &first[..length] {
        bytes if bytes.starts_with(&ZSTD_MAGIC) => Algorithm::Zstd,
        bytes if bytes.starts_with(&GZIP_MAGIC) => Algorithm::Gzip,
        _ => Algorithm::None,
    })
}

/// By the last restore point that can be found in the file and stands up to what it says of it; `None` when there is none.
pub(super) fn structure_of(frames_in: &FrameSource) -> Result<Option<Structure>, ReadError> {
    let length = frames_in.size_bytes.min(REACH);
    let mut end = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    frames_in.file.read_exact_at(&mut end, frames_in.size_bytes - length)?;
    let algorithm = frames_in.algorithm;
    let candidates = (0..end.len()).rev().filter(|at| begins_frame(algorithm, &end[*at..]));
    let mut likely = candidates.filter_map(|at| content(algorithm, &end[at..])).take(MOST_CANDIDATES);
    Ok(likely.find_map(|json| Structure::read(frames_in, &json).ok()))
}

fn begins_frame(algorithm: Algorithm, bytes: &[u8]) -> bool {
    match algorithm {
        Algorithm::Zstd => bytes.starts_with(&ZSTD_MAGIC),
        Algorithm::Gzip => bytes.starts_with(&GZIP_MAGIC),
        Algorithm::None => bytes.starts_with(TAR_NAME),
    }
}

/// The decompressed bytes of the frame, when it begins like a restore point and is whole.
fn content(algorithm: Algorithm, bytes: &[u8]) -> Option<Vec<u8>> {
    match algorithm {
        Algorithm::Zstd => text(zstd::Decoder::with_buffer(bytes).ok()?.single_frame()),
        Algorithm::Gzip => text(GzDecoder::new(bytes)),
        Algorithm::None => {
            let size = str::from_utf8(bytes.get(124..135)?).ok()?;
            let size = usize::from_str_radix(size.trim_matches(['\0', ' ']), 8).ok()?;
            text(bytes.get(TAR_BLOCK..TAR_BLOCK.checked_add(size)?)?)
        }
    }
}

fn text(mut from: impl Read) -> Option<Vec<u8>> {
    let mut bytes = vec![0; BEGINNING.len()];
    from.read_exact(&mut bytes).ok().filter(|()| bytes == BEGINNING)?;
    from.take(u64::from(LARGEST_RESTORE_POINT)).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
