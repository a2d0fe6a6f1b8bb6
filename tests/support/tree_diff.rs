//! What differs between two trees, in words.

use super::tree_image::{Image, Kind, TreeImage};

/// Fails with every difference when `found` is not what `expected` is.
#[track_caller]
pub(crate) fn assert_same(expected: &TreeImage, found: &TreeImage) {
    let lines = differences(expected, found);
    assert!(lines.is_empty(), "the trees differ in {} places:\n{}", lines.len(), lines.join("\n"));
}

/// One line per difference, in the order of paths.
pub(crate) fn differences(expected: &TreeImage, found: &TreeImage) -> Vec<String> {
    let mut lines = Vec::new();
    for (path, expected) in &expected.entries {
        match found.entries.get(path) {
            Some(found) => compare(&shown(path), expected, found, &mut lines),
            None => lines.push(format!("{}: missing ({})", shown(path), word(&expected.kind))),
        }
    }
    for (path, extra) in found.entries.iter().filter(|(path, _)| !expected.entries.contains_key(*path)) {
        lines.push(format!("{}: not expected ({})", shown(path), word(&extra.kind)));
    }
    lines.sort();
    lines
}

fn compare(path: &str, expected: &Image, found: &Image, lines: &mut Vec<String>) {
    let mut differ = |what: &str, expected: String, found: String| {
        if expected != found {
            lines.push(format!("{path}: {what} is {found}, expected {expected}"));
        }
    };
    match (&expected.kind, &found.kind) {
        (Kind::File(expected), Kind::File(found)) => {
            differ("size", expected.size.to_string(), found.size.to_string());
            differ("content", format!("{:?}", expected.digest), format!("{:?}", found.digest));
            differ("the list of holes", format!("{:?}", expected.holes), format!("{:?}", found.holes));
        }
        (expected, found) => differ("kind", word(expected), word(found)),
    }
    differ("mode", format!("{:04o}", expected.mode), format!("{:04o}", found.mode));
    differ("owner", format!("{:?}", expected.owner), format!("{:?}", found.owner));
    differ("mtime", expected.mtime_ns.to_string(), found.mtime_ns.to_string());
    let link = |image: &Image| image.same_as.as_deref().map_or_else(|| "a single name".to_owned(), shown);
    differ("first name of the same file", link(expected), link(found));
    for name in expected.xattrs.keys().chain(found.xattrs.keys().filter(|name| !expected.xattrs.contains_key(*name))) {
        let value = |image: &Image| image.xattrs.get(name).map_or_else(|| "absent".to_owned(), |value| shown(value));
        differ(&format!("attribute {}", shown(name)), value(expected), value(found));
    }
}

fn word(kind: &Kind) -> String {
    match kind {
        Kind::File(_) => "a file".to_owned(),
        Kind::Symlink(target) => format!("a link to {}", shown(target)),
        other => format!("{other:?}"),
    }
}

fn shown(bytes: &[u8]) -> String {
    if bytes.is_empty() { ".".to_owned() } else { bytes.escape_ascii().to_string() }
}
