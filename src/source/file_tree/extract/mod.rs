//! Writes entries of an archive below an open directory, in parallel: for staging, for a restore into another folder and
//! for `carelogd extract`.
//!
//! Whatever the archive holds, nothing outside the target can be reached and nothing that was there before is touched:
//! names are checked, everything is created anew and exclusively, directories are resolved beneath the target with links
//! refused, and no byte is written before its chunk's SHA-256 was checked.
//!
//! One thread reads the manifest in path order, makes directories and links, and groups what lies in one frame into a
//! unit, with a few units open where several archives take turns; workers decode a unit's frame once and write its files. Directories get their times and modes last.

mod branch;
mod coordinator;
mod in_flight;
mod layout;
mod links;
mod open_units;
pub(in crate::source) mod paths;
mod report;
pub(in crate::source::file_tree) mod shortcut;
mod special;
mod unit;
mod worker;

use std::os::fd::BorrowedFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

pub use self::report::{Damage, ExtractReport};

use self::coordinator::Coordinator;
use self::in_flight::InFlight;
use self::report::Tally;
use self::shortcut::{NoShortcut, Shortcut};
use self::worker::Worker;
use super::super::apply::Applier;
use super::super::error::StageError;
use super::super::shown::shown;
use crate::archive::{ArchiveReader, Entry, ReadError};
use crate::progress::Progress;

/// How to extract.
#[derive(Clone, Debug, Default)]
pub struct ExtractOptions {
    /// Worker threads; 0 for one per core.
    pub threads: usize,
    /// Prefix that is taken off every path; an entry that is exactly it stands for the target itself. Empty for none.
    pub strip: Vec<u8>,
    /// Skip and report what is damaged instead of failing at it.
    pub partial: bool,
    /// Make everything durable at the end (`syncfs`).
    pub sync: bool,
}

/// Writes entries of `archive` below `target`.
#[derive(Debug)]
pub struct Extraction<'a> {
    archive: &'a ArchiveReader,
    target: BorrowedFd<'a>,
    options: ExtractOptions,
    progress: &'a Progress,
    into_existing: bool,
}

/// What the threads of one extraction share.
struct Shared<'a> {
    archive: &'a ArchiveReader,
    target: BorrowedFd<'a>,
    options: &'a ExtractOptions,
    into_existing: bool,
    progress: &'a Progress,
    applier: Applier,
    tally: Tally,
    in_flight: InFlight,
    failed: Mutex<Option<StageError>>,
    /// Written since the disk was last told to begin.
    unflushed_bytes: AtomicU64,
}

/// After so many bytes the disk begins to write, while more is extracted: otherwise all of it would wait for the end.
const FLUSH_BYTES: u64 = 128 * 1024 * 1024;

impl<'a> Extraction<'a> {
    /// Of `archive` into `target`, which is best empty: what is there already is neither replaced nor followed, and an
    /// entry of the same name is an error.
    #[must_use]
    pub const fn new(
        archive: &'a ArchiveReader,
        target: BorrowedFd<'a>,
        options: ExtractOptions,
        progress: &'a Progress,
    ) -> Self {
        Self { archive, target, options, progress, into_existing: false }
    }

    /// Lets folders be there already, and hard links name what is: for adding to what an extraction of our own made.
    pub(super) const fn into_existing(mut self) -> Self {
        self.into_existing = true;
        self
    }

    /// Writes `entries`, which come in path order as [`ArchiveReader::entries`] gives them. Parents that are not among
    /// them are made for their owner alone.
    ///
    /// # Errors
    /// [`StageError::Damaged`] at the first damage unless `partial`; [`StageError::Io`] when the target cannot be written.
    /// What was written until then stays; the caller removes the target.
    pub fn run(&self, entries: impl Iterator<Item = Result<Entry, ReadError>>) -> Result<ExtractReport, StageError> {
        self.run_with(entries, &mut NoShortcut)
    }

    /// As [`Extraction::run`], with files that `shortcut` offers taken from there.
    pub(super) fn run_with(
        &self,
        entries: impl Iterator<Item = Result<Entry, ReadError>>,
        shortcut: &mut dyn Shortcut,
    ) -> Result<ExtractReport, StageError> {
        let threads = match self.options.threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let shared = Shared {
            archive: self.archive,
            target: self.target,
            options: &self.options,
            into_existing: self.into_existing,
            progress: self.progress,
            applier: Applier::for_target(self.target),
            tally: Tally::default(),
            in_flight: InFlight::default(),
            failed: Mutex::new(None),
            unflushed_bytes: AtomicU64::new(0),
        };
        let coordinated = thread::scope(|scope| {
            let (sender, receiver) = crossbeam_channel::bounded(threads * 2);
            let (flush, flushes) = crossbeam_channel::bounded(1);
            for _ in 0..threads {
                let worker = Worker::new(&shared, receiver.clone(), flush.clone());
                scope.spawn(move || worker.run());
            }
            drop((receiver, flush));
            if self.options.sync {
                let shared = &shared;
                scope
                    .spawn(move || flushes.iter().try_for_each(|()| shared.flush()).unwrap_or_else(|e| shared.fail(e)));
            }
            Coordinator::new(&shared, sender, shortcut)?.run(entries)
        });
        if let Some(error) = shared.take_failure() {
            return Err(error);
        }
        let (directories, others) = coordinated?;
        if self.options.sync {
            shared.flush()?;
        }
        Ok(shared.tally.into_report(directories, others))
    }
}

impl Shared<'_> {
    /// Makes durable what is written so far.
    fn flush(&self) -> Result<(), StageError> {
        rustix::fs::syncfs(self.target).map_err(|error| StageError::Io {
            doing: "making durable",
            path: shown(&self.options.strip),
            error: error.into(),
        })
    }

    /// Whether it is time to flush, now that `bytes` more are written.
    fn is_flush_due(&self, bytes: u64) -> bool {
        let before = self.unflushed_bytes.fetch_add(bytes, Ordering::Relaxed);
        let is_due = before + bytes >= FLUSH_BYTES;
        if is_due {
            self.unflushed_bytes.store(0, Ordering::Relaxed);
        }
        is_due
    }

    /// Keeps the first error of a worker; the others stop at their next unit.
    fn fail(&self, error: StageError) {
        let mut failed = self.failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        failed.get_or_insert(error);
    }

    fn has_failed(&self) -> bool {
        self.failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_some()
    }

    fn take_failure(&self) -> Option<StageError> {
        self.failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }

    /// Damage of one member: an error, or with `partial` a line of the report.
    fn damaged(&self, damage: Damage) -> Result<(), StageError> {
        if self.options.partial {
            self.tally.damaged(damage);
            return Ok(());
        }
        Err(StageError::Damaged { member: damage.member, chunk: damage.chunk, reason: damage.reason })
    }
}
