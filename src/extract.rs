//! `carelogd extract`: recovery from archive files alone, with no daemon, configuration or catalog.
//!
//! It trusts nothing but checksums, writes only below the folder that it is given, and goes on past damage: what can be
//! saved is saved, and what cannot is named.

mod selection;
mod set;

use std::ffi::OsString;
use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

pub use self::selection::SelectionError;
pub use self::set::NotNeeded;

use self::selection::Selection;
use self::set::Set;
use crate::archive::escape::{escape, visible};
use crate::archive::{ArchiveReader, Entry, EntryKind, ReadError};
use crate::progress::Progress;
use crate::source::{ExtractOptions, ExtractReport, Extraction, StageError};

/// How an extraction ended that did end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is there.
    Complete,
    /// Something was left out; the output names it.
    Incomplete,
    /// Damage was found; what it did not touch was written.
    Corrupt,
}

/// What is restored must not mix with what is there.
#[derive(Debug, thiserror::Error)]
#[error("{} is not empty; name a new or an empty folder with --to", .0.display())]
pub struct Occupied(PathBuf);

/// Extracts the first of `archives` to the folder `to`, or lists it on stdout when there is none: everything in it, or the
/// members and folders that `named` names. What it needs of other archives comes from those named behind it, and from
/// those in its folder.
///
/// # Errors
/// [`SelectionError`], [`Occupied`], [`NotNeeded`], and whatever else keeps it from extracting anything.
pub fn run(archives: &[PathBuf], to: Option<&Path>, named: &[OsString]) -> anyhow::Result<Outcome> {
    let [path, others @ ..] = archives else { bail!("no archive is named") };
    let Set { archive, damaged, unreadable, unneeded } = set::open(path, others)?;
    for other in unneeded {
        say(&format!("note: {} is not needed", other.display()));
    }
    for what in &damaged {
        say(&format!("damaged: {what}; what is in it was found without that, and each chunk is checked"));
    }
    for id in archive.missing_archives() {
        let shown = path.display();
        say(&format!("missing: the archive of backup {id}; put it into the folder of {shown}, or name it behind it"));
    }
    for what in unreadable {
        say(&format!("it may be this one, which cannot be read: {what}"));
    }
    let selection = Selection::find(&archive, named).with_context(|| format!("{}", path.display()))?;
    let outcome = match to {
        None => list(&archive, &selection),
        Some(to) => extract(&archive, &selection, to),
    };
    outcome.map(|outcome| if damaged.is_empty() { outcome } else { Outcome::Corrupt })
}

/// Whether it is the archive that keeps us from extracting anything: it is damaged, cut short, or none of ours.
#[must_use]
pub fn is_damage(error: &anyhow::Error) -> bool {
    let is_damage = |error: &ReadError| match error {
        ReadError::NotAnArchive(_) | ReadError::Damaged(_) => true,
        ReadError::MissingChunk(_) | ReadError::MissingArchive { .. } => true,
        ReadError::Io(_) | ReadError::TooNew(_) => false,
    };
    match error.downcast_ref::<StageError>() {
        Some(StageError::Damaged { .. }) => true,
        Some(StageError::Read(error)) => is_damage(error),
        Some(_) => false,
        None => error.downcast_ref::<ReadError>().is_some_and(is_damage),
    }
}

fn list(archive: &ArchiveReader, selection: &Selection) -> anyhow::Result<Outcome> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for entry in selection.entries(archive) {
        let entry = entry?;
        match print(&mut out, &entry) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Outcome::Complete),
            printed => printed?,
        }
    }
    match out.flush() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Outcome::Complete),
    }
}

/// One line: kind and permissions, owner, size, time, path, target.
fn print(out: &mut impl io::Write, entry: &Entry) -> io::Result<()> {
    let (letter, size, target) = match &entry.kind {
        EntryKind::File(content) => ('-', content.size, None),
        EntryKind::Directory => ('d', 0, None),
        EntryKind::Symlink(target) => ('l', 0, Some((" -> ", target))),
        EntryKind::Hardlink(target) => ('h', 0, Some((" = ", target))),
        EntryKind::Fifo => ('p', 0, None),
        EntryKind::CharDevice(..) => ('c', 0, None),
        EntryKind::BlockDevice(..) => ('b', 0, None),
    };
    let meta = &entry.meta;
    let time = jiff::Timestamp::from_second(meta.mtime.seconds).unwrap_or_default();
    let path = printable(&entry.path);
    write!(out, "{letter}{:04o} {:>5} {:>5} {size:>12} {time} {path}", meta.mode, meta.uid, meta.gid)?;
    if let Some((arrow, target)) = target {
        write!(out, "{arrow}{}", printable(target))?;
    }
    writeln!(out)
}

/// A name can hold anything; a terminal must not obey it.
fn printable(bytes: &[u8]) -> String {
    visible(escape(bytes).chars())
}

fn extract(archive: &ArchiveReader, selection: &Selection, to: &Path) -> anyhow::Result<Outcome> {
    let target = open_empty(to)?;
    let progress = Progress::default();
    // A few files are like a copy by hand; a whole recovery has to outlive a power cut.
    let sync = selection.is_everything();
    let options = ExtractOptions { partial: true, sync, ..ExtractOptions::default() };
    let extraction = Extraction::new(archive, target.as_fd(), options, &progress);
    let report = extraction.run(selection.entries(archive))?;
    Ok(conclude(archive, to, &report))
}

fn say(line: &str) {
    // Whoever closed stderr does not want to know.
    drop(writeln!(io::stderr().lock(), "{}", visible(line.chars())));
}

/// The folder to write to, made where it is absent.
fn open_empty(to: &Path) -> anyhow::Result<File> {
    let shown = to.display();
    DirBuilder::new().recursive(true).mode(0o700).create(to).with_context(|| format!("making {shown}"))?;
    let occupied = std::fs::read_dir(to).with_context(|| format!("reading {shown}"))?.next().is_some();
    if occupied {
        return Err(Occupied(to.to_owned()).into());
    }
    File::open(to).with_context(|| format!("opening {shown}"))
}

fn conclude(archive: &ArchiveReader, to: &Path, report: &ExtractReport) -> Outcome {
    let restore_point = archive.restore_point();
    let damaged = &report.damaged;
    for damage in damaged {
        let member = if damage.member.is_empty() { "part of the manifest" } else { &damage.member };
        say(&format!("damaged, left out: {member}: {}", damage.reason));
    }
    for warning in &report.warnings {
        say(&format!("warning: {warning}"));
    }
    say(&format!(
        "{} files, {} folders, {} others from backup {} of {} are in {}",
        report.files,
        report.directories,
        report.others,
        restore_point.metadata.id,
        restore_point.metadata.created_at,
        to.display()
    ));
    match (damaged.is_empty(), report.warnings.is_empty()) {
        (false, _) => Outcome::Corrupt,
        (true, false) => Outcome::Incomplete,
        (true, true) => Outcome::Complete,
    }
}
