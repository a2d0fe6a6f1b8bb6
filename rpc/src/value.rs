//! Values that are numbers or bytes on the wire and text in documents: [`Time`] and [`Octets`].
//!
//! serde tells the two apart by `is_human_readable`: bincode is not, JSON is.

use std::fmt;

use jiff::Timestamp;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment: milliseconds since 1970-01-01T00:00:00Z. In documents RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Time {
    /// The same moment for calculating with; what no calendar can hold becomes the nearest that it can.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        let limit = if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Timestamp::from_millisecond(self.0).unwrap_or(limit)
    }

    /// Whole seconds from `self` to `now`, 0 when `self` lies in the future.
    #[must_use]
    pub const fn seconds_until(self, now: Self) -> u64 {
        let seconds = now.0.saturating_sub(self.0) / 1000;
        if seconds < 0 { 0 } else { seconds.unsigned_abs() }
    }
}

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(at.as_millisecond())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.timestamp(), f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse::<Timestamp>().map(Self::from).map_err(de::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

/// Bytes that need not be UTF-8: a path, a piece of a file. In documents text, with every byte that is not part of
/// UTF-8, and every `%`, as `%XX`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Octets(pub Vec<u8>);

impl Octets {
    /// The bytes of a path.
    #[must_use]
    pub fn from_path(path: &std::path::Path) -> Self {
        use std::os::unix::ffi::OsStrExt as _;
        Self(path.as_os_str().as_bytes().to_vec())
    }

    /// Reads back what [`fmt::Display`] wrote; a `%` that two hexadecimal digits do not follow stands for itself.
    #[must_use]
    pub fn from_escaped(text: &str) -> Self {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let Some((&first, tail)) = rest.split_first() {
            let pair = tail.get(..2).and_then(|pair| Some((hex_value(pair[0])?, hex_value(pair[1])?)));
            if let (b'%', Some((high, low))) = (first, pair) {
                bytes.push(high << 4 | low);
                rest = &tail[2..];
            } else {
                bytes.push(first);
                rest = tail;
            }
        }
        Self(bytes)
    }
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

impl fmt::Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if c == '%' { f.write_str("%25")? } else { f.write_char(c)? }
            }
            for byte in chunk.invalid() {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

impl From<Vec<u8>> for Octets {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_bytes(&self.0) }
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            Ok(Self::from_escaped(&String::deserialize(deserializer)?))
        } else {
            deserializer.deserialize_byte_buf(OctetsVisitor).map(Self)
        }
    }
}

struct OctetsVisitor;

impl<'de> Visitor<'de> for OctetsVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(bytes)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_time_is_rfc_3339_in_documents() {
        let time = Time(1_761_748_200_250);
        let text = serde_json::to_string(&time).expect("prints");
        assert_eq!(text, "\"2025-10-29T14:30:00.25Z\"");
        assert_eq!(serde_json::from_str::<Time>(&text).expect("parses"), time);
    }

    #[test]
    fn a_time_that_no_calendar_holds_is_clamped_and_does_not_panic() {
        assert_eq!(Time(i64::MAX).timestamp(), Timestamp::MAX);
        assert_eq!(Time(i64::MIN).timestamp(), Timestamp::MIN);
        assert_eq!(Time(i64::MIN).seconds_until(Time(i64::MAX)), i64::MAX.unsigned_abs() / 1000);
        assert_eq!(Time(5_000).seconds_until(Time(0)), 0);
    }

    #[test]
    fn octets_that_are_not_utf_8_are_percent_escaped_in_documents() {
        let path = Octets(b"/data/100%\xff/\xc3\xa4".to_vec());
        assert_eq!(path.to_string(), "/data/100%25%FF/\u{e4}");
    }

    proptest! {
        #[test]
        fn escaped_octets_read_back_as_they_were(bytes: Vec<u8>) {
            let octets = Octets(bytes);
            prop_assert_eq!(Octets::from_escaped(&octets.to_string()), octets);
        }
    }
}
