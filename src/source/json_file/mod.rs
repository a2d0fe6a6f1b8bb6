//! One JSON file that an application keeps its records in.
//!
//! Read whole or not at all, restored byte for byte; members that are left out by configuration stay as they are in the
//! live file.

mod document;
mod graft;
mod held;
mod look;
mod plan;
mod pointer;
#[cfg(test)]
mod properties;
mod read;
mod snapshot;
mod stage;
mod strip;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::FileType;

use self::pointer::Exclusions;
use super::error::{SnapshotError, SourceError, StageError};
use super::facts::Facts;
use super::place::Place;
use super::swap::SwapMethod;
use super::swap::choose::{Live, choose};
use super::swap::site::sweep;
use super::{CheckReport, Estimate, Source, SourcePlan, StageRequest, Staged};
use crate::archive::{ArchiveReader, ArchiveWriter, SourceMetadata, SourceSummary};
use crate::clock::Clock;
use crate::model::{JobId, SourceKind, SourceName};
use crate::progress::Progress;

/// The source kind `json`.
#[derive(Clone, Debug)]
pub struct JsonFile {
    name: SourceName,
    path: PathBuf,
    exclude: Vec<String>,
    exclusions: Exclusions,
    clock: Clock,
}

impl JsonFile {
    /// The file at `path` (absolute) without the members that `exclude` names: top-level keys, or JSON pointers where they
    /// begin with `/`. `clock` tells how long ago the file was written; its age is all that is asked of it.
    ///
    /// # Errors
    /// [`SourceError::BadRule`] for a pointer that cannot be understood.
    pub fn new(name: SourceName, path: PathBuf, exclude: Vec<String>, clock: Clock) -> Result<Self, SourceError> {
        let exclusions = Exclusions::new(&exclude)?;
        Ok(Self { name, path, exclude, exclusions, clock })
    }

    /// What is at the path, which has to be a file if it is anything. A link is refused: replacing it would not replace
    /// what it points to.
    fn live(&self) -> Result<Option<Facts>, SourceError> {
        let Some(facts) = Place::of(&self.path)?.facts()? else { return Ok(None) };
        if facts.kind != FileType::RegularFile {
            let found = facts.kind_in_words();
            return Err(SourceError::WrongType { path: self.path.clone(), found, wanted: "a file" });
        }
        Ok(Some(facts))
    }

    /// How the file can be swapped now.
    fn swap_method(&self) -> Result<SwapMethod, SourceError> {
        self.live()?;
        choose(&Place::of(&self.path)?, Live::File)
    }

    /// A JSON file is one document; naming it is naming all of it.
    fn require_whole(&self, paths: &[Vec<u8>]) -> Result<(), SourceError> {
        let member = self.metadata().member();
        if paths.iter().all(|path| path == member.as_bytes()) {
            return Ok(());
        }
        Err(SourceError::Refused {
            path: self.path.clone(),
            reason: "a JSON file is restored whole or not at all: no path within it can be named".to_owned(),
        })
    }
}

impl Source for JsonFile {
    fn name(&self) -> &SourceName {
        &self.name
    }

    fn kind(&self) -> SourceKind {
        SourceKind::Json
    }

    fn metadata(&self) -> SourceMetadata {
        SourceMetadata {
            name: self.name.clone(),
            kind: SourceKind::Json,
            location: self.path.display().to_string(),
            exclude: self.exclude.clone(),
            details: Default::default(),
        }
    }

    fn check(&self) -> Result<CheckReport, SourceError> {
        let facts = self.live()?.ok_or_else(|| SourceError::NotFound { path: self.path.clone() })?;
        Ok(CheckReport {
            estimate: Some(Estimate { bytes: facts.size, files: 1 }),
            device: Some(facts.identity.device),
            ..CheckReport::default()
        })
    }

    fn measure(&self, _progress: &Progress) -> Result<Estimate, SourceError> {
        let facts = self.live()?.ok_or_else(|| SourceError::NotFound { path: self.path.clone() })?;
        Ok(Estimate { bytes: facts.size, files: 1 })
    }

    fn snapshot(&self, writer: &mut ArchiveWriter, progress: &Progress) -> Result<SourceSummary, SnapshotError> {
        // Before anything of it is in the archive it may have to be waited for.
        let copy = read::read_settled(&self.path, &self.clock, progress)?;
        writer.begin_source();
        snapshot::write(self, copy, writer)
    }

    fn plan(&self, archive: &ArchiveReader, paths: &[Vec<u8>], progress: &Progress) -> Result<SourcePlan, StageError> {
        self.require_whole(paths)?;
        plan::plan(self, archive, progress)
    }

    fn stage(
        &self,
        archive: &Arc<ArchiveReader>,
        request: &StageRequest<'_>,
        progress: &Progress,
    ) -> Result<Box<dyn Staged>, StageError> {
        self.require_whole(&request.paths)?;
        Ok(Box::new(stage::StagedJson::lay_out(self, archive, request, self.swap_method()?, progress)?))
    }

    fn sweep_staging(&self, job: JobId) -> Result<(), StageError> {
        match Place::of(&self.path) {
            Ok(place) => sweep(&place, None, job),
            // With the folder above it nothing of ours can be there either.
            Err(SourceError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
