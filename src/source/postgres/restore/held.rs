//! What an archive holds of a database.

use std::collections::BTreeMap;

use super::super::super::error::StageError;
use super::super::globals::Globals;
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
    /// What was counted when it was made; rows under the table's name as pg_dump spells it.
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
        self.counts.iter().filter_map(|(spelt, rows)| Some((TableName::parse(spelt)?, *rows))).collect()
    }
}

/// A table, its names without quotes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
pub(super) struct TableName {
    pub(super) schema: String,
    pub(super) name: String,
}

impl TableName {
    /// From `schema.table` as pg_dump spells it, in quotes where they are needed.
    pub(super) fn parse(spelt: &str) -> Option<Self> {
        let (schema, rest) = name_in(spelt)?;
        let (name, rest) = name_in(rest.strip_prefix('.')?)?;
        rest.is_empty().then_some(Self { schema, name })
    }
}

fn name_in(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        // A count of something else is called by words.
        let is_name = end > 0 && !text[..end].contains(|c: char| c.is_whitespace() || c == '"');
        return is_name.then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut name = String::new();
    let mut rest = quoted;
    loop {
        let end = rest.find('"')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(behind) => {
                name.push('"');
                rest = behind;
            }
            None => return Some((name, rest)),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_understood_as_pg_dump_spells_them() {
        let table = |schema: &str, name: &str| Some(TableName { schema: schema.to_owned(), name: name.to_owned() });
        assert_eq!(TableName::parse("public.patients"), table("public", "patients"));
        assert_eq!(TableName::parse(r#""a.b"."c ""d""""#), table("a.b", r#"c "d""#));
        assert_eq!(TableName::parse("public.\"two\nlines\""), table("public", "two\nlines"));
        for other in ["large objects", "x", "a.b.c", "\"a", "", ".", "\"a\".b\""] {
            assert_eq!(TableName::parse(other), None, "{other}");
        }
    }
}
