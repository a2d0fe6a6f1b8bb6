//! Decides which member paths may become names on this machine.

use crate::archive::EntryKind;

/// Longest name that Linux file systems take, in bytes.
const NAME_MAX: usize = 255;

/// Why `path` may not be extracted, or `None` if it may: relative, ending in `/` exactly for a directory, and made of
/// components that are neither empty nor `.` nor `..`, without a NUL and not too long. An empty path stands for the target.
pub(super) fn objection(path: &[u8], kind: &EntryKind) -> Option<&'static str> {
    let is_directory = *kind == EntryKind::Directory;
    if path.is_empty() {
        return (!is_directory).then_some("it would replace the target folder by something else");
    }
    let names = match path.strip_suffix(b"/") {
        Some(names) if is_directory => names,
        Some(_) => return Some("its path ends in a slash and it is no folder"),
        None if is_directory => return Some("it is a folder and its path does not end in a slash"),
        None => path,
    };
    names.split(|byte| *byte == b'/').find_map(component_objection)
}

/// As [`objection`], for the target of a hard link.
pub(super) fn link_objection(target: &[u8]) -> Option<&'static str> {
    target.split(|byte| *byte == b'/').find_map(component_objection)
}

fn component_objection(name: &[u8]) -> Option<&'static str> {
    match name {
        b"" => Some("its path has an empty part or begins with a slash"),
        b"." | b".." => Some("its path has a part '.' or '..'"),
        _ if name.contains(&0) => Some("its path holds a NUL byte"),
        _ if name.len() > NAME_MAX => Some("a part of its path is longer than 255 bytes"),
        _ => None,
    }
}

/// Splits a path without slash at the end into its directory (with the slash, or empty) and its name.
pub(in crate::source) fn split_name(path: &[u8]) -> (&[u8], &[u8]) {
    let start = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    path.split_at(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_are_let_through() {
        let file = EntryKind::Fifo;
        for good in ["a", "a/b", "a/...", "..a/b", "a b/\n"] {
            assert_eq!(objection(good.as_bytes(), &file), None, "{good}");
        }
        for bad in ["", "/", "/a", "a//b", ".", "..", "a/..", "../a", "a/./b", "a/", "a\0b", "/../a"] {
            assert!(objection(bad.as_bytes(), &file).is_some(), "{bad:?}");
        }
        assert!(objection(&[b'x'; 256], &file).is_some());
        assert_eq!(objection(b"a/", &EntryKind::Directory), None);
        assert_eq!(objection(b"", &EntryKind::Directory), None);
        for bad in ["a", "//", "../", "./", "a//"] {
            assert!(objection(bad.as_bytes(), &EntryKind::Directory).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn a_path_splits_behind_its_last_slash() {
        assert_eq!(split_name(b"a/b/c"), (b"a/b/".as_slice(), b"c".as_slice()));
        assert_eq!(split_name(b"c"), (b"".as_slice(), b"c".as_slice()));
    }
}
