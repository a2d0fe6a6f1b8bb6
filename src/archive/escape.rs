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

/// The beginning of a text that somebody else made up, for a message: what a message quotes must not be what fills the
/// log.
#[must_use]
pub fn excerpt(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 300;
    match text.char_indices().nth(LONGEST) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
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
    fn an_excerpt_is_short_and_whole_letters() {
        assert_eq!(excerpt("short"), "short");
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
