//! One line of `manifest.jsonl`.
//!
//! A reader distrusts it: a path that could lead out of a target folder, a kind that its path contradicts, or lengths
//! that do not add up make the line a [`BadLine`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{ChunkRef, Content, Entry, EntryKind, Meta, Mtime, Segment};
use crate::archive::escape::{escape, excerpt, unescape};
use crate::model::Sha256;

/// Longest path that is accepted (bytes): far above PATH_MAX, far below what could hurt.
const LONGEST_PATH: usize = 64 * 1024;

/// Why a line of a manifest is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bad manifest line: {}", excerpt(.0))]
pub struct BadLine(pub(super) String);

/// The JSON of a line. Optional fields are left out, so that the usual line is short.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow)]
    path: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    mode: Cow<'a, str>,
    uid: u32,
    gid: u32,
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    user: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    group: Cow<'a, str>,
    #[serde(borrow)]
    mtime: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<Sha256>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    chunks: Vec<(Sha256, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sparse: Option<Vec<(u64, u64)>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    target: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<(u32, u32)>,
    #[serde(borrow, default, skip_serializing_if = "BTreeMap::is_empty")]
    xattrs: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
}

fn is_empty(text: &str) -> bool {
    text.is_empty()
}

impl Entry {
    /// Appends the line, with its line end.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        let meta = &self.meta;
        let mut line = Line {
            path: escape(&self.path),
            kind: Cow::Borrowed(""),
            mode: format!("{:04o}", meta.mode).into(),
            uid: meta.uid,
            gid: meta.gid,
            user: Cow::Borrowed(&meta.user),
            group: Cow::Borrowed(&meta.group),
            mtime: meta.mtime.to_string().into(),
            size: None,
            sha256: None,
            chunks: Vec::new(),
            sparse: None,
            target: None,
            device: None,
            xattrs: meta.xattrs.iter().map(|(name, value)| (escape(name), escape(value))).collect(),
        };
        let kind = match &self.kind {
            EntryKind::File(content) => {
                line.size = Some(content.size);
                line.sha256 = Some(content.sha256);
                line.chunks = written_chunks(content);
                line.sparse = content.sparse.as_ref().map(|s| s.iter().map(|s| (s.offset, s.length)).collect());
                "file"
            }
            EntryKind::Directory => "directory",
            EntryKind::Symlink(target) => {
                line.target = Some(escape(target));
                "symlink"
            }
            EntryKind::Hardlink(target) => {
                line.target = Some(escape(target));
                "hardlink"
            }
            EntryKind::Fifo => "fifo",
            EntryKind::CharDevice(major, minor) => {
                line.device = Some((*major, *minor));
                "char-device"
            }
            EntryKind::BlockDevice(major, minor) => {
                line.device = Some((*major, *minor));
                "block-device"
            }
        };
        line.kind = Cow::Borrowed(kind);
        // Serializing strings and numbers into memory has no way to fail.
        if serde_json::to_writer(&mut *out, &line).is_ok() {
            out.push(b'\n');
        }
    }

    /// Reads one line, without its line end.
    ///
    /// # Errors
    /// [`BadLine`] with the reason.
    pub fn parse_line(line: &[u8]) -> Result<Self, BadLine> {
        let line: Line<'_> = serde_json::from_slice(line).map_err(|error| BadLine(error.to_string()))?;
        let path = unescape_or_bad("path", &line.path)?;
        let kind = kind_of(&line)?;
        check_path(&path, &kind)?;
        let mode = u32::from_str_radix(&line.mode, 8).ok().filter(|mode| *mode <= 0o7777);
        let meta = Meta {
            mode: mode.ok_or_else(|| BadLine(format!("mode '{}'", line.mode)))?,
            uid: line.uid,
            gid: line.gid,
            user: line.user.into_owned(),
            group: line.group.into_owned(),
            mtime: line.mtime.parse()?,
            xattrs: line
                .xattrs
                .iter()
                .map(|(name, value)| Ok((unescape_or_bad("xattr", name)?, unescape_or_bad("xattr", value)?)))
                .collect::<Result<_, BadLine>>()?,
        };
        Ok(Self { path, meta, kind })
    }
}

/// Chunks are left out where they say nothing new: no content, or one chunk named by the content's own SHA-256.
fn written_chunks(content: &Content) -> Vec<(Sha256, u32)> {
    match content.chunks[..] {
        [only] if only.id == content.sha256 => Vec::new(),
        _ => content.chunks.iter().map(|chunk| (chunk.id, chunk.length)).collect(),
    }
}

