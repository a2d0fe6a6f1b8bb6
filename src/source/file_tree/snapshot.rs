//! Writes a tree into an archive, in one walk.
//!
//! What changes while it is read is read again, and taken with a warning if it never keeps still. What cannot be read is
//! left out with a warning that names it. Nothing is left out silently but what the rules say, sockets (they are counted)
//! and our own staging places.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::super::attributes::{Carrier, Owners, XattrReader};
use super::super::error::{SnapshotError, SourceError};
use super::super::facts::{Facts, Identity};
use super::super::request::{SnapshotRequest, SnapshotTaken};
use super::super::shown::shown;
use super::super::sink::Sink;
use super::super::warnings::Warnings;
use super::FileTree;
use super::content::{FileContent, data_segments};
use super::counts::Counts;
use super::known::KnownEntries;
use super::links::Links;
use super::open::Opener;
use super::take_over::{Expected, Hashed, Notes};
use super::walk::{Step, Walk, WalkOptions};
use crate::archive::{MemberContent, Meta, OutlineKind, ReadError, Segment, Special, WriteError};
use crate::model::BackupId;
use crate::progress::Progress;

/// So often a file that changes while it is read is tried.
const ATTEMPTS: u32 = 3;

/// Writes `tree` to `sink`, for the backup `id`.
pub(super) fn snapshot(
    tree: &FileTree,
    sink: &mut dyn Sink,
    id: BackupId,
    request: &SnapshotRequest<'_>,
    progress: &Progress,
) -> Result<SnapshotTaken, SnapshotError> {
    let (root, facts) = tree.open_root()?;
    let options =
        WalkOptions { rules: &tree.rules, one_file_system: tree.options.one_file_system, report_excluded: false };
    let walk = Walk::new(root, facts, tree.member().as_bytes(), options);
    let mut snapshot = Snapshot {
        rescan: request.rescan,
        known: known(tree, facts.identity, request),
        notes: request
            .seen
            .and_then(|folder| folder.begin(&tree.name, id, facts.identity).map(|writer| Notes::new(folder, writer))),
        ..Snapshot::new(sink)
    };
    // Where all has to be opened in any case, nothing is gained by looking at it before.
    let mut walk = if snapshot.known.is_some() { walk.looking_ahead() } else { walk };
    let mut opener = Opener::new();
    loop {
        progress.check_cancelled()?;
        if let (Some(base), Some(error)) = (request.base, snapshot.base_error()) {
            return Err(SnapshotError::Base { id: base.id(), error });
        }
        match walk.next() {
            Ok(Some(step)) => snapshot.take(step, &mut opener)?,
            Ok(None) => break,
            Err(error) => {
                let error = io::Error::from(error);
                return Err(SourceError::Io { doing: "walking through", path: tree.root.clone(), error }.into());
            }
        }
    }
    Ok(snapshot.finish(tree))
}

/// What the last backup has of the tree, where it is written down what was seen then.
fn known(tree: &FileTree, root: Identity, request: &SnapshotRequest<'_>) -> Option<KnownEntries> {
    let base = request.base?;
    let seen = request.seen?.open(&tree.name, base.id(), root)?;
    KnownEntries::read_ahead(Arc::clone(base), tree.member().as_bytes(), seen)
        .inspect_err(|error| tracing::warn!(source = %tree.name, %error, "everything is read again"))
        .ok()
}

/// The state of one snapshot.
pub(super) struct Snapshot<'a> {
    pub(super) sink: &'a mut dyn Sink,
    owners: Owners,
    xattrs: XattrReader,
    pub(super) links: Links,
    pub(super) counts: Counts,
    pub(super) warnings: Warnings,
    pub(super) known: Option<KnownEntries>,
    pub(super) notes: Option<Notes<'a>>,
    pub(super) rescan: bool,
    /// Of the file at hand, in a rescan.
    pub(super) expected: Option<Expected>,
}

/// What came of one attempt at a file.
enum Attempt {
    Written(Facts),
    WrittenAlthoughChanged(Facts),
    Changed,
    Gone,
    Unreadable(io::Error),
    NotAFile,
}

impl<'a> Snapshot<'a> {
    fn new(sink: &'a mut dyn Sink) -> Self {
        Self {
            sink,
            owners: Owners::default(),
            xattrs: XattrReader::new(),
            links: Links::default(),
            counts: Counts::default(),
            warnings: Warnings::default(),
            known: None,
            notes: None,
            rescan: false,
            expected: None,
        }
    }

