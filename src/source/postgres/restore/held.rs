//! What an archive holds of a database.

use std::collections::BTreeMap;

use super::super::super::error::StageError;
use super::super::globals::Globals;
use super::super::table_name::TableName;
use crate::archive::{ArchiveReader, Content, EntryKind};
use crate::model::{Sha256, SourceKind, SourceName};
use crate::progress::Progress;

/// A larger `NAME.globals.sql` is not read: it would not be one.
const LARGEST_GLOBALS: u64 = 64 << 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) globals: Globals,
    /// The dump.
    pub(super) dump: Content,
    /// Its member's name.
    pub(super) member: String,
    /// What was counted when it was made; the rows of tables under the key of each.
    pub(super) counts: BTreeMap<String, u64>,
}

impl Held {
    /// What `archive` holds of the source `name`. The globals are checked and understood, the dump is not looked at.
    pub(super) fn of(name: &SourceName, archive: &ArchiveReader, progress: &Progress) -> Result<Self, StageError> {
        let point = archive.restore_point();
        let missing = || StageError::NotInBackup { name: name.to_string() };
        let is_it = |kind: SourceKind| kind == SourceKind::Postgres;
        let metadata = point.metadata.sources.iter().find(|held| held.name == *name && is_it(held.kind));
        let member = metadata.ok_or_else(missing)?.member();
        let globals = read_globals(archive, &format!("{name}.globals.sql"), progress)?;
        let dump = file(archive, &member)?;
        let counts = point.sources.iter().find(|held| held.name == *name).map(|held| held.counts.clone());
        Ok(Self { globals, dump, member, counts: counts.unwrap_or_default() })
    }

    /// The tables whose rows were counted.
    pub(super) fn tables(&self) -> BTreeMap<TableName, u64> {
        self.counts.iter().filter_map(|(key, rows)| Some((TableName::of_key(key)?, *rows))).collect()
    }
}

fn read_globals(archive: &ArchiveReader, member: &str, progress: &Progress) -> Result<Globals, StageError> {
    let content = file(archive, member)?;
    if content.size > LARGEST_GLOBALS {
        return Err(damaged(member, "it is too large to be what it should be"));
    }
    let mut text = Vec::new();
    archive.read_content(&content, &mut |chunk| {
        text.extend_from_slice(chunk);
        Ok(())
    })?;
    progress.check_cancelled()?;
    if Sha256::of(&text) != content.sha256 {
        return Err(damaged(member, "its content is not what the manifest says"));
    }
    Globals::parse(&text).map_err(|bad| damaged(member, &bad.to_string()))
}

fn file(archive: &ArchiveReader, member: &str) -> Result<Content, StageError> {
    let entry = archive.entry(member.as_bytes())?;
    let entry = entry.ok_or_else(|| StageError::NoSuchMember { member: member.to_owned() })?;
    match entry.kind {
        EntryKind::File(content) if content.sparse.is_none() => Ok(content),
        _ => Err(damaged(member, "it is not a plain file in the manifest")),
    }
}

pub(super) fn damaged(member: &str, reason: &str) -> StageError {
    StageError::Damaged { member: member.to_owned(), chunk: None, reason: reason.to_owned() }
}
