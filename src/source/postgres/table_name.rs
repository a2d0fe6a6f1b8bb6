//! What a table is called: as pg_dump spells it, as a backup's counts name it, and as the server is asked about it.
//!
//! A name is bytes. Only in a database of the encoding SQL_ASCII, in which the server knows of no encoding, are they
//! perhaps no UTF-8; there two names must not become one by replacing what cannot be shown.

use std::fmt;

use serde::{Deserialize, Deserializer};

use super::sql::Identifier;

/// Begins the key of a count whose table's name is not UTF-8: what follows has `\xNN` for each byte that is none, and
/// `\\` for a backslash. No table as pg_dump spells it begins so, for outside of quotes it has no space.
const BYTES: &str = "bytes ";

/// A schema and a table in it, without quotes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct TableName {
    #[serde(deserialize_with = "from_hex")]
    schema: Vec<u8>,
    #[serde(deserialize_with = "from_hex")]
    name: Vec<u8>,
}

impl TableName {
    /// From the key of a count; `None` for a count of something else, which is called by words.
    pub(super) fn of_key(key: &str) -> Option<Self> {
        match key.strip_prefix(BYTES) {
            Some(escaped) => Self::parse(&unescape(escaped)?),
            None => Self::parse(key.as_bytes()),
        }
    }

    /// From `schema.table` as pg_dump spells it, in quotes where they are needed.
    fn parse(spelt: &[u8]) -> Option<Self> {
        let (schema, rest) = name_in(spelt)?;
        let (name, rest) = name_in(rest.strip_prefix(b".")?)?;
        rest.is_empty().then_some(Self { schema, name })
    }

    /// Whether a byte of it was replaced when it was written down, as was done once: then nobody can say which table it is.
    pub(super) fn was_replaced(&self) -> bool {
        let has = |name: &[u8]| str::from_utf8(name).is_ok_and(|name| name.contains(char::REPLACEMENT_CHARACTER));
        has(&self.schema) || has(&self.name)
    }
}

/// For messages.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [schema, name] = [&self.schema, &self.name].map(|name| super::super::shown::shown(name));
        write!(f, "{}.{}", Identifier(&schema), Identifier(&name))
    }
}

/// The key under which the rows of a table are counted, of its name as pg_dump spells it.
pub(super) fn key_of(spelt: &[u8]) -> String {
    match str::from_utf8(spelt) {
        Ok(text) => text.to_owned(),
        Err(_) => format!("{BYTES}{}", escape(spelt)),
    }
}

fn escape(bytes: &[u8]) -> String {
    let mut escaped = String::new();
    for chunk in bytes.utf8_chunks() {
        escaped.push_str(&chunk.valid().replace('\\', "\\\\"));
        escaped.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    escaped
}

fn unescape(escaped: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut parts = escaped.split('\\');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    while let Some(part) = parts.next() {
        if part.is_empty() {
            // Two in a row are one.
            bytes.push(b'\\');
            bytes.extend_from_slice(parts.next()?.as_bytes());
        } else {
            let digits = part.strip_prefix('x')?.get(..2)?;
            bytes.extend(unhex(digits)?);
            bytes.extend_from_slice(&part.as_bytes()[1 + digits.len()..]);
        }
    }
    Some(bytes)
}

fn name_in(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| *byte == b'.').unwrap_or(text.len());
        // A count of something else is called by words.
        let is_name = end > 0 && !text[..end].iter().any(|byte| byte.is_ascii_whitespace() || *byte == b'"');
        return is_name.then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut name = Vec::new();
    let mut rest = quoted;
    loop {
        let end = memchr::memchr(b'"', rest)?;
        name.extend_from_slice(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix(b"\"") {
            Some(behind) => {
                name.push(b'"');
                rest = behind;
            }
            None => return Some((name, rest)),
        }
    }
}

/// Two hexadecimal digits for each byte.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes that [`hex`] wrote.
pub(super) fn unhex(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digits.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// The server tells names so, because JSON could not hold every one.
fn from_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let digits = String::deserialize(deserializer)?;
    unhex(&digits).ok_or_else(|| serde::de::Error::custom("not hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_understood_as_pg_dump_spells_them() {
        let table = |schema: &str, name: &str| {
            Some(TableName { schema: schema.as_bytes().to_vec(), name: name.as_bytes().to_vec() })
        };
        assert_eq!(TableName::of_key("public.patients"), table("public", "patients"));
        assert_eq!(TableName::of_key(r#""odd.schema"."a ""b""""#), table("odd.schema", r#"a "b""#));
        assert_eq!(TableName::of_key("public.\"täb\""), table("public", "täb"));
        for other in ["large objects", "patients", "public.", ".a", "\"a.b", "a.b.c", "a.\"b\"c", "", "bytes a"] {
            assert_eq!(TableName::of_key(other), None, "{other}");
        }
    }

    #[test]
    fn names_that_are_no_utf_8_stay_apart_and_come_back_as_they_were() {
        for name in
            [&b"public.\"t\xe4b\""[..], b"public.\"t\xe5b\"", b"\"a\\\xff\\\\x41\".\"\xc3\xa4\xfe\"", b"public.tab"]
        {
            let key = key_of(name);
            assert_eq!(TableName::of_key(&key), TableName::parse(name), "{key}");
            assert!(TableName::of_key(&key).is_some_and(|table| !table.was_replaced()), "{key}");
        }
        assert_eq!(key_of(b"public.\"t\xe4b\""), r#"bytes public."t\xe4b""#);
        assert_ne!(key_of(b"public.\"t\xe4b\""), key_of(b"public.\"t\xe5b\""));
        assert!(TableName::of_key("public.\"t\u{fffd}b\"").unwrap().was_replaced());
        for bad in ["bytes a.\\", "bytes a.\\x4", "bytes a.\\y41", "bytes a.\\x+1"] {
            assert_eq!(TableName::of_key(bad), None, "{bad}");
        }
    }
}