    fn take(&mut self, step: Step<'_>, opener: &mut Opener) -> Result<(), WriteError> {
        self.expected = None;
        match step {
            Step::Directory { path, facts, fd } => {
                if self.take_over(path, &facts)? {
                    return Ok(());
                }
                self.begin_reading();
                // What was seen of it may be older than what the next backup may trust.
                let facts = rustix::fs::fstat(fd).map_or(facts, |stat| Facts::from(&stat));
                self.directory(path, &facts, Some(fd))
            }
            Step::Other { path, directory, name, listed, looked } => {
                let look = || rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
                if self.is_known(path)
                    && let Some(facts) = looked.or_else(|| look().ok().map(|stat| Facts::from(&stat)))
                    && self.take_over(path, &facts)?
                {
                    return Ok(());
                }
                self.begin_reading();
                match listed {
                    FileType::RegularFile => self.file(path, directory, name, opener),
                    _ => self.special(path, directory, name, opener),
                }
            }
            Step::Excluded { .. } => Ok(()),
            Step::Unreadable { path, facts, error } => {
                self.begin_reading();
                self.unreadable(path, "what is in it", error.into());
                match facts {
                    Some(facts) => self.directory(path, &facts, None),
                    None => Ok(()),
                }
            }
        }
    }

    fn directory(&mut self, path: &[u8], facts: &Facts, fd: Option<BorrowedFd<'_>>) -> Result<(), WriteError> {
        let meta = self.meta(path, facts, fd.map(Carrier::Open));
        self.counts.add(OutlineKind::Directory, facts);
        self.sink.add_special(path, meta, &Special::Directory)?;
        self.note(path, facts);
        Ok(())
    }

    fn file(
        &mut self,
        path: &[u8],
        directory: BorrowedFd<'_>,
        name: &CStr,
        opener: &mut Opener,
    ) -> Result<(), WriteError> {
        for attempt in 1..=ATTEMPTS {
            match self.attempt(path, directory, name, opener, attempt == ATTEMPTS)? {
                Attempt::Changed => {}
                Attempt::Written(facts) => {
                    self.note(path, &facts);
                    return Ok(());
                }
                Attempt::WrittenAlthoughChanged(facts) => {
                    self.warnings.push(format!("{} changed while it was read: its copy may be torn", shown(path)));
                    self.is_flawed();
                    self.note(path, &facts);
                    return Ok(());
                }
                Attempt::Gone => {
                    self.warnings.push(format!("{} vanished while the backup ran; it is not in it", shown(path)));
                    return Ok(());
                }
                Attempt::Unreadable(error) => {
                    self.unreadable(path, "it", error);
                    return Ok(());
                }
                Attempt::NotAFile => return self.special(path, directory, name, opener),
            }
        }
        self.warnings.push(format!(
            "{} became shorter every time it was read ({ATTEMPTS}); it is not in this backup",
            shown(path)
        ));
        Ok(())
    }

    fn attempt(
        &mut self,
        path: &[u8],
        directory: BorrowedFd<'_>,
        name: &CStr,
        opener: &mut Opener,
        is_last: bool,
    ) -> Result<Attempt, WriteError> {
        let opened = opener.file(directory, name).and_then(|fd| {
            let stat = rustix::fs::fstat(&fd)?;
            Ok((fd, Facts::from(&stat)))
        });
        let (fd, facts) = match opened {
            Ok((_, facts)) if facts.kind != FileType::RegularFile => return Ok(Attempt::NotAFile),
            Ok(opened) => opened,
            Err(Errno::NOENT) => return Ok(Attempt::Gone),
            Err(Errno::LOOP | Errno::NXIO) => return Ok(Attempt::NotAFile),
            Err(error) => return Ok(Attempt::Unreadable(error.into())),
        };
        if let Some(first) = self.links.first_name_of(&facts).map(<[u8]>::to_vec) {
            self.hard_link(path, &facts, Carrier::Open(fd.as_fd()), first)?;
            return Ok(Attempt::Written(facts));
        }
        let written = self.content(path, fd, facts, is_last);
        match written {
            Ok(changed) => {
                self.counts.add(OutlineKind::File, &facts);
                Ok(if changed { Attempt::WrittenAlthoughChanged(facts) } else { Attempt::Written(facts) })
            }
            Err(WriteError::Changed | WriteError::Short { .. }) => Ok(Attempt::Changed),
            Err(WriteError::Content(error)) => Ok(Attempt::Unreadable(error)),
            Err(error) => Err(error),
        }
    }

    /// Whether it changed, if it was to be taken all the same.
    fn content(&mut self, path: &[u8], fd: OwnedFd, facts: Facts, accept: bool) -> Result<bool, WriteError> {
        let segments = data_segments(&fd, &facts).map_err(WriteError::Content)?;
        let meta = self.meta(path, &facts, Some(Carrier::Open(fd.as_fd())));
        let mut content = FileContent::new(fd, facts, segments.as_deref());
        if accept {
            content = content.accept_changes();
        }
        let sha256 = match self.expected {
            None => {
                self.add(path, meta, &facts, segments, &mut content)?;
                None
            }
            Some(_) => {
                let mut hashed = Hashed::new(&mut content);
                self.add(path, meta, &facts, segments, &mut hashed)?;
                Some(hashed.sha256())
            }
        };
        let has_changed = content.has_changed();
        if !has_changed {
            self.compare_with_expected(path, &facts, sha256);
        }
        Ok(has_changed)
    }

