//! Decodes frames and writes the files in them.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;

use crossbeam_channel::{Receiver, Sender};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::super::super::apply::failed;
use super::super::super::error::StageError;
use super::super::super::shown::shown;
use super::super::open::directory_beneath;
use super::Shared;
use super::paths::split_name;
use super::report::Damage;
use super::unit::{FileToMake, Piece, SpanningFile, Task, Unit, WholeFile};
use crate::archive::ReadError;
use crate::model::Sha256;

/// One worker thread.
pub(super) struct Worker<'a> {
    shared: &'a Shared<'a>,
    units: Receiver<Unit>,
    /// Who is told here makes durable what is written so far.
    flush: Sender<()>,
    frame: Vec<u8>,
    /// The directory of the last file: the next one is mostly in it, too.
    directory: Option<(Vec<u8>, OwnedFd)>,
}

/// Why a task did not succeed.
enum Fault {
    /// The archive is at fault: the chunk, if one, and what is wrong.
    Damaged(Option<Sha256>, String),
    Fatal(StageError),
}

impl From<StageError> for Fault {
    fn from(error: StageError) -> Self {
        Self::Fatal(error)
    }
}

impl<'a> Worker<'a> {
    pub(super) const fn new(shared: &'a Shared<'a>, units: Receiver<Unit>, flush: Sender<()>) -> Self {
        Self { shared, units, flush, frame: Vec::new(), directory: None }
    }

    /// Takes units until there are no more. After a failure they are taken and dropped, so that nobody waits for them.
    pub(super) fn run(mut self) {
        while let Ok(unit) = self.units.recv() {
            let _ticket = self.shared.in_flight.ticket();
            if self.shared.has_failed() {
                continue;
            }
            if let Err(error) = self.unit(unit) {
                self.shared.fail(error);
            }
        }
    }

    fn unit(&mut self, unit: Unit) -> Result<(), StageError> {
        self.shared.progress.check_cancelled()?;
        let mut unreadable = None;
        self.frame.clear();
        if let Some(number) = unit.frame {
            match self.shared.archive.read_frame(number, &mut self.frame) {
                Ok(()) => {}
                // A sector that cannot be read is damage, too, for who wants what is left.
                Err(ReadError::Io(error)) if !self.shared.options.partial => return Err(ReadError::Io(error).into()),
                Err(error) => unreadable = Some(error.to_string()),
            }
        }
        for task in unit.tasks {
            match task {
                Task::Whole(whole) => self.whole(&whole, unreadable.as_deref())?,
                Task::Piece(file, piece) => self.piece(&file, piece, unreadable.as_deref())?,
            }
        }
        if self.shared.is_flush_due(self.frame.len() as u64) {
            // When the last flush still runs, the next one will do.
            let _told = self.flush.try_send(());
        }
        Ok(())
    }

    fn whole(&mut self, whole: &WholeFile, unreadable: Option<&str>) -> Result<(), StageError> {
        match self.write_whole(whole, unreadable) {
            Ok(()) => Ok(()),
            Err(Fault::Damaged(chunk, reason)) => {
                self.shared.damaged(Damage { member: shown(&whole.file.member), chunk, reason })
            }
            Err(Fault::Fatal(error)) => Err(error),
        }
    }

    fn write_whole(&mut self, whole: &WholeFile, unreadable: Option<&str>) -> Result<(), Fault> {
        // All is checked before the file is made: a damaged one leaves no trace.
        for piece in &whole.pieces {
            self.bytes(*piece, unreadable)?;
        }
        let (directory, name) = split_name(whole.file.path());
        let directory = self.open_directory(directory, &whole.file.member)?;
        let fd = make_file(directory, name, &whole.file)?;
        for piece in &whole.pieces {
            let bytes = self.bytes_unchecked(*piece).unwrap_or_default();
            write_piece(&fd, &whole.file, piece.content_offset, bytes)?;
        }
        self.finish(fd.as_fd(), &whole.file)?;
        Ok(())
    }

