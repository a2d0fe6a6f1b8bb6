//! Bytes that may not be UTF-8, written as text: what is valid UTF-8 stays, any other byte and `%` become `%XX`.

use std::borrow::Cow;

/// The text form of `bytes`.
#[must_use]
pub fn escape(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(bytes)
        && !text.contains('%')
    {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(bytes.len() + 8);
    for run in bytes.utf8_chunks() {
        for character in run.valid().chars() {
            match character {
                '%' => escaped.push_str("%25"),
                _ => escaped.push(character),
            }
        }
        for byte in run.invalid() {
            escaped.push('%');
            escaped.push(hex_digit(byte >> 4));
            escaped.push(hex_digit(byte & 15));
        }
    }
    Cow::Owned(escaped)
}

/// The beginning of a text that somebody else made up, for a message: what a message quotes must neither fill the log nor
/// steer a terminal.
#[must_use]
pub fn excerpt(text: &str) -> String {
    const LONGEST: usize = 300;
    let mut letters = text.chars();
    let mut shown = visible(letters.by_ref().take(LONGEST));
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// `letters` with control characters as `\n`, `\u{1b}` and so on.
#[must_use]
pub fn visible(letters: impl Iterator<Item = char>) -> String {
    letters.fold(String::new(), |mut shown, letter| {
        match letter.is_control() {
            true => shown.extend(letter.escape_default()),
            false => shown.push(letter),
        }
        shown
    })
}

/// The bytes that `text` stands for; `None` when a `%` is not followed by two hexadecimal digits.
#[must_use]
pub fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let value = |digit: u8| char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok());
        bytes.push(value(digits[0])? << 4 | value(digits[1])?);
        rest = after;
    }
    Some(bytes)
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('0').to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            prop_assert_eq!(unescape(&escape(&bytes)).unwrap(), bytes);
        }
    }

    #[test]
    fn an_excerpt_is_short_of_whole_letters_and_steers_no_terminal() {
        assert_eq!(excerpt("short"), "short");
        assert_eq!(excerpt("\u{1b}[2J\n"), "\\u{1b}[2J\\n");
        assert_eq!(excerpt(&"ü".repeat(1000)).chars().count(), 301);
    }

    #[test]
    fn only_what_is_not_utf8_and_the_percent_sign_change() {
        assert_eq!(escape("Röntgen\n.dcm".as_bytes()), "Röntgen\n.dcm");
        assert_eq!(escape(b"100%\xff"), "100%25%FF");
        assert_eq!(unescape("%2"), None);
        assert_eq!(unescape("%zz"), None);
    }
}
