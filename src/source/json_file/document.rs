//! The text of a JSON document by byte ranges: members are found, never printed anew, so that everything that is not taken
//! out stays as it was, to the byte.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A member of an object, by where it stands in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Its key, unescaped.
    pub(super) key: String,
    /// Where the key's opening quote is.
    pub(super) start: usize,
    /// Its value.
    pub(super) value: Range<usize>,
}

/// Whether `bytes` are one JSON document, and its text.
pub(super) fn parse(bytes: &[u8]) -> Result<&str, serde_json::Error> {
    let whole: &RawValue = serde_json::from_slice(bytes)?;
    // What is outside of the value is white space, and the value was found to be UTF-8.
    Ok(str::from_utf8(bytes).unwrap_or_else(|_| whole.get()))
}

/// Where the document's value stands in its text, without the white space around it.
pub(super) fn root(text: &str) -> Range<usize> {
    let start = text.len() - text.trim_start_matches(WHITE_SPACE).len();
    start..text.trim_end_matches(WHITE_SPACE).len().max(start)
}

/// The white space of JSON (RFC 8259, section 2).
pub(super) const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// The members of the object at `range` of `text`, in order; `None` if there is no object.
pub(super) fn members(text: &str, range: &Range<usize>) -> Option<Vec<Member>> {
    let object = text.get(range.clone())?;
    if !object.starts_with('{') {
        return None;
    }
    let values = serde_json::Deserializer::from_str(object).deserialize_map(RawMembers).ok()?;
    let mut members = Vec::with_capacity(values.len());
    let mut end = range.start + 1;
    for (key, raw) in values {
        // Between the end of one value and the next key stand only white space and a comma.
        let start = end + text.get(end..)?.find('"')?;
        let value_start = raw.get().as_ptr().addr() - text.as_ptr().addr();
        end = value_start + raw.get().len();
        members.push(Member { key, start, value: value_start..end });
    }
    Some(members)
}

struct RawMembers;

impl<'de> Visitor<'de> for RawMembers {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

/// How a count of a document that is one list is named.
const ELEMENTS: &str = "elements";

/// The number of elements of each top-level collection; of a document that is a list, of that.
pub(super) fn counts(text: &str) -> BTreeMap<String, u64> {
    let range = root(text);
    let Some(members) = members(text, &range) else {
        return length(&text[range]).map(|count| (ELEMENTS.to_owned(), count)).into_iter().collect();
    };
    let mut counts = BTreeMap::new();
    for member in members {
        if let Some(count) = length(&text[member.value]) {
            *counts.entry(member.key).or_default() += count;
        }
    }
    counts
}

/// The number of elements of a list or of members of an object; `None` for anything else.
fn length(value: &str) -> Option<u64> {
    matches!(value.as_bytes().first(), Some(b'[' | b'{'))
        .then(|| serde_json::Deserializer::from_str(value).deserialize_any(Length).ok())
        .flatten()
}

struct Length;

impl<'de> Visitor<'de> for Length {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<u64, A::Error> {
        let mut count = 0;
        while list.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<u64, A::Error> {
        let mut count = 0;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_their_bytes_with_keys_unescaped() {
        let text = " {\n \"a\" : [1, \"}\"] ,\"b\\u0022\": {\"a\":2}, \"a\":null } ";
        let found = members(text, &root(text)).unwrap();
        let shown: Vec<_> =
            found.iter().map(|m| (m.key.as_str(), &text[m.start..=m.start], &text[m.value.clone()])).collect();
        assert_eq!(shown, [("a", "\"", "[1, \"}\"]"), ("b\"", "\"", "{\"a\":2}"), ("a", "\"", "null")]);
        assert_eq!(members("[1]", &(0..3)), None);
    }

    #[test]
    fn top_level_collections_are_counted_and_scalars_are_not() {
        let counts_of = |text| counts(text).into_iter().collect::<Vec<_>>();
        assert_eq!(
            counts_of(r#"{"patients":[1,[2,3],{}],"settings":{"a":1,"b":[]},"version":3,"empty":[]}"#),
            [("empty".to_owned(), 0), ("patients".to_owned(), 3), ("settings".to_owned(), 2)]
        );
        assert_eq!(counts_of("[1,2]"), [("elements".to_owned(), 2)]);
        assert_eq!(counts_of(" 5 "), []);
    }

    #[test]
    fn nesting_however_deep_is_no_danger() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        assert!(parse(deep.as_bytes()).is_ok());
        assert_eq!(counts(&deep).into_iter().collect::<Vec<_>>(), [("a".to_owned(), 1)]);
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        let error = parse(b"{\"a\": 1,\n\"b\": }").unwrap_err();
        assert_eq!((error.line(), error.column()), (2, 6));
        for bad in [&b""[..], b"{", b"[1,]", b"{} {}", b"\xff", b"\"\xff\"", b"\xef\xbb\xbf{}"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
