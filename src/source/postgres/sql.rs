//! Names and texts as parts of SQL, quoted so that no character in them can end them
//! (<https://www.postgresql.org/docs/current/sql-syntax-lexical.html>).

use std::fmt;

/// A name, in double quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identifier<'a>(pub(super) &'a str);

/// A text, in single quotes; with backslashes in the form that means the same whatever `standard_conforming_strings` is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Literal<'a>(pub(super) &'a str);

impl fmt::Display for Identifier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('"', "\"\""))
    }
}

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = self.0.replace('\'', "''");
        if quoted.contains('\\') { write!(f, "E'{}'", quoted.replace('\\', "\\\\")) } else { write!(f, "'{quoted}'") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_quote_ends_a_name_or_a_text() {
        assert_eq!(Identifier(r#"a"; DROP"#).to_string(), r#""a""; DROP""#);
        assert_eq!(Literal("it's").to_string(), "'it''s'");
        assert_eq!(Literal(r"a\'b").to_string(), r"E'a\\''b'");
    }
}
