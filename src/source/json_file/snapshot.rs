//! Writes a copy of a JSON file into an archive.

use std::io;

use super::super::Source as _;
use super::super::error::SnapshotError;
use super::super::sink::Sink;
use super::JsonFile;
use super::document::counts;
use super::read::Copy;
use super::strip::strip;
use crate::archive::{MemberContent, SourceSummary};
use crate::model::SourceKind;

/// Writes `copy` as the one member of the source.
pub(super) fn write(source: &JsonFile, copy: Copy, sink: &mut dyn Sink) -> Result<SourceSummary, SnapshotError> {
    // It parsed when it was read, so it is UTF-8.
    let text = String::from_utf8(copy.bytes).unwrap_or_default();
    let text = if source.exclusions.is_empty() { text } else { strip(&text, &source.exclusions) };
    let counts = counts(&text);
    let size_bytes = text.len() as u64;
    let member = source.metadata().member();
    sink.add_file(member.as_bytes(), copy.meta, size_bytes, &mut Bytes(text.as_bytes()))?;
    Ok(SourceSummary {
        name: source.name.clone(),
        kind: SourceKind::Json,
        size_bytes,
        files: 1,
        counts,
        warnings: copy.warning.into_iter().collect(),
    })
}

/// Content that is in memory already.
struct Bytes<'a>(&'a [u8]);

impl MemberContent for Bytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        io::Read::read(&mut self.0, buffer)
    }
}
