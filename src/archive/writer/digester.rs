//! Hashes, in the order of their bytes, the files that have more than one chunk.

use std::ops::Range;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use sha2::Digest as _;

use super::pipeline::Buffer;
use crate::model::Sha256;

/// A piece of work.
#[derive(Debug)]
pub(super) enum Digest {
    /// The next bytes of the file.
    Bytes(Arc<Buffer>, Range<usize>),
    /// The file is complete.
    Finish(Sender<Sha256>),
    /// The file was given up.
    Reset,
}

pub(super) fn run(work: &Receiver<Digest>) {
    let mut hasher = sha2::Sha256::new();
    for piece in work {
        match piece {
            Digest::Bytes(buffer, range) => hasher.update(&buffer.bytes()[range]),
            Digest::Finish(result) => {
                let whole = std::mem::replace(&mut hasher, sha2::Sha256::new());
                // Nobody waits any more when the archive was given up.
                let _sent = result.send(Sha256::finish(whole));
            }
            Digest::Reset => hasher = sha2::Sha256::new(),
        }
    }
}
