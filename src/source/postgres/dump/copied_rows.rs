//! The rows of a table as `COPY … TO stdout` writes them: a line each, for newlines within a value are escaped, up to the
//! line `\.`. Most bytes of a dump are these, so they are searched and not looked at one by one.

use memchr::memmem::Finder;
use memchr::{memchr_iter, memrchr};

/// The line that ends the rows. As a value it would be written `\\.`.
const END: &[u8] = b"\\.\n";

/// [`END`], where a line begins.
const END_OF_LINES: &[u8] = b"\n\\.\n";

/// Counts the rows of one table.
#[derive(Debug)]
pub(super) struct CopiedRows {
    count: u64,
    place: Place,
    end: Finder<'static>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In a line of which so many bytes are there and are the first of [`END`].
    LikeEnd(usize),
    /// In a line that is a row.
    Row,
    /// Behind the end.
    Ended,
}

impl CopiedRows {
    /// Where the first row or the end may begin.
    pub(super) fn new() -> Self {
        Self { count: 0, place: Place::LikeEnd(0), end: Finder::new(END_OF_LINES) }
    }

    /// Rows that are whole.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn has_ended(&self) -> bool {
        self.place == Place::Ended
    }

    /// Takes bytes up to the end of the rows; returns how many those are.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> usize {
        let mut used = 0;
        while let Some(&byte) = bytes.get(used) {
            match self.place {
                Place::LikeEnd(matched) if byte == END[matched] => {
                    used += 1;
                    self.place = if matched + 1 == END.len() { Place::Ended } else { Place::LikeEnd(matched + 1) };
                }
                Place::LikeEnd(_) => self.place = Place::Row,
                Place::Row => used += self.feed_rows(&bytes[used..]),
                Place::Ended => break,
            }
        }
        used
    }

    /// From within a row: up to the end, or all of `bytes`.
    fn feed_rows(&mut self, bytes: &[u8]) -> usize {
        if let Some(at) = self.end.find(bytes) {
            self.count += lines(&bytes[..=at]);
            self.place = Place::Ended;
            return at + END_OF_LINES.len();
        }
        self.count += lines(bytes);
        if let Some(newline) = memrchr(b'\n', bytes) {
            let line = &bytes[newline + 1..];
            self.place = if END.starts_with(line) { Place::LikeEnd(line.len()) } else { Place::Row };
        }
        bytes.len()
    }
}

fn lines(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}
