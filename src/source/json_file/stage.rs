//! A JSON file laid out beside the live one, and what is done with it.

use std::ffi::CStr;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags};

use super::super::apply::{Applier, drop_inherited_acls};
use super::super::error::{SourceError, StageError};
use super::super::facts::{Facts, Identity};
use super::super::place::Place;
use super::super::shortfalls::Shortfalls;
use super::super::shown::shown;
use super::super::swap::{Swap, SwapMethod};
use super::super::{Comparison, Identities, SourcePlan, Staged};
use super::JsonFile;
use super::document::{counts, parse};
use super::graft::graft;
use super::pointer::Exclusions;
use crate::archive::{ArchiveReader, Content, EntryKind, Meta};
use crate::model::{Sha256, SourceKind};
use crate::progress::Progress;

/// What an archive holds of a JSON source.
struct Held {
    meta: Meta,
    content: Content,
    member: Vec<u8>,
    /// Of the time of the backup: what it left out is not its business.
    exclusions: Exclusions,
    warnings: Vec<String>,
}

impl Held {
    fn of(source: &JsonFile, archive: &ArchiveReader) -> Result<Self, StageError> {
        let point = archive.restore_point();
        let missing = || StageError::NotInBackup { name: source.name.to_string() };
        let metadata = point
            .metadata
            .sources
            .iter()
            .find(|held| held.name == source.name && held.kind == SourceKind::Json)
            .ok_or_else(missing)?;
        let member = metadata.member().into_bytes();
        let entry = archive.entry(&member)?.ok_or_else(missing)?;
        let EntryKind::File(content) = entry.kind else {
            return Err(damaged(&member, "it is not a file in the manifest"));
        };
        if content.sparse.is_some() {
            return Err(damaged(&member, "it has holes in the manifest"));
        }
        let exclusions = Exclusions::new(&metadata.exclude)?;
        let warnings = point.sources.iter().find(|held| held.name == source.name);
        let warnings = warnings.map(|held| held.warnings.clone()).unwrap_or_default();
        Ok(Self { meta: entry.meta, content, member, exclusions, warnings })
    }

    /// The document, every chunk and the whole checked.
    fn read(&self, archive: &ArchiveReader, progress: &Progress) -> Result<String, StageError> {
        let mut bytes = Vec::new();
        archive.read_content(&self.content, &mut |chunk| {
            bytes.extend_from_slice(chunk);
            progress.add_bytes(chunk.len() as u64);
            Ok(())
        })?;
        if bytes.len() as u64 != self.content.size || Sha256::of(&bytes) != self.content.sha256 {
            return Err(damaged(&self.member, "its content is not what the manifest says"));
        }
        progress.check_cancelled()?;
        if let Err(error) = parse(&bytes) {
            return Err(damaged(&self.member, &format!("it is not JSON: {error}")));
        }
        String::from_utf8(bytes).map_err(|_| damaged(&self.member, "it is not UTF-8"))
    }
}

fn damaged(member: &[u8], reason: &str) -> StageError {
    StageError::Damaged { member: shown(member), chunk: None, reason: reason.to_owned() }
}

pub(super) fn plan(source: &JsonFile, archive: &ArchiveReader, progress: &Progress) -> Result<SourcePlan, StageError> {
    let live = source.live()?;
    let held = Held::of(source, archive)?;
    let restored = held.read(archive, progress)?;
    let mut notes = held.warnings.iter().map(|warning| format!("warned when it was taken: {warning}")).collect();
    let (added, changed) = match live {
        None => (1, 0),
        Some(_) => {
            let base = Base { text: restored, exclusions: held.exclusions };
            let whole = base.with_live(&source.path, &mut notes);
            let now = std::fs::read(&source.path).unwrap_or_default();
            if let Ok(now) = parse(&now) {
                notes.extend(count_changes(now, &whole));
            }
            (0, u64::from(now != whole.as_bytes()))
        }
    };
    Ok(SourcePlan {
        name: source.name.clone(),
        kind: SourceKind::Json,
        method: SwapMethod::ExchangeRoot,
        destination: source.path.clone(),
        added,
        changed,
        removed: 0,
        bytes: held.content.size,
        notes,
    })
}

