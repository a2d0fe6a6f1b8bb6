//! Lines of the manifest that come as they are from a base. An unchanged tree is nothing but these: so they are put
//! together where they come in, and reach the manifest without being looked at again.

use crate::archive::metadata::Totals;

/// So many bytes of them are handed on at once.
pub(super) const LINES_TARGET: usize = 4 * 1024 * 1024;

/// Consecutive lines, and what they come to.
#[derive(Debug)]
pub(super) struct Lines {
    /// Path of the first one.
    pub(super) first: Vec<u8>,
    pub(super) text: Vec<u8>,
    pub(super) totals: Totals,
}

impl Lines {
    pub(super) fn beginning_with(path: &[u8]) -> Self {
        Self { first: path.to_vec(), text: Vec::new(), totals: Totals::default() }
    }

    /// Appends a line with its line end, of a file with so many `stored_bytes` of content or of something else.
    pub(super) fn push_line(&mut self, line: &[u8], stored_bytes: Option<u64>) {
        self.text.extend_from_slice(line);
        self.totals.entries += 1;
        if let Some(bytes) = stored_bytes {
            self.totals.files += 1;
            self.totals.raw_bytes += bytes;
        }
    }
}
