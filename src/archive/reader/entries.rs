//! Walking the manifest, one of its chunks at a time.

use super::looked_at::LookedAt;
use super::text::ManifestText;
use super::{ArchiveReader, ReadError};
use crate::archive::manifest::Entry;
use crate::archive::metadata::Totals;

impl ArchiveReader {
    /// The manifest's entries in path order, those whose path starts with `prefix` (all for an empty one). Reads one
    /// manifest chunk at a time; an error ends the iteration.
    pub fn entries(&self, prefix: &[u8]) -> Entries<'_> {
        Entries {
            text: self.manifest_text(prefix),
            prefix: prefix.to_vec(),
            lines: Vec::new(),
            at: 0,
            last: Vec::new(),
            ended: false,
            looked_at: None,
            passed_over: Totals::default(),
        }
    }

    /// As [`ArchiveReader::entries`] of all, but for those in chunks that lie in other archives and were `looked_at` there.
    pub(in crate::archive) fn entries_but<'a>(&'a self, looked_at: &'a LookedAt) -> Entries<'a> {
        Entries { looked_at: Some(looked_at), ..self.entries(b"") }
    }

    /// The entry with exactly this path.
    ///
    /// # Errors
    /// Any [`ReadError`].
    pub fn entry(&self, path: &[u8]) -> Result<Option<Entry>, ReadError> {
        match self.entries(path).next() {
            Some(Ok(entry)) if entry.path != path => Ok(None),
            other => other.transpose(),
        }
    }
}

/// An iterator over entries of the manifest.
#[derive(Debug)]
pub struct Entries<'a> {
    text: ManifestText<'a>,
    prefix: Vec<u8>,
    /// The manifest chunk at hand and the place of its next line.
    lines: Vec<u8>,
    at: usize,
    last: Vec<u8>,
    ended: bool,
    looked_at: Option<&'a LookedAt>,
    passed_over: Totals,
}

impl Entries<'_> {
    /// What the entries come to that were passed over so far.
    pub(in crate::archive) const fn passed_over(&self) -> Totals {
        self.passed_over
    }

    fn next_entry(&mut self) -> Result<Option<Entry>, ReadError> {
        loop {
            while self.at < self.lines.len() {
                let rest = &self.lines[self.at..];
                let length = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
                let entry = Entry::parse_line(&rest[..length])
                    .map_err(|bad| ReadError::Damaged(format!("the manifest: {bad}")))?;
                self.at += length + 1;
                if entry.path <= self.last {
                    let path = entry.display_path().into_owned();
                    return Err(ReadError::Damaged(format!("the manifest: '{path}' is out of order")));
                }
                self.last.clone_from(&entry.path);
                if entry.path.starts_with(&self.prefix) {
                    return Ok(Some(entry));
                }
                if entry.path > self.prefix {
                    return Ok(None);
                }
            }
            if !self.load_next_chunk()? {
                return Ok(None);
            }
        }
    }

    fn load_next_chunk(&mut self) -> Result<bool, ReadError> {
        if let Some(looked_at) = self.looked_at {
            while let Some(looked) = self.text.pass_over(looked_at)? {
                self.passed_over.entries += looked.totals.entries;
                self.passed_over.files += looked.totals.files;
                self.passed_over.raw_bytes += looked.totals.raw_bytes;
                self.last.clone_from(&looked.last);
            }
        }
        let Some((_, bytes)) = self.text.next_chunk()? else { return Ok(false) };
        self.lines.clear();
        self.lines.extend_from_slice(bytes);
        self.at = 0;
        Ok(true)
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.next_entry().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}