/// What a person can judge by: how many elements each collection has now and then.
fn count_changes(now: &str, then: &str) -> Vec<String> {
    let (now, then) = (counts(now), counts(then));
    let mut keys: Vec<_> = now.keys().chain(then.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter()
        .map(|key| (key, now.get(key).copied().unwrap_or(0), then.get(key).copied().unwrap_or(0)))
        .filter(|(_, now, then)| now != then)
        .map(|(key, now, then)| format!("{}: {now} elements now, {then} afterwards", shown(key.as_bytes())))
        .collect()
}

/// The backup's document and what it leaves to the live file.
#[derive(Debug)]
struct Base {
    text: String,
    exclusions: Exclusions,
}

impl Base {
    /// The document as it is to be live: with the members that the backup leaves out as the live file has them now.
    fn with_live(&self, path: &Path, warnings: &mut Vec<String>) -> String {
        if self.exclusions.is_empty() {
            return self.text.clone();
        }
        let cannot = |reason: &str| {
            format!("{}: {reason}, so what the backup leaves out by configuration could not be kept", path.display())
        };
        let live = match std::fs::read(path) {
            Ok(live) => live,
            Err(error) => {
                warnings.push(cannot(&format!("the live file cannot be read ({error})")));
                return self.text.clone();
            }
        };
        match parse(&live) {
            Ok(live) => {
                let (whole, lost) = graft(&self.text, live, &self.exclusions);
                warnings.extend(lost);
                whole
            }
            Err(error) => {
                warnings.push(cannot(&format!("the live file is not JSON ({error})")));
                self.text.clone()
            }
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct StagedJson {
    path: PathBuf,
    member: Vec<u8>,
    meta: Meta,
    base: Base,
    expected: Sha256,
    swap: Swap,
    warnings: Vec<String>,
}

impl StagedJson {
    /// Writes the document beside the live file, durably.
    pub(super) fn lay_out(
        source: &JsonFile,
        archive: &Arc<ArchiveReader>,
        progress: &Progress,
    ) -> Result<Self, StageError> {
        source.live()?;
        let held = Held::of(source, archive)?;
        let text = held.read(archive, progress)?;
        let Held { meta, member, exclusions, .. } = held;
        let base = Base { text, exclusions };
        let mut warnings = Vec::new();
        let whole = base.with_live(&source.path, &mut warnings);
        let place = Place::of(&source.path)?;
        let staged_name = place.fresh_sibling();
        let shortfalls = Shortfalls::default();
        let identity = write_beside(&place, &staged_name, whole.as_bytes(), &meta, &member, &shortfalls)?;
        warnings.extend(shortfalls.into_warnings());
        progress.add_files(1);
        Ok(Self {
            path: source.path.clone(),
            member,
            meta,
            base,
            expected: Sha256::of(whole.as_bytes()),
            swap: Swap::new(place, staged_name, identity)?,
            warnings,
        })
    }

    /// The application may have gone on writing what the backup leaves out.
    fn refresh(&mut self) -> Result<(), StageError> {
        if self.base.exclusions.is_empty() {
            return Ok(());
        }
        let mut lost = Vec::new();
        let whole = self.base.with_live(&self.path, &mut lost);
        let digest = Sha256::of(whole.as_bytes());
        if digest == self.expected {
            return Ok(());
        }
        self.swap.remove_aside_file()?;
        let place = self.swap.place();
        let staged_name = self.swap.staged_name().to_owned();
        let identity =
            write_beside(place, &staged_name, whole.as_bytes(), &self.meta, &self.member, &Shortfalls::default())?;
        self.swap.restaged(identity);
        self.expected = digest;
        self.warnings.extend(lost);
        Ok(())
    }

    fn digest_of(&self, name: &CStr) -> Result<(Sha256, Facts), StageError> {
        let failed = |error: std::io::Error| StageError::Io { doing: "reading back", path: shown(&self.member), error };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(self.swap.place().parent(), name, flags, Mode::empty());
        let mut file = std::fs::File::from(file.map_err(|error| failed(error.into()))?);
        let facts = Facts::from(&rustix::fs::fstat(&file).map_err(|error| failed(error.into()))?);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        Ok((Sha256::of(&bytes), facts))
    }
}

impl Staged for StagedJson {
    fn identities(&self) -> Identities {
        self.swap.identities()
    }

    fn aside(&self) -> PathBuf {
        self.swap.aside()
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn validate(&mut self, progress: &Progress) -> Result<(), StageError> {
        progress.check_cancelled()?;
        let (digest, facts) = self.digest_of(self.swap.staged_name())?;
        let mismatch = |reason: &str| StageError::Mismatch { member: shown(&self.member), reason: reason.to_owned() };
        if digest != self.expected {
            return Err(mismatch("as staged it has another SHA-256 than meant"));
        }
        if facts.mtime != self.meta.mtime || facts.mode & 0o777 != self.meta.mode & 0o777 {
            return Err(mismatch("as staged it has another mode or time than in the backup"));
        }
        progress.add_files(1);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), StageError> {
        if self.swap.is_committed() {
            return Ok(());
        }
        self.swap.look_again()?;
        self.refresh()?;
        crate::failpoint::pass("source.json.exchange")
            .map_err(|error| self.swap.place().failed("exchanging", error))?;
        self.swap.commit()
    }

    fn compare(&mut self, progress: &Progress) -> Result<Comparison, StageError> {
        progress.check_cancelled()?;
        let (digest, _) = self.digest_of(self.swap.place().name())?;
        let differences = if digest == self.expected {
            Vec::new()
        } else {
            vec![format!("{}: its SHA-256 is {digest}, meant was {}", shown(&self.member), self.expected)]
        };
        Ok(Comparison { entries: 1, differences })
    }

    fn undo(&mut self) -> Result<(), StageError> {
        self.swap.undo()
    }

    fn discard(self: Box<Self>) -> Result<(), StageError> {
        self.swap.remove_aside_file()
    }
}

/// Makes `name` beside the live file with `bytes` and everything that `meta` says, fsynced. After an error it is gone.
fn write_beside(
    place: &Place,
    name: &CStr,
    bytes: &[u8],
    meta: &Meta,
    member: &[u8],
    shortfalls: &Shortfalls,
) -> Result<Identity, StageError> {
    let failed = |doing| move |error: std::io::Error| place.failed(doing, error);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(place.parent(), name, flags, Mode::RUSR | Mode::WUSR)
        .map_err(|error| SourceError::from(place.failed("making a file beside", error)))?;
    let mut file = std::fs::File::from(fd);
    let written = || -> Result<Identity, StageError> {
        drop_inherited_acls(file.as_fd()).map_err(|error| place.failed("making a file beside", error))?;
        file.write_all(bytes).map_err(failed("writing a file beside"))?;
        crate::failpoint::pass("source.json.written").map_err(failed("writing a file beside"))?;
        Applier::for_target(place.parent()).to_open(file.as_fd(), meta, member, shortfalls)?;
        file.sync_all().map_err(failed("making durable a file beside"))?;
        let stat = rustix::fs::fstat(&file).map_err(|error| place.failed("looking at a file beside", error))?;
        Ok(Facts::from(&stat).identity)
    }();
    if written.is_err() {
        // The first error is the one to report.
        let _removed = rustix::fs::unlinkat(place.parent(), name, AtFlags::empty());
    }
    written
}
