//! Goes through the entries in order: makes directories, links and nodes itself and hands files to the workers.

use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Weak};

use crossbeam_channel::Sender;

use super::super::super::apply::failed;
use super::super::super::error::StageError;
use super::super::super::shown::shown;
use super::super::open::directory_beneath;
use super::Shared;
use super::branch::Branch;
use super::layout::Layout;
use super::links::Links;
use super::open_units::OpenUnits;
use super::paths::{objection, split_name};
use super::report::Damage;
use super::shortcut::{Offer, Shortcut};
use super::special;
use super::unit::{FileToMake, Piece, SpanningFile, Task, Unit, WholeFile};
use super::worker::make_file;
use crate::archive::reader::ChunkLocation;
use crate::archive::{Content, Entry, EntryKind, Meta, ReadError};
use crate::model::Sha256;

/// Files in several frames are open from their first piece to their last; so many at once, lest descriptors run out.
const SPANNING_FILES: usize = 256;

/// The thread that reads the manifest.
pub(super) struct Coordinator<'a> {
    shared: &'a Shared<'a>,
    units: Sender<Unit>,
    shortcut: &'a mut dyn Shortcut,
    branch: Branch<'a>,
    open_units: OpenUnits,
    /// Files in several frames of which pieces may be outstanding.
    spanning: Vec<Weak<SpanningFile>>,
    links: Links,
    /// Path of the entry before; empty before the first.
    last: Vec<u8>,
    /// Directories by member path, for their metadata at the end.
    directories: Vec<(Box<[u8]>, Meta)>,
    directories_made: u64,
    others_made: u64,
}

impl<'a> Coordinator<'a> {
    pub(super) fn new(
        shared: &'a Shared<'a>,
        units: Sender<Unit>,
        shortcut: &'a mut dyn Shortcut,
    ) -> Result<Self, StageError> {
        let links = if shared.into_existing { Ok(Links::default()) } else { Links::new(shared.target) };
        let links = links.map_err(|error| failed("listing", &shared.options.strip, error))?;
        Ok(Self {
            shared,
            units,
            shortcut,
            branch: Branch::new(shared.target, shared.into_existing),
            open_units: OpenUnits::of_archives(1 + shared.archive.bases().count()),
            spanning: Vec::new(),
            links,
            last: Vec::new(),
            directories: Vec::new(),
            directories_made: 0,
            others_made: 0,
        })
    }

