//! What an archive holds of a JSON file, and how it joins with what the live file keeps.

use std::path::Path;

use super::super::error::{SourceError, StageError};
use super::super::local_owner::LocalOwners;
use super::super::shown::shown;
use super::JsonFile;
use super::document::parse;
use super::graft::graft;
use super::pointer::Exclusions;
use super::read::read_settled;
use crate::archive::{ArchiveReader, Content, EntryKind, Meta};
use crate::clock::Clock;
use crate::model::{Sha256, SourceKind};
use crate::progress::{Cancelled, Progress};

/// What an archive holds of a JSON source.
pub(super) struct Held {
    pub(super) meta: Meta,
    pub(super) content: Content,
    pub(super) member: Vec<u8>,
    /// Of the time of the backup: what it left out is not its business.
    pub(super) exclusions: Exclusions,
    pub(super) warnings: Vec<String>,
}

impl Held {
    pub(super) fn of(source: &JsonFile, archive: &ArchiveReader) -> Result<Self, StageError> {
        let point = archive.restore_point();
        let missing = || StageError::NotInBackup { name: source.name.to_string() };
        let metadata = point
            .metadata
            .sources
            .iter()
            .find(|held| held.name == source.name && held.kind == SourceKind::Json)
            .ok_or_else(missing)?;
        let member = metadata.member().into_bytes();
        let mut entry = archive.entry(&member)?.ok_or_else(missing)?;
        LocalOwners::default().translate(&mut entry.meta);
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
    pub(super) fn read(&self, archive: &ArchiveReader, progress: &Progress) -> Result<String, StageError> {
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

/// The backup's document and what it leaves to the live file.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) text: String,
    pub(super) exclusions: Exclusions,
}

impl Base {
    /// The document as it is to be live, with the members that the backup leaves out as the live file has them now, and a
    /// warning for each that has no place in it.
    pub(super) fn with_live(
        &self,
        path: &Path,
        clock: &Clock,
        progress: &Progress,
    ) -> Result<(String, Vec<String>), SourceError> {
        if self.exclusions.is_empty() {
            return Ok((self.text.clone(), Vec::new()));
        }
        let live = read_settled(path, clock, progress)?;
        // It parsed, so it is UTF-8.
        let live = String::from_utf8(live.bytes).unwrap_or_default();
        Ok(graft(&self.text, &live, &self.exclusions))
    }

    /// As [`Base::with_live`]; from a live file that is gone or broken nothing can be kept, and that is a warning.
    pub(super) fn with_live_if_readable(
        &self,
        path: &Path,
        clock: &Clock,
        progress: &Progress,
    ) -> Result<(String, Vec<String>), Cancelled> {
        match self.with_live(path, clock, progress) {
            Ok(joined) => Ok(joined),
            Err(SourceError::Cancelled(cancelled)) => Err(cancelled),
            Err(error) => {
                let warning = format!("what the backup leaves out by configuration cannot be kept: {error}");
                Ok((self.text.clone(), vec![warning]))
            }
        }
    }
}
