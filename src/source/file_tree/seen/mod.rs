//! What the things of a tree were like when they were last read: the memory by which the next backup knows what it need
//! not open again.
//!
//! `state_dir/seen/SOURCE` says of every entry of one backup's manifest which inode it was and what size and times it had.
//! It is no part of any backup: without it everything is read again, which costs time and no bytes. So whatever is odd
//! about it, it is left aside with a line in the log, and a backup never fails because of it.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `CLSEEN` and two zeros |
//! | 4 | version, 1; all numbers of a fixed length are little endian |
//! | 4 | zero |
//! | 16 | id of the backup |
//! | 8, 8 | device and inode of the root of the tree |
//! | … | the records (`record`), sorted by path as the manifest is |
//! | 32 | SHA-256 of all that stands before |
//!
//! It is written under another name while the tree is read, and takes the place of the last one when the backup is
//! published. A crash in between leaves one that names an older backup, or none that names a newer: neither is believed.

mod reader;
mod record;
#[cfg(test)]
mod tests;
mod writer;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

pub(super) use self::reader::{SeenReader, Unusable};
pub(super) use self::record::Seen;
pub(super) use self::writer::SeenWriter;
use super::super::facts::{Facts, Identity};
use super::reuse::mtime_of;
use crate::archive::Mtime;
use crate::clock::Clock;
use crate::fsio;
use crate::model::{BackupId, SourceName};

const MAGIC: [u8; 8] = *b"CLSEEN\0\0";
const VERSION: u32 = 1;
const HEADER_LENGTH: usize = 48;
const DIGEST_LENGTH: usize = 32;

/// What was touched less than this before it was read may be touched again without a trace: clocks of file systems are
/// coarse, and some are those of another machine.
const MARGIN_SECONDS: i64 = 2;

/// The folder in which it is written down what trees were like when they were read.
#[derive(Clone, Debug)]
pub struct SeenFolder {
    path: PathBuf,
    clock: Clock,
    is_read_only: bool,
}

impl SeenFolder {
    /// The one of the state folder `state_dir`; `clock` tells what was touched only just now. Touches nothing yet.
    #[must_use]
    pub fn new(state_dir: &Path, clock: Clock) -> Self {
        Self { path: state_dir.join("seen"), clock, is_read_only: false }
    }

    /// The same folder for a backup that no other will build on: it is read, and nothing is written down.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { is_read_only: true, ..self }
    }

    /// What was seen of the tree `source` when `backup` was taken, if that is what is written down.
    pub(super) fn open(&self, source: &SourceName, backup: BackupId, root: Identity) -> Option<SeenReader> {
        match SeenReader::open(&self.file_of(source), Header { backup, root }) {
            Ok(reader) => Some(reader),
            // A crash leaves it so, and so does a backup that failed: nothing is wrong with any backup.
            Err(error @ (Unusable::OtherBackup | Unusable::OtherFolder)) => {
                tracing::info!(
                    %source, %backup, reason = %error,
                    "which files are unchanged since the last backup is not on record: this one reads every file, and takes longer"
                );
                None
            }
            Err(error) => {
                tracing::warn!(%source, %backup, %error, "what was seen last is of no use: all of it is read again");
                None
            }
        }
    }

    /// Begins to write down what is seen of the tree `source` for `backup`.
    pub(super) fn begin(&self, source: &SourceName, backup: BackupId, root: Identity) -> Option<SeenWriter> {
        if self.is_read_only {
            return None;
        }
        let begun = fsio::create_private_dir(&self.path).and_then(|()| {
            let mut temporary = self.file_of(source).into_os_string();
            // No source is named so: names have no dots.
            temporary.push(".new");
            SeenDraft::create(temporary.into(), self.file_of(source))
        });
        match begun.and_then(|draft| SeenWriter::begin(draft, Header { backup, root })) {
            Ok(writer) => Some(writer),
            Err(error) => {
                tracing::warn!(%source, %error, "what is seen cannot be written down: the next backup reads all of it");
                None
            }
        }
    }

    /// Times from then on are those of things that may be touched again without a trace, if they are read now.
    pub(super) fn untrusted_since(&self) -> Mtime {
        let now = mtime_of(self.clock.now());
        Mtime { seconds: now.seconds - MARGIN_SECONDS, ..now }
    }

    fn file_of(&self, source: &SourceName) -> PathBuf {
        self.path.join(source.as_str())
    }
}

/// Whether both times of a thing lie before `untrusted_since`.
pub(super) fn is_settled(facts: &Facts, untrusted_since: Mtime) -> bool {
    facts.mtime < untrusted_since && facts.ctime < untrusted_since
}

/// What was seen during a backup, complete, but not yet in the place of what was seen before. Dropped, it is removed.
#[derive(Debug)]
pub struct SeenDraft {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    is_kept: bool,
}

impl SeenDraft {
    fn create(temporary: PathBuf, path: PathBuf) -> io::Result<Self> {
        // One that a crash left is in the way of nobody.
        let file = File::options().create(true).truncate(true).write(true).open(&temporary)?;
        Ok(Self { file, temporary, path, is_kept: false })
    }

    /// Makes it what the next backup builds on. To be called when the backup is published.
    ///
    /// # Errors
    /// What the file system says. Then the next backup reads everything.
    pub fn keep(mut self) -> io::Result<()> {
        fsio::replace_by(&self.file, &self.temporary, &self.path)?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for SeenDraft {
    fn drop(&mut self) {
        if !self.is_kept {
            let _best_effort = std::fs::remove_file(&self.temporary);
        }
    }
}

/// What a file of what was seen has to say of itself before it is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    backup: BackupId,
    root: Identity,
}

impl Header {
    fn to_bytes(self) -> [u8; HEADER_LENGTH] {
        let mut bytes = [0; HEADER_LENGTH];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..32].copy_from_slice(self.backup.0.as_bytes());
        bytes[32..40].copy_from_slice(&self.root.device.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.root.inode.to_le_bytes());
        bytes
    }
}
