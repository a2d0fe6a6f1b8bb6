//! Reads back what was staged and compares it with the manifest: what `stat` says of every entry, the SHA-256 of every
//! file, the extended attributes of files and folders. Of what was taken from the live tree the content is not read: the
//! safety backup has just done that.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::thread;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use sha2::Digest as _;

use super::super::apply::failed;
use super::super::attributes::{Carrier, XattrReader};
use super::super::error::StageError;
use super::super::facts::Facts;
use super::super::shown::shown;
use super::diff::{Difference, differences};
use super::exclude::Rules;
use super::extract::paths::split_name;
use super::open::directory_beneath;
use super::reuse::Taken;
use super::wanted::Wanted;
use crate::archive::{ArchiveReader, Content, Entry, EntryKind, Segment};
use crate::model::Sha256;
use crate::progress::Progress;

/// Entries per batch for a thread.
const BATCH: usize = 256;

/// Read per system call.
const BUFFER_BYTES: usize = 256 * 1024;

/// Compares the tree at `root` with the entries that are `wanted`. `exact` is whether owners and extended attributes could be
/// set at all.
///
/// # Errors
/// [`StageError::Mismatch`] naming a difference.
pub(super) fn validate(
    archive: &ArchiveReader,
    root: &OwnedFd,
    wanted: &Wanted,
    taken: &Taken,
    exact: bool,
    progress: &Progress,
) -> Result<(), StageError> {
    let prefix = wanted.prefix();
    validate_structure(archive, root, wanted, taken, exact, progress)?;
    let failure = Mutex::new(None);
    let has_failed = || failure.lock().unwrap_or_else(PoisonError::into_inner).is_some();
    let fed = thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let (sender, receiver) = crossbeam_channel::bounded::<Vec<Entry>>(threads * 2);
        for _ in 0..threads {
            let receiver = receiver.clone();
            let (failure, has_failed) = (&failure, &has_failed);
            scope.spawn(move || {
                let mut reader = Validator::new(root.as_fd(), prefix.len(), taken, exact, progress);
                for batch in receiver {
                    if has_failed() {
                        continue;
                    }
                    if let Err(error) = batch.iter().try_for_each(|entry| reader.entry(entry)) {
                        failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    }
                }
            });
        }
        drop(receiver);
        let mut batch = Vec::with_capacity(BATCH);
        for entry in wanted.entries(archive) {
            progress.check_cancelled()?;
            if has_failed() {
                return Ok(());
            }
            batch.push(entry?);
            // A large file is a batch of its own accord: it must not hold up those behind it.
            if batch.len() == BATCH
                || matches!(&batch[..], [.., Entry { kind: EntryKind::File(content), .. }] if content.size > 1 << 22)
            {
                let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
                if sender.send(full).is_err() {
                    break;
                }
            }
        }
        // Nobody receives only when every thread panicked, and the scope passes that on.
        let _received = sender.send(batch);
        Ok::<(), StageError>(())
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => fed,
    }
}

fn validate_structure(
    archive: &ArchiveReader,
    root: &OwnedFd,
    wanted: &Wanted,
    taken: &Taken,
    exact: bool,
    progress: &Progress,
) -> Result<(), StageError> {
    let prefix = wanted.prefix();
    let failed = |error: Errno| failed("opening", prefix, error);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let own = rustix::fs::openat(root, c".", flags, Mode::empty()).map_err(failed)?;
    let facts = Facts::from(&rustix::fs::fstat(&own).map_err(failed)?);
    let mut first = None;
    let mut note = |difference: Difference<'_>| {
        // The live file itself, to which somebody may be writing: it is looked at when nobody is.
        if matches!(difference, Difference::Changed { found: Some(found), .. } if taken.is_linked(found.inode)) {
            return;
        }
        first.get_or_insert_with(|| {
            let (member, reason) = difference.in_words();
            StageError::Mismatch { member, reason: format!("as staged {reason}") }
        });
    };
    let entries = wanted.entries(archive);
    differences(Some((own, facts)), prefix, &Rules::none(), exact, entries, progress, &mut note)?;
    first.map_or(Ok(()), Err)
}