    fn piece(&mut self, spanning: &SpanningFile, piece: Piece, unreadable: Option<&str>) -> Result<(), StageError> {
        match self.write_spanning(spanning, piece, unreadable) {
            Ok(()) => {}
            Err(Fault::Fatal(error)) => return Err(error),
            Err(Fault::Damaged(chunk, reason)) => {
                if !spanning.is_damaged.swap(true, Ordering::AcqRel) {
                    self.shared.damaged(Damage { member: shown(&spanning.file.member), chunk, reason })?;
                }
            }
        }
        if spanning.pieces_left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return Ok(());
        }
        if !spanning.is_damaged.load(Ordering::Acquire) {
            return self.finish(spanning.fd.as_fd(), &spanning.file);
        }
        let (directory, name) = split_name(spanning.file.path());
        let directory = self.open_directory(directory, &spanning.file.member)?;
        rustix::fs::unlinkat(directory, name, AtFlags::empty())
            .map_err(|error| failed("removing", &spanning.file.member, error))
    }

    fn write_spanning(&self, spanning: &SpanningFile, piece: Piece, unreadable: Option<&str>) -> Result<(), Fault> {
        if spanning.is_damaged.load(Ordering::Acquire) {
            return Ok(());
        }
        let bytes = self.bytes(piece, unreadable)?;
        write_piece(&spanning.fd, &spanning.file, piece.content_offset, bytes)?;
        Ok(())
    }

    /// The bytes of a chunk, checked.
    fn bytes(&self, piece: Piece, unreadable: Option<&str>) -> Result<&[u8], Fault> {
        if let Some(reason) = unreadable {
            return Err(Fault::Damaged(Some(piece.chunk.id), reason.to_owned()));
        }
        let bytes = self.bytes_unchecked(piece).ok_or_else(|| {
            Fault::Damaged(Some(piece.chunk.id), format!("the chunk {} reaches out of its frame", piece.chunk.id))
        })?;
        if Sha256::of(bytes) == piece.chunk.id {
            return Ok(bytes);
        }
        Err(Fault::Damaged(Some(piece.chunk.id), format!("the chunk {} is not what was backed up", piece.chunk.id)))
    }

    fn bytes_unchecked(&self, piece: Piece) -> Option<&[u8]> {
        let start = usize::try_from(piece.frame_offset).ok()?;
        let length = usize::try_from(piece.chunk.length).ok()?;
        self.frame.get(start..)?.get(..length)
    }

    fn open_directory(&mut self, path: &[u8], member: &[u8]) -> Result<BorrowedFd<'_>, StageError> {
        let is_last = self.directory.as_ref().is_some_and(|(last, _)| last == path);
        if !is_last {
            let fd = directory_beneath(self.shared.target, path)
                .map_err(|error| failed("opening the folder of", member, error))?;
            self.directory = Some((path.to_vec(), fd));
        }
        Ok(self.directory.as_ref().map_or(self.shared.target, |(_, fd)| fd.as_fd()))
    }

    fn finish(&self, fd: BorrowedFd<'_>, file: &FileToMake) -> Result<(), StageError> {
        self.shared.applier.to_open(fd, &file.meta, &file.member, &self.shared.tally.shortfalls)?;
        self.shared.tally.written(file.layout.size());
        self.shared.progress.add_bytes(file.layout.size());
        self.shared.progress.add_files(1);
        Ok(())
    }
}

/// Makes a file that nobody else can open yet. That its name is taken is an error: nothing is ever replaced.
pub(super) fn make_file(directory: BorrowedFd<'_>, name: &[u8], file: &FileToMake) -> Result<OwnedFd, StageError> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(directory, name, flags, Mode::RUSR | Mode::WUSR)
        .map_err(|error| failed("making", &file.member, error))?;
    if file.layout.has_holes() {
        rustix::fs::ftruncate(&fd, file.layout.size()).map_err(|error| failed("sizing", &file.member, error))?;
    }
    Ok(fd)
}

fn write_piece(fd: &OwnedFd, file: &FileToMake, offset: u64, bytes: &[u8]) -> Result<(), StageError> {
    file.layout
        .place(offset, bytes, |at, bytes| write_all_at(fd, at, bytes))
        .map_err(|error| failed("writing", &file.member, error))
}

fn write_all_at(fd: &OwnedFd, mut at: u64, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::pwrite(fd, bytes, at) {
            Ok(0) => return Err(Errno::IO),
            Ok(written) => {
                at += written as u64;
                bytes = &bytes[written..];
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
