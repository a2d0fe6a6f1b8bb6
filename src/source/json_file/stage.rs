//! A JSON file laid out beside the live one, and what is done with it.

use std::ffi::{CStr, CString};
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags};

use super::super::apply::{Applier, drop_inherited_acls};
use super::super::error::StageError;
use super::super::facts::Facts;
use super::super::place::Place;
use super::super::shortfalls::Shortfalls;
use super::super::shown::shown;
use super::super::steps;
use super::super::swap::SwapMethod;
use super::super::swap::swapping::Swapping;
use super::super::swap_record::{RecordedSwap, RootSwap, SwapRecord};
use super::super::{Comparison, SafetyBackup, Source as _, StageRequest, Staged};
use super::JsonFile;
use super::held::{Base, Held};
use super::look::changes_since;
use crate::archive::{ArchiveReader, Meta};
use crate::model::{Sha256, SourceKind};
use crate::progress::Progress;

/// See the module.
#[derive(Debug)]
pub(super) struct StagedJson {
    source: JsonFile,
    place: Place,
    staged_name: CString,
    method: SwapMethod,
    member: Vec<u8>,
    meta: Meta,
    base: Base,
    expected: Sha256,
    safety: Option<SafetyBackup>,
    swap: Swapping,
    is_up_to_date: bool,
    warnings: Vec<String>,
}

impl StagedJson {
    /// Writes the document beside the live file, durably.
    pub(super) fn lay_out(
        source: &JsonFile,
        archive: &Arc<ArchiveReader>,
        request: &StageRequest<'_>,
        method: SwapMethod,
        progress: &Progress,
    ) -> Result<Self, StageError> {
        source.live()?;
        let held = Held::of(source, archive)?;
        let text = held.read(archive, progress)?;
        let Held { meta, member, exclusions, .. } = held;
        let base = Base { text, exclusions };
        let (whole, mut warnings) = base.with_live_if_readable(&source.path, &source.clock, progress)?;
        let place = Place::of(&source.path)?;
        let staged_name = place.staging_name(request.job);
        let shortfalls = Shortfalls::default();
        write_beside(&place, &staged_name, whole.as_bytes(), &meta, &member, &shortfalls)?;
        warnings.extend(shortfalls.into_warnings());
        progress.add_files(1);
        let record = record_of(source, &place, &staged_name, method)?;
        Ok(Self {
            source: source.clone(),
            place,
            staged_name,
            method,
            member,
            meta,
            base,
            expected: Sha256::of(whole.as_bytes()),
            safety: request.safety.cloned(),
            swap: Swapping::new(record),
            is_up_to_date: false,
            warnings,
        })
    }

    /// The application may have gone on writing what the backup leaves out.
    fn refresh(&mut self, progress: &Progress) -> Result<(), StageError> {
        if self.base.exclusions.is_empty() {
            return Ok(());
        }
        let (whole, lost) = match self.base.with_live(&self.source.path, &self.source.clock, progress) {
            Ok(joined) => joined,
            Err(super::SourceError::Cancelled(cancelled)) => return Err(cancelled.into()),
            Err(error) => {
                // What was staged holds these members as they were then.
                self.warnings
                    .push(format!("what the backup leaves out by configuration was not looked at again: {error}"));
                return Ok(());
            }
        };
        let digest = Sha256::of(whole.as_bytes());
        if digest == self.expected {
            return Ok(());
        }
        self.place.remove_sibling(&self.staged_name)?;
        let shortfalls = Shortfalls::default();
        write_beside(&self.place, &self.staged_name, whole.as_bytes(), &self.meta, &self.member, &shortfalls)?;
        self.expected = digest;
        self.warnings.extend(lost);
        Ok(())
    }

