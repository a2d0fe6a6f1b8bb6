//! Writes a tree into an archive, in one walk.
//!
//! What changes while it is read is read again, and taken with a warning if it never keeps still. What cannot be read is
//! left out with a warning that names it. Nothing is left out silently but what the rules say, sockets (they are counted)
//! and our own staging places.

use std::collections::{BTreeMap, HashMap};
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::super::attributes::{Carrier, Owners, XattrReader};
use super::super::error::{SnapshotError, SourceError};
use super::super::facts::{Facts, Identity};
use super::super::shown::shown;
use super::super::sink::Sink;
use super::super::warnings::Warnings;
use super::FileTree;
use super::content::{FileContent, data_segments};
use super::open::Opener;
use super::walk::{Step, Walk, WalkOptions};
use crate::archive::{Meta, SourceSummary, Special, WriteError};
use crate::model::SourceKind;
use crate::progress::Progress;

/// So often a file that changes while it is read is tried.
const ATTEMPTS: u32 = 3;

/// Writes `tree` to `sink`.
pub(super) fn snapshot(
    tree: &FileTree,
    sink: &mut dyn Sink,
    progress: &Progress,
) -> Result<SourceSummary, SnapshotError> {
    let (root, facts) = tree.open_root()?;
    let options =
        WalkOptions { rules: &tree.rules, one_file_system: tree.options.one_file_system, report_excluded: false };
    let mut walk = Walk::new(root, facts, tree.member().as_bytes(), options);
    let mut snapshot = Snapshot::new(sink);
    let mut opener = Opener::new();
    loop {
        progress.check_cancelled()?;
        match walk.next() {
            Ok(Some(step)) => snapshot.take(step, &mut opener)?,
            Ok(None) => break,
            Err(error) => {
                let error = io::Error::from(error);
                return Err(SourceError::Io { doing: "walking through", path: tree.root.clone(), error }.into());
            }
        }
    }
    Ok(snapshot.summary(tree))
}

/// The state of one snapshot.
struct Snapshot<'a> {
    sink: &'a mut dyn Sink,
    owners: Owners,
    xattrs: XattrReader,
    /// The first path of everything with several names: files, and links, pipes and devices too.
    links: HashMap<Identity, FirstName>,
    counts: Counts,
    warnings: Warnings,
}

/// Where something with several names was written, and what it was then: an inode may be given away and reused meanwhile.
struct FirstName {
    path: Box<[u8]>,
    facts: Facts,
}

#[derive(Default)]
struct Counts {
    files: u64,
    bytes: u64,
    directories: u64,
    symlinks: u64,
    hard_links: u64,
    others: u64,
    sockets: u64,
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
            links: HashMap::new(),
            counts: Counts::default(),
            warnings: Warnings::default(),
        }
    }

    fn take(&mut self, step: Step<'_>, opener: &mut Opener) -> Result<(), WriteError> {
        match step {
            Step::Directory { path, facts, fd } => self.directory(path, &facts, Some(fd)),
            Step::Other { path, directory, name, listed: FileType::RegularFile } => {
                self.file(path, directory, name, opener)
            }
            Step::Other { path, directory, name, .. } => self.special(path, directory, name, opener),
            Step::Excluded { .. } => Ok(()),
            Step::Unreadable { path, facts, error } => {
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
        self.counts.directories += 1;
        self.sink.add_special(path, meta, &Special::Directory)
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
                    self.remember(path, facts);
                    return Ok(());
                }
                Attempt::WrittenAlthoughChanged(facts) => {
                    self.warnings.push(format!("{} changed while it was read: its copy may be torn", shown(path)));
                    self.remember(path, facts);
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
        if let Some(first) = self.first_name_of(&facts) {
            self.hard_link(path, &facts, Carrier::Open(fd.as_fd()), first)?;
            return Ok(Attempt::Written(facts));
        }
        let written = self.content(path, fd, facts, is_last);
        match written {
            Ok(changed) => {
                self.counts.files += 1;
                self.counts.bytes += facts.size;
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
        match segments {
            None => self.sink.add_file(path, meta, facts.size, &mut content)?,
            Some(segments) => self.sink.add_sparse_file(path, meta, facts.size, segments, &mut content)?,
        }
        Ok(content.has_changed())
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
        if let Some(first) = self.first_name_of(&facts) {
            return self.hard_link(path, &facts, Carrier::Named(directory, name.to_bytes()), first);
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
        match special {
            Special::Symlink(_) => self.counts.symlinks += 1,
            _ => self.counts.others += 1,
        }
        self.sink.add_special(path, meta, &special)?;
        self.remember(path, facts);
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
        self.counts.hard_links += 1;
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
            self.remember(path, facts);
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

    fn first_name_of(&self, facts: &Facts) -> Option<Vec<u8>> {
        if !facts.has_other_names {
            return None;
        }
        let first = self.links.get(&facts.identity)?;
        let same = first.facts.size == facts.size && first.facts.mtime == facts.mtime;
        same.then(|| first.path.to_vec())
    }

    fn remember(&mut self, path: &[u8], facts: Facts) {
        if facts.has_other_names {
            self.links.entry(facts.identity).or_insert_with(|| FirstName { path: path.into(), facts });
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "an error is consumed by reporting it")]
    fn unreadable(&mut self, path: &[u8], what: &str, error: io::Error) {
        self.warnings.push(format!("{}: {what} could not be read and is not in this backup: {error}", shown(path)));
    }

    fn summary(self, tree: &FileTree) -> SourceSummary {
        let Counts { files, bytes, directories, symlinks, hard_links, others, sockets } = self.counts;
        let mut counts = BTreeMap::from([("files".to_owned(), files), ("directories".to_owned(), directories)]);
        for (word, count) in [
            ("symlinks", symlinks),
            ("hard_links", hard_links),
            ("pipes_and_devices", others),
            ("sockets_skipped", sockets),
        ] {
            if count > 0 {
                counts.insert(word.to_owned(), count);
            }
        }
        SourceSummary {
            name: tree.name.clone(),
            kind: SourceKind::Files,
            size_bytes: bytes,
            files,
            counts,
            warnings: self.warnings.into_list(),
        }
    }
}
