//! Names that come from a disk or an archive, made safe to print: control characters and bytes that are not UTF-8 escaped.

use std::fmt::{self, Write as _};

/// Prints raw bytes of a path.
pub(super) struct Shown<'a>(pub(super) &'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.utf8_chunks() {
            for c in part.valid().chars() {
                if c.is_control() { write!(f, "{}", c.escape_default())? } else { f.write_char(c)? }
            }
            for byte in part.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// `path` as a printable text.
#[must_use]
pub fn shown(path: &[u8]) -> String {
    Shown(path).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_stay_and_what_could_steer_a_terminal_is_escaped() {
        assert_eq!(shown("studies/Müller".as_bytes()), "studies/Müller");
        assert_eq!(shown(b"a\nb\x1b[2J\xff"), "a\\nb\\u{1b}[2J\\xff");
    }
}
