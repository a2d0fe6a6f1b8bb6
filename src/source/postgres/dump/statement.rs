//! What a statement is, as far as a scan of a dump has to know: told its tokens one by one, it says at its end whether
//! rows follow, a large object was created, or the meaning of backslashes changed.

/// Names and words are far shorter (bytes); what is not a dump must not fill the memory.
pub(super) const LONGEST_WORD: usize = 64 * 1024;

/// What a complete statement was.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Complete {
    /// `COPY table … FROM stdin`, with the table as it was spelled.
    Copy(Vec<u8>),
    /// `SELECT pg_catalog.lo_create(…)`.
    LargeObject,
    /// `SET standard_conforming_strings`: whether a backslash in a plain string is a character like any other.
    StandardStrings(bool),
    /// Anything else.
    Other,
}

/// A statement of which some tokens are there.
#[derive(Debug, Default)]
pub(super) struct Statement {
    head: Head,
    /// Parentheses that are open: a semicolon in them, of a rule's actions, ends no statement.
    open: u32,
    /// Blocks that are open in a function's body that is SQL itself and no string. As above.
    blocks: u32,
    /// The table of a `COPY`.
    table: Vec<u8>,
}

/// How far the beginning of a statement was understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Head {
    #[default]
    Nothing,
    CopyTable,
    CopyColumns,
    CopyFrom,
    CopyFromStdin,
    Select,
    SelectCatalog,
    SelectCatalogDot,
    LoCreate,
    LoCreateCall,
    Set,
    SetStrings,
    SetStringsTo,
    SetStringsValue(bool),
    Create,
    CreateOr,
    CreateOrReplace,
    Function,
    /// The word before was `BEGIN`.
    FunctionBegin,
    Other,
}

impl Statement {
    /// Whether no token of it was there yet.
    pub(super) fn is_empty(&self) -> bool {
        self.head == Head::Nothing
    }

    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.table.capacity()
    }

    /// A keyword, a name without quotes, or a number.
    pub(super) fn word(&mut self, word: &[u8]) {
        let is = |keyword: &str| word.eq_ignore_ascii_case(keyword.as_bytes());
        self.head = match self.head {
            Head::Nothing if is("copy") => Head::CopyTable,
            Head::Nothing if is("select") => Head::Select,
            Head::Nothing if is("set") => Head::Set,
            Head::Nothing if is("create") => Head::Create,
            Head::CopyTable if is("from") => Head::CopyFrom,
            Head::CopyTable => {
                self.name_table(word);
                Head::CopyTable
            }
            Head::CopyColumns if self.open > 0 => Head::CopyColumns,
            Head::CopyColumns if is("from") => Head::CopyFrom,
            Head::CopyFrom if is("stdin") => Head::CopyFromStdin,
            Head::Select if is("pg_catalog") => Head::SelectCatalog,
            Head::SelectCatalogDot if is("lo_create") => Head::LoCreate,
            Head::LoCreateCall => Head::LoCreateCall,
            Head::Set if is("standard_conforming_strings") => Head::SetStrings,
            Head::SetStringsTo if is("on") => Head::SetStringsValue(true),
            Head::SetStringsTo if is("off") => Head::SetStringsValue(false),
            Head::Create if is("or") => Head::CreateOr,
            Head::CreateOr if is("replace") => Head::CreateOrReplace,
            Head::Create | Head::CreateOrReplace if is("function") || is("procedure") => Head::Function,
            Head::Function | Head::FunctionBegin => self.function_word(is),
            _ => Head::Other,
        };
    }

    /// A name in quotes, with them. Two quotes within make two names, one right behind the other.
    pub(super) fn quoted_name(&mut self, name: &[u8]) {
        match self.head {
            Head::CopyTable => self.name_table(name),
            _ => self.something(),
        }
    }

    /// A string, of whatever kind.
    pub(super) fn string(&mut self) {
        self.something();
    }

    /// Any other character.
    pub(super) fn character(&mut self, character: u8) {
        match (self.head, character) {
            (Head::CopyTable, b'(') if self.open == 0 && !self.table.is_empty() => self.head = Head::CopyColumns,
            (Head::CopyTable, b'.') => self.name_table(b"."),
            (Head::SelectCatalog, b'.') => self.head = Head::SelectCatalogDot,
            (Head::LoCreate, b'(') => self.head = Head::LoCreateCall,
            (Head::SetStrings, b'=') => self.head = Head::SetStringsTo,
            _ => self.something(),
        }
        match character {
            b'(' => self.open = self.open.saturating_add(1),
            b')' => self.open = self.open.saturating_sub(1),
            _ => {}
        }
    }

    /// A semicolon. `None` when it lies within the statement; otherwise the next one begins.
    pub(super) fn semicolon(&mut self) -> Option<Complete> {
        if self.open > 0 || self.blocks > 0 {
            self.something();
            return None;
        }
        let complete = match self.head {
            Head::CopyFromStdin => Complete::Copy(std::mem::take(&mut self.table)),
            Head::LoCreateCall => Complete::LargeObject,
            Head::SetStringsValue(standard) => Complete::StandardStrings(standard),
            _ => Complete::Other,
        };
        self.table.clear();
        self.head = Head::Nothing;
        Some(complete)
    }

    /// A token that only passes where anything does.
    fn something(&mut self) {
        self.head = match self.head {
            kept @ (Head::LoCreateCall | Head::Function) => kept,
            Head::FunctionBegin => Head::Function,
            Head::CopyColumns if self.open > 0 => Head::CopyColumns,
            _ => Head::Other,
        };
    }

    /// `BEGIN ATOMIC … END`, in which `CASE … END` may stand. Keywords of the kind are quoted where they are names, all
    /// but `begin` itself. What stands in parentheses comes in pairs.
    fn function_word(&mut self, is: impl Fn(&str) -> bool) -> Head {
        let after_begin = self.head == Head::FunctionBegin;
        if self.open == 0 {
            if is("begin") {
                return Head::FunctionBegin;
            }
            if is("atomic") && after_begin || is("case") && self.blocks > 0 {
                self.blocks += 1;
            } else if is("end") {
                self.blocks = self.blocks.saturating_sub(1);
            }
        }
        Head::Function
    }

    fn name_table(&mut self, part: &[u8]) {
        if self.table.len() + part.len() <= LONGEST_WORD {
            self.table.extend_from_slice(part);
        }
    }
}
