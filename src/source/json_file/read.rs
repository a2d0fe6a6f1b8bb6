//! Reads a JSON file that an application may be writing: whole or not at all.
//!
//! A writer may replace the file by a rename, rewrite it in place, or write it in pieces. So a copy is taken only if the
//! file did not change from before the first byte to after the last, is still the one at its path, parses, and has been
//! quiet for a moment; otherwise it is watched until it is. A file that was replaced by a rename meanwhile is done with: a
//! copy of it that is whole and parses is taken too, or a busy application could not be backed up at all. One that does not parse and was not touched for longer than we
//! would wait is refused at once: nobody is writing it.

use std::ffi::CStr;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use super::super::attributes::{Carrier, Owners, XattrReader};
use super::super::error::SourceError;
use super::super::facts::Facts;
use super::super::place::Place;
use super::document::parse;
use crate::archive::{Meta, Mtime};
use crate::clock::Clock;
use crate::progress::Progress;

/// A file touched more recently is looked at again.
const QUIET: Duration = Duration::from_millis(100);

/// So long a writer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often cancellation is looked at meanwhile.
const SLICE: Duration = Duration::from_millis(20);

/// A whole copy of a JSON file.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) bytes: Vec<u8>,
    pub(super) meta: Meta,
    /// What could not be read of its attributes.
    pub(super) warning: Option<String>,
}

/// One look at the file.
struct Look {
    /// Held, to see what becomes of it.
    file: std::fs::File,
    bytes: Vec<u8>,
    facts: Facts,
    meta: Meta,
    warning: Option<String>,
    is_whole: bool,
}

impl Look {
    /// Whether the file was replaced since, and nobody had written to it in between.
    fn was_replaced_whole(&self) -> bool {
        let Ok(stat) = rustix::fs::fstat(&self.file) else { return false };
        let now = Facts::from(&stat);
        let is_replaced = stat.st_nlink == 0;
        let is_as_read = now.size == self.facts.size && now.mtime == self.facts.mtime;
        is_replaced && is_as_read && self.bytes.len() as u64 == now.size
    }

    fn into_copy(self) -> Copy {
        Copy { bytes: self.bytes, meta: self.meta, warning: self.warning }
    }
}

/// Reads the file at `path`.
pub(super) fn read_settled(path: &Path, clock: &Clock, progress: &Progress) -> Result<Copy, SourceError> {
    let begun = Instant::now();
    let mut before: Option<Look> = None;
    loop {
        progress.check_cancelled()?;
        let look = look(path)?;
        if let Some(replaced) = before.take_if(|before| before.was_replaced_whole() && parse(&before.bytes).is_ok()) {
            return Ok(replaced.into_copy());
        }
        let parsed = if look.is_whole { parse(&look.bytes).err() } else { None };
        let kept_still = before.is_some_and(|before| {
            before.is_whole && look.facts.is_unchanged_since(&before.facts) && look.bytes == before.bytes
        });
        let is_settled = look.is_whole && (kept_still || is_older(look.facts.mtime, QUIET, clock));
        match (is_settled, parsed) {
            (true, None) => return Ok(look.into_copy()),
            (true, parsed) if is_older(look.facts.mtime, PATIENCE, clock) => {
                return Err(unsettled(path, &look.bytes, true, parsed));
            }
            (_, parsed) if begun.elapsed() >= PATIENCE => return Err(unsettled(path, &look.bytes, is_settled, parsed)),
            _ => {}
        }
        before = Some(look);
        wait(QUIET, progress)?;
    }
}

/// A look that found a whole file that is not JSON is the file's fault; anything else the writer's.
fn unsettled(path: &Path, bytes: &[u8], is_settled: bool, parsed: Option<serde_json::Error>) -> SourceError {
    match parsed {
        Some(error) if is_settled => {
            let (line, column) = (error.line(), error.column());
            let reason = error.to_string();
            let place = format!(" at line {line} column {column}");
            let reason = match bytes {
                [] => "the file is empty".to_owned(),
                [0xef, 0xbb, 0xbf, ..] => "it begins with a byte order mark, which JSON does not allow".to_owned(),
                _ => reason.strip_suffix(&place).unwrap_or(&reason).to_owned(),
            };
            SourceError::NotJson { path: path.to_owned(), line, column, reason }
        }
        _ => SourceError::Unsettled { path: path.to_owned(), seconds: PATIENCE.as_secs() },
    }
}

/// Whether a file with this time was left alone for so long. A time in the future says nothing.
fn is_older(mtime: Mtime, age: Duration, clock: &Clock) -> bool {
    let written = i128::from(mtime.seconds) * 1_000_000_000 + i128::from(mtime.nanoseconds);
    clock.now().as_nanosecond() - written >= i128::try_from(age.as_nanos()).unwrap_or(i128::MAX)
}

fn wait(how_long: Duration, progress: &Progress) -> Result<(), SourceError> {
    let end = Instant::now() + how_long;
    loop {
        progress.check_cancelled()?;
        let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
            return Ok(());
        };
        thread::park_timeout(left.min(SLICE));
    }
}

fn look(path: &Path) -> Result<Look, SourceError> {
    let place = Place::of(path)?;
    let file = open(&place, place.name())?;
    let facts = Facts::from(&rustix::fs::fstat(&file).map_err(|error| place.failed("looking at", error))?);
    if facts.kind != FileType::RegularFile {
        return Err(SourceError::WrongType { path: path.to_owned(), found: facts.kind_in_words(), wanted: "a file" });
    }
    let (xattrs, warning) = match XattrReader::new().read(Carrier::Open(file.as_fd())) {
        Ok(xattrs) => (xattrs, None),
        Err(error) => {
            let warning = format!("{}: its extended attributes could not be read: {error}", path.display());
            (Default::default(), Some(warning))
        }
    };
    let meta = Meta { xattrs, ..Owners::default().meta(&facts) };
    let mut bytes = Vec::with_capacity(usize::try_from(facts.size).unwrap_or(0).saturating_add(1));
    // A writer that appends faster than we read must not keep us: one byte more than there should be is enough to know.
    let mut file = std::fs::File::from(file);
    file.by_ref()
        .take(facts.size.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| place.failed("reading", error))?;
    let after = Facts::from(&rustix::fs::fstat(&file).map_err(|error| place.failed("looking at", error))?);
    let at_path = place.facts()?;
    let is_whole = after.is_unchanged_since(&facts)
        && bytes.len() as u64 == facts.size
        && at_path.is_some_and(|now| now.is_unchanged_since(&facts));
    Ok(Look { file, bytes, facts, meta, warning, is_whole })
}

fn open(place: &Place, name: &CStr) -> Result<std::os::fd::OwnedFd, SourceError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::openat(place.parent(), name, flags, Mode::empty()).map_err(|error| match error {
        Errno::NOENT => SourceError::NotFound { path: place.path().to_owned() },
        Errno::LOOP => {
            SourceError::WrongType { path: place.path().to_owned(), found: "a symbolic link", wanted: "a file" }
        }
        error => place.failed("opening", error),
    })
}
