//! A JSON file laid out beside the live one, and what is done with it.

use std::ffi::CStr;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags};

use super::super::apply::{Applier, drop_inherited_acls};
use super::super::error::StageError;
use super::super::facts::{Facts, Identity};
use super::super::place::Place;
use super::super::shortfalls::Shortfalls;
use super::super::shown::shown;
use super::super::swap::Swap;
use super::super::{Comparison, Identities, Staged};
use super::JsonFile;
use super::held::{Base, Held};
use crate::archive::{ArchiveReader, Meta};
use crate::clock::Clock;
use crate::model::Sha256;
use crate::progress::Progress;

/// See the module.
#[derive(Debug)]
pub(super) struct StagedJson {
    path: PathBuf,
    clock: Clock,
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
        let (whole, mut warnings) = base.with_live_if_readable(&source.path, &source.clock, progress)?;
        let place = Place::of(&source.path)?;
        let staged_name = place.fresh_sibling();
        let shortfalls = Shortfalls::default();
        let identity = write_beside(&place, &staged_name, whole.as_bytes(), &meta, &member, &shortfalls)?;
        warnings.extend(shortfalls.into_warnings());
        progress.add_files(1);
        Ok(Self {
            path: source.path.clone(),
            clock: source.clock.clone(),
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
        // Waits for a writer, but not for ever, and is not to be cancelled half-way through a swap.
        let (whole, lost) = match self.base.with_live(&self.path, &self.clock, &Progress::default()) {
            Ok(joined) => joined,
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
        .map_err(|error| place.failed("making a file beside", error))?;
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