    fn add(
        &mut self,
        path: &[u8],
        meta: Meta,
        facts: &Facts,
        segments: Option<Vec<Segment>>,
        content: &mut dyn MemberContent,
    ) -> Result<(), WriteError> {
        match segments {
            None => self.sink.add_file(path, meta, facts.size, content),
            Some(segments) => self.sink.add_sparse_file(path, meta, facts.size, segments, content),
        }
    }

    fn special(
        &mut self,
        path: &[u8],
        directory: BorrowedFd<'_>,
        name: &CStr,
        opener: &mut Opener,
    ) -> Result<(), WriteError> {
        let facts = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Facts::from(&stat),
            Err(Errno::NOENT) => {
                self.warnings.push(format!("{} vanished while the backup ran; it is not in it", shown(path)));
                return Ok(());
            }
            Err(error) => {
                self.unreadable(path, "it", error.into());
                return Ok(());
            }
        };
        if let Some(first) = self.links.first_name_of(&facts).map(<[u8]>::to_vec) {
            self.hard_link(path, &facts, Carrier::Named(directory, name.to_bytes()), first)?;
            self.note(path, &facts);
            return Ok(());
        }
        let special = match facts.kind {
            FileType::Socket => {
                self.counts.sockets += 1;
                return Ok(());
            }
            FileType::Symlink => match rustix::fs::readlinkat(directory, name, Vec::new()) {
                Ok(target) => Special::Symlink(target.into_bytes()),
                Err(error) => {
                    self.unreadable(path, "its target", error.into());
                    return Ok(());
                }
            },
            FileType::Fifo => Special::Fifo,
            FileType::CharacterDevice => Special::CharDevice(facts.device.0, facts.device.1),
            FileType::BlockDevice => Special::BlockDevice(facts.device.0, facts.device.1),
            FileType::RegularFile | FileType::Directory | FileType::Unknown => {
                return self.turned(path, directory, name, &facts, opener);
            }
        };
        let meta = self.meta(path, &facts, Some(Carrier::Named(directory, name.to_bytes())));
        let kind = if facts.kind == FileType::Symlink { OutlineKind::Symlink } else { OutlineKind::Fifo };
        self.counts.add(kind, &facts);
        self.sink.add_special(path, meta, &special)?;
        self.note(path, &facts);
        Ok(())
    }

    fn hard_link(
        &mut self,
        path: &[u8],
        facts: &Facts,
        carrier: Carrier<'_>,
        first: Vec<u8>,
    ) -> Result<(), WriteError> {
        let meta = self.meta(path, facts, Some(carrier));
        self.counts.add(OutlineKind::Hardlink, facts);
        self.sink.add_special(path, meta, &Special::Hardlink(first))
    }

    /// Something took the place of what was listed. A file can still be taken; a folder sorts elsewhere.
    fn turned(
        &mut self,
        path: &[u8],
        directory: BorrowedFd<'_>,
        name: &CStr,
        facts: &Facts,
        opener: &mut Opener,
    ) -> Result<(), WriteError> {
        if facts.kind == FileType::RegularFile
            && let Attempt::Written(facts) | Attempt::WrittenAlthoughChanged(facts) =
                self.attempt(path, directory, name, opener, true)?
        {
            self.warnings.push(format!("{} was replaced while the backup ran: its copy may be torn", shown(path)));
            self.is_flawed();
            self.note(path, &facts);
            return Ok(());
        }
        self.warnings.push(format!(
            "{} became {} while the backup ran; it is not in this backup",
            shown(path),
            facts.kind_in_words()
        ));
        Ok(())
    }

    fn meta(&mut self, path: &[u8], facts: &Facts, carrier: Option<Carrier<'_>>) -> Meta {
        let mut meta = self.owners.meta(facts);
        let Some(carrier) = carrier else { return meta };
        meta.xattrs = match self.xattrs.read(carrier) {
            Ok(xattrs) => xattrs,
            Err(error) => {
                self.unreadable(path, "its extended attributes", error);
                BTreeMap::new()
            }
        };
        meta
    }

    #[expect(clippy::needless_pass_by_value, reason = "an error is consumed by reporting it")]
    fn unreadable(&mut self, path: &[u8], what: &str, error: io::Error) {
        self.is_flawed();
        self.warnings.push(format!("{}: {what} could not be read and is not in this backup: {error}", shown(path)));
    }

    fn base_error(&mut self) -> Option<ReadError> {
        self.known.as_mut().and_then(KnownEntries::take_error)
    }

    fn finish(self, tree: &FileTree) -> SnapshotTaken {
        let seen = self.notes.and_then(|notes| {
            notes
                .writer
                .finish()
                .inspect_err(|error| tracing::warn!(source = %tree.name, %error, "what was seen is not written down"))
                .ok()
        });
        let looked_at = self.known.map(KnownEntries::into_looked_at).unwrap_or_default();
        let summary = self.counts.into_summary(tree.name.clone(), self.warnings.into_list());
        SnapshotTaken { summary, seen, looked_at }
    }
}
