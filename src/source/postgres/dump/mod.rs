//! Reads along while a plain dump of `pg_dump` streams by: how many rows of which table, how many large objects, and
//! whether the dump is whole. A backup keeps the counts, a restore compares them.
//!
//! It reads the dump as psql does (`lexer`, `statement`, `copied_rows`), so that nothing that merely looks like a table's
//! rows or like the end, in a function's body, a name or a row, is taken for it. It never changes or holds back a byte,
//! and its memory does not grow with the dump.
//!
//! Bytes below 128 have to stand for themselves, as they do in every encoding that a server can have; SJIS, BIG5, GBK and
//! the like exist for clients only: `pg_dump` is asked for the encoding of the database. Rows written as `INSERT` are not counted.

mod copied_rows;
mod lexer;
mod statement;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use copied_rows::CopiedRows;
use lexer::{Event, Lexer};
use memchr::memchr;

use super::super::shown::shown;

/// What a whole dump holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    /// Rows by table, those without any too. A table is named as `pg_dump` spells it, `schema.table` with its quotes, in the
    /// encoding of the dump.
    pub(super) rows: BTreeMap<Vec<u8>, u64>,
    /// Large objects that the dump creates.
    pub(super) large_objects: u64,
}

/// Why a dump is not whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ScanError {
    /// It ends among the rows of a table.
    #[error("the dump was cut short after {rows} rows of table {table}")]
    CutShortInTable {
        /// The table, as `pg_dump` spells it.
        table: String,
        /// Whole rows of it that were there.
        rows: u64,
    },
    /// It does not end as a dump does.
    #[error("the dump was cut short: it does not end with the line '-- PostgreSQL database dump complete'")]
    CutShort,
}

/// A dump that commands psql to do something. What pg_dump itself writes does not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it commands psql to do something ('\\{0}'), which no dump of pg_dump does: nothing of it is executed")]
pub(super) struct ForeignCommand(pub(super) String);

/// So much of a line for psql is looked at (bytes); pg_dump's own are shorter.
const LONGEST_LINE: usize = 200;

/// Scans one dump, piece by piece.
#[derive(Debug)]
pub(super) struct DumpScanner {
    lexer: Lexer,
    /// The table whose rows are being read. Otherwise it is statements, comments, lines for psql.
    rows_of: Option<(Vec<u8>, CopiedRows)>,
    scanned: Scanned,
    /// Of a line for psql, without its backslash.
    line: Vec<u8>,
}

impl DumpScanner {
    /// At the beginning of a dump.
    pub(super) fn new() -> Self {
        Self { lexer: Lexer::new(), rows_of: None, scanned: Scanned::default(), line: Vec::new() }
    }

    /// Takes the next bytes, cut anywhere.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let used = self.feed_some(bytes);
            bytes = &bytes[used..];
        }
    }

    /// As [`feed`](Self::feed), and makes spaces of the lines for psql: it must never be commanded by a dump, which may come
    /// from anywhere.
    ///
    /// # Errors
    /// [`ForeignCommand`] for another line than `\restrict` and `\unrestrict`, which pg_dump writes; it is blank too.
    pub(super) fn feed_for_psql(&mut self, bytes: &mut [u8]) -> Result<(), ForeignCommand> {
        let mut at = 0;
        while at < bytes.len() {
            if self.is_in_line_for_psql() {
                let newline = memchr(b'\n', &bytes[at..]).map(|newline| at + newline);
                let end = newline.unwrap_or(bytes.len());
                let room = LONGEST_LINE.saturating_sub(self.line.len());
                self.line.extend(bytes[at..end].iter().take(room));
                bytes[at..end].fill(b' ');
                let behind = newline.map_or(end, |newline| newline + 1);
                self.feed(&bytes[at..behind]);
                at = behind;
                if newline.is_some() {
                    require_own(&std::mem::take(&mut self.line))?;
                }
            } else {
                at += self.feed_some(&bytes[at..]);
                if self.is_in_line_for_psql() {
                    bytes[at - 1] = b' ';
                }
            }
        }
        Ok(())
    }

    fn is_in_line_for_psql(&self) -> bool {
        self.rows_of.is_none() && self.lexer.is_in_line_for_psql()
    }

    /// Takes some of `bytes`, up to the end of rows or to an event.
    fn feed_some(&mut self, bytes: &[u8]) -> usize {
        match &mut self.rows_of {
            None => self.feed_sql(bytes),
            Some((_, rows)) => {
                let used = rows.feed(bytes);
                if rows.has_ended() {
                    self.end_rows();
                }
                used
            }
        }
    }

    /// What the dump held, if that was all of it.
    ///
    /// # Errors
    /// [`ScanError`].
    pub(super) fn finish(mut self) -> Result<Scanned, ScanError> {
        match self.rows_of {
            Some((table, rows)) => Err(ScanError::CutShortInTable { table: shown(&table), rows: rows.count() }),
            None if self.lexer.ended_with_marker() => Ok(self.scanned),
            None => Err(ScanError::CutShort),
        }
    }

    fn feed_sql(&mut self, bytes: &[u8]) -> usize {
        let (used, event) = self.lexer.feed(bytes);
        match event {
            None | Some(Event::LineForPsql) => {}
            Some(Event::LargeObject) => self.scanned.large_objects += 1,
            Some(Event::RowsFollow(table)) => {
                self.rows_of = Some((table, CopiedRows::new()));
            }
        }
        used
    }

    fn end_rows(&mut self) {
        if let Some((table, rows)) = self.rows_of.take() {
            // Partitions may be dumped one by one into their root.
            *self.scanned.rows.entry(table).or_default() += rows.count();
        }
    }
}

/// Whether a line for psql, without its backslash, is one that pg_dump writes.
fn require_own(line: &[u8]) -> Result<(), ForeignCommand> {
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_ascii_whitespace();
    let is_command = words.next().is_some_and(|word| matches!(word, "restrict" | "unrestrict"));
    let is_token = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_command && words.next().is_some_and(is_token) && words.next().is_none() {
        return Ok(());
    }
    Err(ForeignCommand(line.trim_end().escape_debug().to_string()))
}