fn kind_of(line: &Line<'_>) -> Result<EntryKind, BadLine> {
    let target = || {
        let text = line.target.as_ref().ok_or_else(|| BadLine("a link without a target".to_owned()))?;
        unescape_or_bad("target", text)
    };
    let device = || line.device.ok_or_else(|| BadLine("a device without numbers".to_owned()));
    Ok(match &*line.kind {
        "file" => EntryKind::File(content_of(line)?),
        "directory" => EntryKind::Directory,
        "symlink" => EntryKind::Symlink(target()?),
        "hardlink" => {
            let target = target()?;
            check_components(&target)?;
            EntryKind::Hardlink(target)
        }
        "fifo" => EntryKind::Fifo,
        "char-device" => device().map(|(major, minor)| EntryKind::CharDevice(major, minor))?,
        "block-device" => device().map(|(major, minor)| EntryKind::BlockDevice(major, minor))?,
        other => return Err(BadLine(format!("kind '{other}' is unknown"))),
    })
}

fn content_of(line: &Line<'_>) -> Result<Content, BadLine> {
    let (Some(size), Some(sha256)) = (line.size, line.sha256) else {
        return Err(BadLine("a file without size and sha256".to_owned()));
    };
    let sparse: Option<Vec<Segment>> =
        line.sparse.as_ref().map(|list| list.iter().map(|&(offset, length)| Segment { offset, length }).collect());
    let stored = match &sparse {
        None => size,
        Some(segments) => sum_of_segments(segments, size)?,
    };
    let chunks: Vec<ChunkRef> = match (&line.chunks[..], stored) {
        ([], 0) => Vec::new(),
        ([], _) => {
            let length = u32::try_from(stored).map_err(|_| BadLine("a chunk of absurd length".to_owned()))?;
            vec![ChunkRef { id: sha256, length }]
        }
        (listed, _) => listed.iter().map(|&(id, length)| ChunkRef { id, length }).collect(),
    };
    let sum: u64 = chunks.iter().map(|chunk| u64::from(chunk.length)).sum();
    if sum != stored {
        return Err(BadLine(format!("its chunks hold {sum} bytes, its content {stored}")));
    }
    Ok(Content { size, sha256, chunks, sparse })
}

fn sum_of_segments(segments: &[Segment], size: u64) -> Result<u64, BadLine> {
    let mut sum = 0_u64;
    let mut end = 0_u64;
    for segment in segments {
        let next = segment.offset.checked_add(segment.length).filter(|next| segment.offset >= end && *next <= size);
        end = next
            .filter(|_| segment.length > 0)
            .ok_or_else(|| BadLine("the segments of a sparse file overlap, are empty or pass its end".to_owned()))?;
        sum += segment.length;
    }
    Ok(sum)
}

fn check_path(path: &[u8], kind: &EntryKind) -> Result<(), BadLine> {
    let directory = matches!(kind, EntryKind::Directory);
    match path.strip_suffix(b"/") {
        Some(inner) if directory => check_components(inner),
        None if !directory => check_components(path),
        _ => Err(BadLine("exactly the paths of directories end in '/'".to_owned())),
    }
}

/// Only what stays below the folder it is put into: no absolute path, no `..`, no empty part, no NUL.
fn check_components(path: &[u8]) -> Result<(), BadLine> {
    let unsafe_part = |part: &[u8]| part.is_empty() || part == b"." || part == b".." || part.contains(&0);
    if path.len() > LONGEST_PATH || path.split(|&b| b == b'/').any(unsafe_part) {
        return Err(BadLine(format!("path '{}' is not a plain relative path", escape(&path[..path.len().min(200)]))));
    }
    Ok(())
}

fn unescape_or_bad(what: &str, text: &str) -> Result<Vec<u8>, BadLine> {
    unescape(text).ok_or_else(|| BadLine(format!("{what} '{text}' is not escaped properly")))
}

impl std::fmt::Display for Mtime {
    /// Seconds with nine decimals; the fraction always counts forwards from the whole seconds below it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:09}", self.seconds, self.nanoseconds)
    }
}