/// Reads files back, one thread's worth.
struct Validator<'a> {
    root: BorrowedFd<'a>,
    start: usize,
    taken: &'a Taken,
    exact: bool,
    progress: &'a Progress,
    directory: Option<(Vec<u8>, OwnedFd)>,
    buffer: Vec<u8>,
    xattrs: XattrReader,
}

impl<'a> Validator<'a> {
    fn new(root: BorrowedFd<'a>, start: usize, taken: &'a Taken, exact: bool, progress: &'a Progress) -> Self {
        let buffer = vec![0; BUFFER_BYTES];
        Self { root, start, taken, exact, progress, directory: None, buffer, xattrs: XattrReader::new() }
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), StageError> {
        let path = &entry.path[self.start..];
        let fd = match &entry.kind {
            EntryKind::Directory => {
                directory_beneath(self.root, path).map_err(|error| failed("opening", &entry.path, error))?
            }
            EntryKind::File(content) => {
                if !self.taken.is_empty() && self.was_taken(path, &entry.path)? {
                    self.progress.add_bytes(content.size);
                    self.progress.add_files(1);
                    return Ok(());
                }
                let fd = self.open_file(path, &entry.path)?;
                let found = self.digest(&fd, content, &entry.path)?;
                if found != content.sha256 {
                    let reason = format!("as staged its SHA-256 is {found}, in the backup {}", content.sha256);
                    return Err(StageError::Mismatch { member: shown(&entry.path), reason });
                }
                self.progress.add_bytes(content.size);
                fd
            }
            _ => {
                self.progress.add_files(1);
                return Ok(());
            }
        };
        if self.exact {
            let found = self.xattrs.read(Carrier::Open(fd.as_fd())).map_err(|error| StageError::Io {
                doing: "reading extended attributes of",
                path: shown(&entry.path),
                error,
            })?;
            if found != entry.meta.xattrs {
                let reason = "as staged it has other extended attributes or ACLs than in the backup".to_owned();
                return Err(StageError::Mismatch { member: shown(&entry.path), reason });
            }
        }
        self.progress.add_files(1);
        Ok(())
    }

    /// Whether the file came from the live tree: then the safety backup has read it.
    fn was_taken(&mut self, path: &[u8], member: &[u8]) -> Result<bool, StageError> {
        let (folder, name) = split_name(path);
        let found = rustix::fs::statat(self.open_folder(folder, member)?, name, AtFlags::SYMLINK_NOFOLLOW);
        let facts = Facts::from(&found.map_err(|error| failed("looking at", member, error))?);
        Ok(self.taken.has(facts.identity.inode))
    }

    fn open_file(&mut self, path: &[u8], member: &[u8]) -> Result<OwnedFd, StageError> {
        let (folder, name) = split_name(path);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        rustix::fs::openat(self.open_folder(folder, member)?, name, flags, Mode::empty())
            .map_err(|error| failed("opening", member, error))
    }

    fn open_folder(&mut self, folder: &[u8], member: &[u8]) -> Result<BorrowedFd<'_>, StageError> {
        if self.directory.as_ref().is_none_or(|(last, _)| last != folder) {
            let fd =
                directory_beneath(self.root, folder).map_err(|error| failed("opening the folder of", member, error))?;
            self.directory = Some((folder.to_vec(), fd));
        }
        Ok(self.directory.as_ref().map_or(self.root, |(_, fd)| fd.as_fd()))
    }

    /// The digest as the manifest has it: of a sparse file, of its segments one after the other.
    fn digest(&mut self, fd: &OwnedFd, content: &Content, member: &[u8]) -> Result<Sha256, StageError> {
        let whole = [Segment { offset: 0, length: content.size }];
        let mut hasher = sha2::Sha256::new();
        for segment in content.sparse.as_deref().unwrap_or(&whole) {
            let mut at = segment.offset;
            let end = segment.offset.saturating_add(segment.length);
            while at < end {
                self.progress.check_cancelled()?;
                let room = usize::try_from(end - at).map_or(self.buffer.len(), |left| left.min(self.buffer.len()));
                match rustix::io::pread(fd, &mut self.buffer[..room], at) {
                    Ok(0) => break,
                    Ok(got) => {
                        hasher.update(&self.buffer[..got]);
                        at += got as u64;
                    }
                    Err(Errno::INTR) => {}
                    Err(error) => return Err(failed("reading back", member, error)),
                }
            }
        }
        Ok(Sha256::finish(hasher))
    }
}