    /// Extracts everything; returns how many directories and how many links, pipes and devices were made. Returns early, without an error of its own, when a worker failed.
    pub(super) fn run(
        mut self,
        entries: impl Iterator<Item = Result<Entry, ReadError>>,
    ) -> Result<(u64, u64), StageError> {
        for entry in entries {
            self.shared.progress.check_cancelled()?;
            if self.shared.has_failed() {
                return Ok((self.directories_made, self.others_made));
            }
            match entry {
                Ok(entry) => self.entry(entry)?,
                Err(error) if self.shared.options.partial => {
                    let reason = format!("what would follow here in the manifest is lost: {error}");
                    self.skip(&self.last, None, &reason)?;
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.make_links()?;
        if !self.shared.has_failed() {
            self.finish_directories()?;
        }
        Ok((self.directories_made, self.others_made))
    }

    fn entry(&mut self, entry: Entry) -> Result<(), StageError> {
        if !self.last.is_empty() && self.last >= entry.path {
            // Not one member's damage: with the order gone, nothing can be said of what is in the archive.
            return Err(damaged(&entry.path, "the manifest is not in order"));
        }
        self.last.clone_from(&entry.path);
        let strip = self.shared.options.strip.as_slice();
        let Some(path) = entry.path.strip_prefix(strip) else {
            return Err(damaged(&entry.path, "it lies outside of its source"));
        };
        if let Some(objection) = objection(path, &entry.kind) {
            return self.skip(&entry.path, None, objection);
        }
        let (directory, name) = match entry.kind {
            EntryKind::Directory => (path, path),
            _ => split_name(path),
        };
        self.directories_made +=
            self.branch.go_to(directory).map_err(|error| failed("making the folder of", &entry.path, error))?;
        match &entry.kind {
            EntryKind::Directory => {
                self.shared.progress.add_files(1);
                self.directories.push((entry.path.into_boxed_slice(), entry.meta));
                Ok(())
            }
            EntryKind::File(_) => self.file(entry),
            EntryKind::Hardlink(target) => {
                let Some(target) = target.strip_prefix(strip) else {
                    return self.skip(&entry.path, None, "it is a hard link out of its source");
                };
                match self.links.add(entry.path.clone(), path.to_vec(), target.to_vec()) {
                    Ok(false) => Ok(()),
                    Ok(true) => self.make_links(),
                    Err(objection) => self.skip(&entry.path, None, objection),
                }
            }
            _ => {
                let fd =
                    self.branch.directory().map_err(|error| failed("opening the folder of", &entry.path, error))?;
                if special::make(self.shared, fd, name, &entry)? {
                    self.others_made += 1;
                }
                self.shared.progress.add_files(1);
                Ok(())
            }
        }
    }

    fn file(&mut self, entry: Entry) -> Result<(), StageError> {
        if self.take_shortcut(&entry)? {
            self.shared.progress.add_files(1);
            self.shared.progress.add_bytes(entry.content().map_or(0, |content| content.size));
            return Ok(());
        }
        let Entry { path: member, meta, kind: EntryKind::File(content) } = entry else { return Ok(()) };
        let layout = match Layout::of(&content) {
            Ok(layout) => layout,
            Err(reason) => return self.skip(&member, None, reason),
        };
        let pieces = match self.locate(&content) {
            Ok(pieces) => pieces,
            Err(Unlocated::Damaged(chunk, reason)) => return self.skip(&member, Some(chunk), &reason),
            Err(Unlocated::Fatal(error)) => return Err(error.into()),
        };
        let file = FileToMake { member, start: self.shared.options.strip.len(), meta, layout };
        match pieces.split_first() {
            None => self.add(None, Task::Whole(WholeFile { file, pieces: Vec::new() })),
            Some(((frame, _), rest)) if rest.iter().all(|(other, _)| other == frame) => {
                let frame = Some(*frame);
                let pieces = pieces.into_iter().map(|(_, piece)| piece).collect();
                self.add(frame, Task::Whole(WholeFile { file, pieces }))
            }
            Some(_) => self.spanning(file, pieces),
        }
    }

    /// Whether the file came from elsewhere than the archive.
    fn take_shortcut(&mut self, entry: &Entry) -> Result<bool, StageError> {
        let (_, name) = split_name(&entry.path);
        let directory = self.branch.directory().map_err(|error| failed("opening the folder of", &entry.path, error))?;
        match self.shortcut.offer(entry, directory, name)? {
            Offer::Nothing => Ok(false),
            Offer::Complete => Ok(true),
            Offer::Content(file) => {
                let shortfalls = &self.shared.tally.shortfalls;
                self.shared.applier.to_open(file.as_fd(), &entry.meta, &entry.path, shortfalls)?;
                Ok(true)
            }
        }
    }

    /// A file in several frames is made here; whoever writes its last piece finishes it.
    fn spanning(&mut self, file: FileToMake, pieces: Vec<(u32, Piece)>) -> Result<(), StageError> {
        self.limit_spanning()?;
        let (_, name) = split_name(file.path());
        let fd: OwnedFd = {
            let directory =
                self.branch.directory().map_err(|error| failed("opening the folder of", &file.member, error))?;
            make_file(directory, name, &file)?
        };
        let pieces_left = AtomicUsize::new(pieces.len());
        let file = Arc::new(SpanningFile { file, fd, pieces_left, is_damaged: AtomicBool::new(false) });
        self.spanning.push(Arc::downgrade(&file));
        for (frame, piece) in pieces {
            self.add(Some(frame), Task::Piece(Arc::clone(&file), piece))?;
        }
        Ok(())
    }

    /// Waits for the files in several frames when too many are open.
    fn limit_spanning(&mut self) -> Result<(), StageError> {
        if self.spanning.len() >= SPANNING_FILES {
            self.spanning.retain(|file| file.strong_count() > 0);
        }
        if self.spanning.len() >= SPANNING_FILES {
            self.hand_out_all()?;
            self.shared.in_flight.wait();
            self.spanning.clear();
        }
        Ok(())
    }

    /// Where each chunk of a content lies.
    fn locate(&self, content: &Content) -> Result<Vec<(u32, Piece)>, Unlocated> {
        let mut content_offset = 0;
        let mut pieces = Vec::with_capacity(content.chunks.len());
        for chunk in &content.chunks {
            let location = match self.shared.archive.locate(&chunk.id) {
                Ok(location) => location,
                // That an archive is not here is not damage.
                Err(error @ (ReadError::Io(_) | ReadError::MissingArchive { .. })) if !self.shared.options.partial => {
                    return Err(Unlocated::Fatal(error));
                }
                Err(error) => return Err(Unlocated::Damaged(chunk.id, error.to_string())),
            };
            let ChunkLocation { frame, offset: frame_offset, length } = location;
            if length != chunk.length {
                let reason = format!("the chunk {} has another length than the manifest says", chunk.id);
                return Err(Unlocated::Damaged(chunk.id, reason));
            }
            pieces.push((frame, Piece { chunk: *chunk, frame_offset, content_offset }));
            content_offset += u64::from(chunk.length);
        }
        Ok(pieces)
    }

    fn add(&mut self, frame: Option<u32>, task: Task) -> Result<(), StageError> {
        self.open_units.add(frame, task).map_or(Ok(()), |unit| self.hand_out(unit))
    }

    fn hand_out(&self, unit: Unit) -> Result<(), StageError> {
        self.shared.in_flight.launch();
        // Only workers that panicked stop receiving; the scope passes the panic on.
        self.units.send(unit).map_err(|_| damaged(&self.shared.options.strip, "the extraction was broken off"))
    }

    fn hand_out_all(&mut self) -> Result<(), StageError> {
        while let Some(unit) = self.open_units.take() {
            self.hand_out(unit)?;
        }
        Ok(())
    }

    fn make_links(&mut self) -> Result<(), StageError> {
        self.hand_out_all()?;
        self.shared.in_flight.wait();
        if self.shared.has_failed() {
            return Ok(());
        }
        let made = self.links.make(self.shared, self.shortcut)?;
        self.others_made += made;
        self.shared.progress.add_files(made);
        Ok(())
    }

    /// Deepest first, so that nothing made in a directory changes its time afterwards.
    fn finish_directories(&mut self) -> Result<(), StageError> {
        let strip = self.shared.options.strip.len();
        for (member, meta) in self.directories.drain(..).rev() {
            let fd = directory_beneath(self.shared.target, &member[strip..])
                .map_err(|error| failed("opening", &member, error))?;
            self.shared.applier.to_open(fd.as_fd(), &meta, &member, &self.shared.tally.shortfalls)?;
        }
        Ok(())
    }

    fn skip(&self, member: &[u8], chunk: Option<Sha256>, reason: &str) -> Result<(), StageError> {
        self.shared.damaged(Damage { member: shown(member), chunk, reason: reason.to_owned() })
    }
}

enum Unlocated {
    Damaged(Sha256, String),
    Fatal(ReadError),
}

fn damaged(member: &[u8], reason: &str) -> StageError {
    StageError::Damaged { member: shown(member), chunk: None, reason: reason.to_owned() }
}