impl FromStr for Mtime {
    type Err = BadLine;
    fn from_str(text: &str) -> Result<Self, BadLine> {
        let parse = || {
            let (seconds, nanoseconds) = text.split_once('.')?;
            let nanoseconds = nanoseconds.parse().ok().filter(|_| nanoseconds.len() == 9)?;
            Some(Self { seconds: seconds.parse().ok()?, nanoseconds })
        };
        parse().ok_or_else(|| BadLine(format!("mtime '{text}'")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn paths() -> impl Strategy<Value = Vec<u8>> {
        let part = prop::collection::vec(any::<u8>().prop_filter("a part's byte", |b| *b != 0 && *b != b'/'), 1..20)
            .prop_filter("a part", |part| part != b"." && part != b"..");
        prop::collection::vec(part, 1..5).prop_map(|parts| parts.join(&b'/'))
    }

    fn contents() -> impl Strategy<Value = Content> {
        let chunks = prop::collection::vec((any::<[u8; 32]>(), 1_u32..1_000_000), 0..5);
        (any::<[u8; 32]>(), chunks, any::<bool>()).prop_map(|(sha256, chunks, sparse)| {
            let chunks: Vec<ChunkRef> =
                chunks.into_iter().map(|(id, length)| ChunkRef { id: Sha256(id), length }).collect();
            let length = chunks.iter().map(|c| u64::from(c.length)).sum();
            let sha256 = if chunks.len() == 1 { chunks[0].id } else { Sha256(sha256) };
            match sparse {
                false => Content { size: length, sha256, chunks, sparse: None },
                true => {
                    let segments = (length > 0).then_some(Segment { offset: 4096, length });
                    let sparse = Some(segments.into_iter().collect());
                    Content { size: length + 10_000, sha256, chunks, sparse }
                }
            }
        })
    }

    fn kinds() -> impl Strategy<Value = EntryKind> {
        prop_oneof![
            contents().prop_map(EntryKind::File),
            Just(EntryKind::Directory),
            prop::collection::vec(any::<u8>(), 0..50).prop_map(EntryKind::Symlink),
            paths().prop_map(EntryKind::Hardlink),
            Just(EntryKind::Fifo),
            (any::<u32>(), any::<u32>()).prop_map(|(a, b)| EntryKind::CharDevice(a, b)),
            (any::<u32>(), any::<u32>()).prop_map(|(a, b)| EntryKind::BlockDevice(a, b)),
        ]
    }

    fn metas() -> impl Strategy<Value = Meta> {
        let xattrs = prop::collection::btree_map(
            prop::collection::vec(any::<u8>(), 1..20),
            prop::collection::vec(any::<u8>(), 0..40),
            0..3,
        );
        ((0_u32..0o10000, any::<u32>(), any::<u32>(), ".{0,9}", ".{0,9}"), any::<i64>(), 0_u32..1_000_000_000, xattrs)
            .prop_map(|((mode, uid, gid, user, group), seconds, nanoseconds, xattrs)| {
                let mtime = Mtime { seconds, nanoseconds };
                Meta { mode, uid, gid, user, group, mtime, xattrs }
            })
    }

    proptest! {
        #[test]
        fn a_line_says_everything_about_its_entry(mut path in paths(), meta in metas(), kind in kinds()) {
            if kind == EntryKind::Directory {
                path.push(b'/');
            }
            let entry = Entry { path, meta, kind };
            let mut line = Vec::new();
            entry.write_line(&mut line);
            prop_assert_eq!(line.pop(), Some(b'\n'));
            prop_assert!(!line.contains(&b'\n'));
            prop_assert_eq!(Entry::parse_line(&line).unwrap(), entry);
        }

        #[test]
        fn garbage_is_an_error_and_no_panic(line in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Entry::parse_line(&line).is_err());
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for path in ["/etc/passwd", "a/../b", "..", "a//b", "./a", "a/.", "", "a\\u0000b", "a%00", "a%"] {
            let line =
                format!(r#"{{"path":"{path}","kind":"fifo","mode":"0644","uid":0,"gid":0,"mtime":"0.000000000"}}"#);
            assert!(Entry::parse_line(line.as_bytes()).is_err(), "{path}");
        }
    }

    #[test]
    fn lengths_that_do_not_add_up_are_refused() {
        let zeros = "0".repeat(64);
        for rest in [
            format!(r#""size":5,"sha256":"{zeros}","chunks":[["{zeros}",4]]"#),
            format!(r#""size":99999999999,"sha256":"{zeros}""#),
            format!(r#""size":10,"sha256":"{zeros}","sparse":[[8,4]]"#),
            format!(r#""size":10,"sha256":"{zeros}","sparse":[[4,4],[2,2]]"#),
            format!(r#""size":10,"sha256":"{zeros}","sparse":[[4,4],[9,0]]"#),
            format!(r#""size":10,"sha256":"{zeros}","sparse":[[18446744073709551615,4]]"#),
            r#""size":10"#.to_owned(),
        ] {
            let line =
                format!(r#"{{"path":"a","kind":"file","mode":"0644","uid":0,"gid":0,"mtime":"0.000000000",{rest}}}"#);
            assert!(Entry::parse_line(line.as_bytes()).is_err(), "{rest}");
        }
    }
}
