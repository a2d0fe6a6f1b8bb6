//! The half of a snapshot that opens nothing: what is certain to be as the last backup has it is taken over from there.
//!
//! Certain is what has the inode, size, modification and change time that were seen when it was read, if these were old
//! enough then to tell of any later change. Everything else is read again, and so is all of it for a rescan, which looks for
//! content that changed while none of these did.

use std::io;

use sha2::Digest as _;

use super::super::facts::Facts;
use super::super::shown::shown;
use super::content::FileContent;
use super::seen::{Seen, SeenFolder, SeenWriter, is_settled};
use super::snapshot::Snapshot;
use crate::archive::{Entry, MemberContent, Mtime, OutlineKind, WriteError};
use crate::model::Sha256;

/// Writes down what is seen.
pub(super) struct Notes<'a> {
    pub(super) folder: &'a SeenFolder,
    pub(super) writer: SeenWriter,
    /// By the time at which the entry at hand was begun to be read.
    untrusted_since: Mtime,
    /// Whether the entry at hand is not in the backup as it is in the tree.
    is_flawed: bool,
}

impl<'a> Notes<'a> {
    pub(super) const fn new(folder: &'a SeenFolder, writer: SeenWriter) -> Self {
        let untrusted_since = Mtime { seconds: i64::MIN, nanoseconds: 0 };
        Self { folder, writer, untrusted_since, is_flawed: false }
    }

    fn begin_entry(&mut self) {
        self.untrusted_since = self.folder.untrusted_since();
        self.is_flawed = false;
    }
}

/// What a file that is read for a rescan has to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    facts: Facts,
    sha256: Sha256,
}

impl Snapshot<'_> {
    /// Whether the last backup has something at `path` of which it is worth asking whether it is still the same.
    pub(super) fn is_known(&mut self, path: &[u8]) -> bool {
        self.known.as_mut().is_some_and(|known| known.at(path).is_some())
    }

    /// Takes the entry at `path` over from the last backup if something with these facts has to be what it was; whether it did.
    pub(super) fn take_over(&mut self, path: &[u8], facts: &Facts) -> Result<bool, WriteError> {
        let Some(entries) = &mut self.known else { return Ok(false) };
        let Some(known) = entries.at(path).cloned() else { return Ok(false) };
        if !entries.is_still(&known, facts) {
            return Ok(false);
        }
        // Which of its names is the first depends on the others too.
        let first = self.links.first_name_of(facts);
        let is_link_as_before = match known.kind {
            OutlineKind::Hardlink => first == Some(entries.target(&known)),
            _ => first.is_none(),
        };
        if !is_link_as_before {
            return Ok(false);
        }
        let line = entries.line(&known);
        if self.rescan {
            let entry = Entry::parse_line(line.trim_ascii_end()).ok();
            let sha256 = entry.and_then(|entry| entry.content().map(|content| content.sha256));
            self.expected = sha256.map(|sha256| Expected { facts: *facts, sha256 });
            return Ok(false);
        }
        self.sink.add_unchanged_line(path, line, known.stored_bytes)?;
        self.counts.add(known.kind, facts);
        self.links.remember(path, facts);
        if let Some(notes) = &mut self.notes {
            notes.writer.push(path, &known.seen);
        }
        Ok(true)
    }

    /// The next entry is about to be read.
    pub(super) fn begin_reading(&mut self) {
        if let Some(notes) = &mut self.notes {
            notes.begin_entry();
        }
    }

    /// The entry at hand is not in the backup as it is in the tree: it has to be read again next time.
    pub(super) const fn is_flawed(&mut self) {
        if let Some(notes) = &mut self.notes {
            notes.is_flawed = true;
        }
    }

    /// The entry at hand is in the backup.
    pub(super) fn note(&mut self, path: &[u8], facts: &Facts) {
        self.links.remember(path, facts);
        if let Some(notes) = &mut self.notes {
            let is_trusted = !notes.is_flawed && is_settled(facts, notes.untrusted_since);
            notes.writer.push(path, &Seen::of(facts, is_trusted));
        }
    }

    /// Warns when a file of which all was as it was has other content.
    pub(super) fn compare_with_expected(&mut self, path: &[u8], facts: &Facts, found: Option<Sha256>) {
        let Some(Expected { facts: before, sha256 }) = self.expected else { return };
        if before.is_unchanged_since(facts) && found.is_some_and(|found| found != sha256) {
            self.warnings.push(format!(
                "{}: its content is not what it was at the last backup, although its size and times are; \
                 this backup has it as it is now, earlier ones as it was: look which is right, and at the disk",
                shown(path)
            ));
        }
    }
}

/// Content whose SHA-256 is taken while it is read.
pub(super) struct Hashed<'c> {
    content: &'c mut FileContent,
    hasher: sha2::Sha256,
}

impl<'c> Hashed<'c> {
    pub(super) fn new(content: &'c mut FileContent) -> Self {
        Self { content, hasher: sha2::Sha256::new() }
    }

    pub(super) fn sha256(self) -> Sha256 {
        Sha256::finish(self.hasher)
    }
}

impl MemberContent for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.content.read(buffer)?;
        self.hasher.update(&buffer[..length]);
        Ok(length)
    }

    fn confirm(&mut self) -> io::Result<bool> {
        self.content.confirm()
    }
}
