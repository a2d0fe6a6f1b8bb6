//! Cuts SQL into tokens by the rules of PostgreSQL's manual (4.1 "Lexical Structure") and psql's own for lines that begin
//! with a backslash, however the bytes were cut into pieces.

use memchr::{memchr, memchr2};

use super::statement::{Complete, LONGEST_WORD, Statement};

/// The comment with which a dump ends.
const END_MARKER: &[u8] = b"-- PostgreSQL database dump complete";

/// What a scan has to know of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A large object was created.
    LargeObject,
    /// The rows of this table begin with the next byte.
    RowsFollow(Vec<u8>),
    /// The last byte was the backslash of a line for psql.
    LineForPsql,
}

/// Where the lexer stands, and in what.
#[derive(Debug)]
pub(super) struct Lexer {
    within: Within,
    statement: Statement,
    /// The word, name, comment or dollar quote that is being read.
    text: Vec<u8>,
    /// Whether a backslash in a plain string is a character like any other.
    standard_strings: bool,
    /// The end marker was there, and no statement after it.
    marked: bool,
}

#[derive(Debug)]
enum Within {
    /// Between tokens.
    Nothing,
    Word,
    /// Behind a minus.
    Minus,
    /// Behind a slash.
    Slash,
    LineComment,
    BlockComment(Comment),
    /// A line for psql.
    MetaLine,
    QuotedName,
    /// A string in which a backslash takes the next character with it, or does not.
    String {
        escapes: bool,
    },
    /// Behind a backslash that does.
    Escaped,
    /// Behind a quote that ends the string, or is the first of two.
    Quote {
        escapes: bool,
    },
    /// Behind a dollar sign and what of a tag is in `text`.
    DollarTag,
    /// A string between `text` and `text`, of which so many bytes were just seen.
    DollarString {
        matched: usize,
    },
    /// Behind a `COPY`; its rows begin with the next line.
    RestOfLine,
}

#[derive(Clone, Copy, Debug)]
struct Comment {
    depth: u32,
    /// The last character, when it may be the first of a pair.
    last: u8,
}

impl Lexer {
    pub(super) fn new() -> Self {
        let statement = Statement::default();
        Self { within: Within::Nothing, statement, text: Vec::new(), standard_strings: true, marked: false }
    }

    /// Whether the end marker was there, with nothing behind it that a restore would execute.
    pub(super) fn ended_with_marker(&mut self) -> bool {
        if matches!(self.within, Within::LineComment) {
            self.end_line_comment();
        }
        self.marked && matches!(self.within, Within::Nothing | Within::MetaLine)
    }

    /// Whether it is behind the backslash of a line for psql, and not yet behind that line.
    pub(super) const fn is_in_line_for_psql(&self) -> bool {
        matches!(self.within, Within::MetaLine)
    }

