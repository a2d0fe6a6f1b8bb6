//! A look at a line of the manifest without taking it apart: for who decides over a million of them what to do with each,
//! and hands most on as they are.
//!
//! It does not check all that [`Entry::parse_line`] does. Nothing of it may decide what is written where.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::BadLine;
use crate::archive::escape::unescape;

/// Of which kind a line is, without what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutlineKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Another name of an earlier member.
    Hardlink,
    /// A named pipe.
    Fifo,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

/// What a line says of an entry, as far as it can be had without much work.
#[derive(Debug, PartialEq, Eq)]
pub struct Outline<'a> {
    /// Raw bytes of the member path.
    pub path: Cow<'a, [u8]>,
    /// What it is.
    pub kind: OutlineKind,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Owner's name, empty when the system knew none.
    pub user: Cow<'a, str>,
    /// Group's name, empty when the system knew none.
    pub group: Cow<'a, str>,
    /// Bytes of content of a file, with its holes; 0 for anything else.
    pub size: u64,
    /// Bytes of content of a file, without its holes; 0 for anything else.
    pub stored_bytes: u64,
    /// Of a hard link, the earlier path; of a symbolic link what it says. Empty for anything else.
    pub target: Cow<'a, [u8]>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    path: Cow<'a, str>,
    kind: OutlineKind,
    #[serde(borrow)]
    mode: Cow<'a, str>,
    uid: u32,
    gid: u32,
    #[serde(borrow, default)]
    user: Cow<'a, str>,
    #[serde(borrow, default)]
    group: Cow<'a, str>,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    sparse: Option<Vec<(IgnoredAny, u64)>>,
    #[serde(borrow, default)]
    target: Cow<'a, str>,
}

impl<'a> Outline<'a> {
    /// Looks at one line, without its line end.
    ///
    /// # Errors
    /// [`BadLine`] with the reason.
    pub fn parse(line: &'a [u8]) -> Result<Self, BadLine> {
        let line: Line<'a> = serde_json::from_slice(line).map_err(|error| BadLine(error.to_string()))?;
        let stored_bytes = line
            .sparse
            .map_or(line.size, |runs| runs.iter().fold(0_u64, |sum, (_, length)| sum.saturating_add(*length)));
        let mode = u32::from_str_radix(&line.mode, 8).map_err(|_| BadLine(format!("mode '{}'", line.mode)))?;
        Ok(Self {
            path: raw("path", line.path)?,
            kind: line.kind,
            mode,
            uid: line.uid,
            gid: line.gid,
            user: line.user,
            group: line.group,
            size: line.size,
            stored_bytes,
            target: raw("target", line.target)?,
        })
    }
}

fn raw<'a>(what: &str, text: Cow<'a, str>) -> Result<Cow<'a, [u8]>, BadLine> {
    if memchr::memchr(b'%', text.as_bytes()).is_some() {
        let bytes = unescape(&text).ok_or_else(|| BadLine(format!("{what} '{text}' is not escaped properly")))?;
        return Ok(Cow::Owned(bytes));
    }
    Ok(match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{ChunkRef, Content, Entry, EntryKind, Meta, Segment};
    use crate::model::Sha256;

    #[test]
    fn an_outline_says_what_the_whole_line_says() {
        let content = |sparse: Option<Vec<Segment>>| Content {
            size: 900,
            sha256: Sha256([7; 32]),
            chunks: vec![
                ChunkRef { id: Sha256([1; 32]), length: 300 },
                ChunkRef { id: Sha256([2; 32]), length: if sparse.is_some() { 100 } else { 600 } },
            ],
            sparse,
        };
        let runs = vec![Segment { offset: 0, length: 300 }, Segment { offset: 500, length: 100 }];
        let meta = Meta { mode: 0o4755, uid: 7, gid: 8, user: "us\"er".into(), ..Meta::default() };
        for (kind, expected) in [
            (EntryKind::File(content(None)), OutlineKind::File),
            (EntryKind::File(content(Some(runs))), OutlineKind::File),
            (EntryKind::Symlink(b"to \xff %".to_vec()), OutlineKind::Symlink),
            (EntryKind::Hardlink(b"first".to_vec()), OutlineKind::Hardlink),
            (EntryKind::Fifo, OutlineKind::Fifo),
            (EntryKind::CharDevice(1, 2), OutlineKind::CharDevice),
            (EntryKind::BlockDevice(1, 2), OutlineKind::BlockDevice),
        ] {
            let entry = Entry { path: b"not utf8 \xff, 100%\n".to_vec(), meta: meta.clone(), kind };
            let mut line = Vec::new();
            entry.write_line(&mut line);
            let outline = Outline::parse(line.trim_ascii_end()).unwrap();
            assert_eq!((&*outline.path, outline.kind), (&*entry.path, expected));
            assert_eq!((outline.mode, outline.uid, outline.gid), (0o4755, 7, 8));
            assert_eq!((&*outline.user, &*outline.group), ("us\"er", ""));
            let size = entry.content().map_or(0, |content| content.size);
            assert_eq!((outline.size, outline.stored_bytes), (size, entry.content().map_or(0, Content::stored_bytes)));
            if let EntryKind::Symlink(target) | EntryKind::Hardlink(target) = &entry.kind {
                assert_eq!(*outline.target, **target);
            }
        }
    }

    #[test]
    fn what_is_no_line_has_no_outline() {
        for line in ["", "{}", "[]", "{\"path\":\"a\",\"kind\":\"door\",\"mode\":\"0\",\"uid\":0,\"gid\":0}"] {
            assert!(Outline::parse(line.as_bytes()).is_err(), "{line}");
        }
    }
}