    fn digest_of(&self, name: &CStr) -> Result<(Sha256, Facts), StageError> {
        let failed = |error: std::io::Error| StageError::Io { doing: "reading back", path: shown(&self.member), error };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(self.place.parent(), name, flags, Mode::empty());
        let mut file = std::fs::File::from(file.map_err(|error| failed(error.into()))?);
        let facts = Facts::from(&rustix::fs::fstat(&file).map_err(|error| failed(error.into()))?);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        Ok((Sha256::of(&bytes), facts))
    }
}

impl Staged for StagedJson {
    fn record(&self) -> SwapRecord {
        self.swap.record().clone()
    }

    fn aside(&self) -> PathBuf {
        self.place.sibling_path(&self.staged_name)
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn validate(&mut self, progress: &Progress) -> Result<(), StageError> {
        progress.check_cancelled()?;
        let (digest, facts) = self.digest_of(&self.staged_name)?;
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

    fn changed_since_safety(&mut self, progress: &Progress) -> Result<Vec<String>, StageError> {
        progress.check_cancelled()?;
        let Some(safety) = &self.safety else { return Ok(Vec::new()) };
        changes_since(&self.source, safety)
    }

    fn bring_up_to_date(&mut self, progress: &Progress) -> Result<(), StageError> {
        if self.swap.is_made() {
            return Ok(());
        }
        self.refresh(progress)?;
        // An application may have replaced its file by a rename since.
        let record = record_of(&self.source, &self.place, &self.staged_name, self.method)?;
        self.swap.replace_record(record);
        self.is_up_to_date = true;
        Ok(())
    }

    fn commit(&mut self) -> Result<(), StageError> {
        if !self.is_up_to_date {
            // Not to be cancelled half-way through a swap of several sources.
            self.bring_up_to_date(&Progress::default())?;
        }
        steps::pass("source.json.exchange").map_err(|error| self.place.failed("exchanging", error))?;
        self.swap.commit()
    }

    fn compare(&mut self, progress: &Progress) -> Result<Comparison, StageError> {
        progress.check_cancelled()?;
        let (digest, _) = self.digest_of(self.place.name())?;
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
        self.swap.record().discard_aside()
    }
}

fn record_of(
    source: &JsonFile,
    place: &Place,
    staged_name: &CStr,
    method: SwapMethod,
) -> Result<SwapRecord, StageError> {
    let swap = RootSwap { folder: place.folder()?, old: place.thing()?, new: place.sibling(staged_name)? };
    Ok(SwapRecord {
        source: source.name().clone(),
        kind: SourceKind::Json,
        live: place.path().to_owned(),
        aside: place.sibling_path(staged_name),
        swap: if method.is_by_rename() { RecordedSwap::RenameRoot(swap) } else { RecordedSwap::ExchangeRoot(swap) },
    })
}

/// Makes `name` beside the live file with `bytes` and everything that `meta` says, fsynced. After an error it is gone.
fn write_beside(
    place: &Place,
    name: &CStr,
    bytes: &[u8],
    meta: &Meta,
    member: &[u8],
    shortfalls: &Shortfalls,
) -> Result<(), StageError> {
    let failed = |doing| move |error: std::io::Error| place.failed(doing, error);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(place.parent(), name, flags, Mode::RUSR | Mode::WUSR)
        .map_err(|error| place.failed("making a file beside", error))?;
    let mut file = std::fs::File::from(fd);
    let written = || -> Result<(), StageError> {
        drop_inherited_acls(file.as_fd()).map_err(|error| place.failed("making a file beside", error))?;
        file.write_all(bytes).map_err(failed("writing a file beside"))?;
        steps::pass("source.json.written").map_err(failed("writing a file beside"))?;
        Applier::for_target(place.parent()).to_open(file.as_fd(), meta, member, shortfalls)?;
        file.sync_all().map_err(failed("making durable a file beside"))?;
        Ok(())
    }();
    if written.is_err() {
        // The first error is the one to report.
        let _removed = rustix::fs::unlinkat(place.parent(), name, AtFlags::empty());
    }
    written
}