    /// Memory held by what is being read (bytes).
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.text.capacity() + self.statement.held_bytes()
    }

    /// Takes bytes up to the first event, or all; returns how many.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> (usize, Option<Event>) {
        let mut used = 0;
        while used < bytes.len() {
            let (step, event) = self.step(&bytes[used..]);
            used += step;
            if event.is_some() {
                return (used, event);
            }
        }
        (used, None)
    }

    /// Takes some of `bytes`, or none and is within something else then.
    fn step(&mut self, bytes: &[u8]) -> (usize, Option<Event>) {
        let byte = bytes[0];
        let used = match self.within {
            Within::Nothing => return self.begin_token(byte),
            Within::Word => self.in_word(bytes),
            Within::Minus if byte == b'-' => {
                self.text.clear();
                self.text.extend_from_slice(b"--");
                self.go(Within::LineComment)
            }
            Within::Slash if byte == b'*' => self.go(Within::BlockComment(Comment { depth: 1, last: 0 })),
            Within::Minus => self.operator(b'-'),
            Within::Slash => self.operator(b'/'),
            Within::LineComment => self.in_line_comment(bytes),
            Within::BlockComment(comment) => self.in_block_comment(bytes, comment),
            Within::MetaLine => self.skip_past(b'\n', bytes, Within::Nothing),
            Within::QuotedName => self.in_quoted_name(bytes),
            Within::String { escapes } => self.in_string(bytes, escapes),
            Within::Escaped => self.go(Within::String { escapes: true }),
            Within::Quote { escapes } if byte == b'\'' => self.go(Within::String { escapes }),
            Within::Quote { .. } => {
                self.within = Within::Nothing;
                0
            }
            Within::DollarTag => self.in_dollar_tag(byte),
            Within::DollarString { matched } => self.in_dollar_string(bytes, matched),
            Within::RestOfLine => {
                let used = self.skip_past(b'\n', bytes, Within::Nothing);
                let event =
                    matches!(self.within, Within::Nothing).then(|| Event::RowsFollow(std::mem::take(&mut self.text)));
                return (used, event);
            }
        };
        (used, None)
    }

    fn begin_token(&mut self, byte: u8) -> (usize, Option<Event>) {
        let within = match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c' => Within::Nothing,
            b'-' => Within::Minus,
            b'/' => Within::Slash,
            b'\\' => return (self.go(Within::MetaLine), Some(Event::LineForPsql)),
            _ => return self.begin_statement_token(byte),
        };
        (self.go(within), None)
    }

    /// Whatever is neither space, comment nor for psql: a dump's end marker is not behind it.
    fn begin_statement_token(&mut self, byte: u8) -> (usize, Option<Event>) {
        self.marked = false;
        self.text.clear();
        let within = match byte {
            b';' => return (1, self.end_statement()),
            b'\'' => self.begin_string(!self.standard_strings),
            b'"' => {
                self.text.push(byte);
                Within::QuotedName
            }
            b'$' => {
                self.text.push(byte);
                Within::DollarTag
            }
            _ if continues_word(byte) => return (self.without_use(Within::Word), None),
            _ => {
                self.statement.character(byte);
                Within::Nothing
            }
        };
        (self.go(within), None)
    }

    fn end_statement(&mut self) -> Option<Event> {
        match self.statement.semicolon() {
            Some(Complete::Copy(table)) => {
                self.text = table;
                self.within = Within::RestOfLine;
                None
            }
            Some(Complete::LargeObject) => Some(Event::LargeObject),
            Some(Complete::StandardStrings(standard)) => {
                self.standard_strings = standard;
                None
            }
            Some(Complete::Other) | None => None,
        }
    }

    fn begin_string(&mut self, escapes: bool) -> Within {
        self.statement.string();
        Within::String { escapes }
    }

    /// A word goes on to the first character that cannot be in one; an `E` right before a string belongs to that.
    fn in_word(&mut self, bytes: &[u8]) -> usize {
        let length = bytes.iter().position(|&byte| !continues_word(byte)).unwrap_or(bytes.len());
        self.push_text(&bytes[..length]);
        let Some(&next) = bytes.get(length) else { return length };
        if next == b'\'' && self.text.eq_ignore_ascii_case(b"e") {
            self.within = self.begin_string(true);
            return length + 1;
        }
        self.statement.word(&self.text);
        self.within = Within::Nothing;
        length
    }

    fn operator(&mut self, character: u8) -> usize {
        self.marked = false;
        self.statement.character(character);
        self.without_use(Within::Nothing)
    }

    fn in_line_comment(&mut self, bytes: &[u8]) -> usize {
        let end = memchr(b'\n', bytes);
        // One byte more than the marker has is enough to tell it from another.
        let room = (END_MARKER.len() + 1).saturating_sub(self.text.len());
        let comment = &bytes[..end.unwrap_or(bytes.len())];
        self.push_text(&comment[..comment.len().min(room)]);
        let Some(end) = end else { return bytes.len() };
        self.end_line_comment();
        end + 1
    }

    fn end_line_comment(&mut self) {
        self.marked |= self.text == END_MARKER && self.statement.is_empty();
        self.within = Within::Nothing;
    }

    /// Block comments nest.
    fn in_block_comment(&mut self, bytes: &[u8], mut comment: Comment) -> usize {
        for (at, &byte) in bytes.iter().enumerate() {
            match (comment.last, byte) {
                (b'*', b'/') => comment = Comment { depth: comment.depth - 1, last: 0 },
                (b'/', b'*') => comment = Comment { depth: comment.depth.saturating_add(1), last: 0 },
                _ => comment.last = byte,
            }
            if comment.depth == 0 {
                self.within = Within::Nothing;
                return at + 1;
            }
        }
        self.within = Within::BlockComment(comment);
        bytes.len()
    }

    fn in_quoted_name(&mut self, bytes: &[u8]) -> usize {
        let end = memchr(b'"', bytes).map(|at| at + 1);
        let used = end.unwrap_or(bytes.len());
        self.push_text(&bytes[..used]);
        if end.is_some() {
            self.statement.quoted_name(&self.text);
            self.within = Within::Nothing;
        }
        used
    }

    fn in_string(&mut self, bytes: &[u8], escapes: bool) -> usize {
        let found = if escapes { memchr2(b'\'', b'\\', bytes) } else { memchr(b'\'', bytes) };
        let Some(at) = found else { return bytes.len() };
        self.within = if bytes[at] == b'\\' { Within::Escaped } else { Within::Quote { escapes } };
        at + 1
    }

    fn in_dollar_tag(&mut self, byte: u8) -> usize {
        let is_first = self.text.len() == 1;
        if byte == b'$' {
            self.push_text(b"$");
            self.statement.string();
            return self.go(Within::DollarString { matched: 0 });
        }
        if continues_word(byte) && !(is_first && byte.is_ascii_digit()) {
            self.push_text(&[byte]);
            return 1;
        }
        // A parameter, or an operator.
        self.statement.character(b'$');
        self.without_use(Within::Nothing)
    }

    /// A tag holds no dollar sign: so where the closing quote is not complete, another can only begin with the next one.
    fn in_dollar_string(&mut self, bytes: &[u8], mut matched: usize) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            if matched == 0 {
                let Some(dollar) = memchr(b'$', &bytes[at..]) else { break };
                at += dollar + 1;
                matched = 1;
            } else if bytes[at] == self.text[matched] {
                at += 1;
                matched += 1;
                if matched == self.text.len() {
                    self.within = Within::Nothing;
                    return at;
                }
            } else {
                matched = 0;
            }
        }
        self.within = Within::DollarString { matched };
        bytes.len()
    }

    fn skip_past(&mut self, byte: u8, bytes: &[u8], then: Within) -> usize {
        let Some(at) = memchr(byte, bytes) else { return bytes.len() };
        self.within = then;
        at + 1
    }

    fn push_text(&mut self, bytes: &[u8]) {
        let room = LONGEST_WORD - self.text.len().min(LONGEST_WORD);
        self.text.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Takes one byte.
    fn go(&mut self, within: Within) -> usize {
        self.within = within;
        1
    }

    /// Takes no byte: it belongs to what comes next.
    fn without_use(&mut self, within: Within) -> usize {
        self.within = within;
        0
    }
}

/// Letters, digits, underscores, dollar signs, and all that is not ASCII.
const fn continues_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}
