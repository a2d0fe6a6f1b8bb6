//! Where file systems are mounted: an exchange of names cannot take a mount along.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use super::super::error::SourceError;

const MOUNTINFO: &str = "/proc/thread-self/mountinfo";

/// Whether `root` is a mount point, and the mount points below it. `root` is resolved first: the kernel lists real paths.
pub(in crate::source) fn at_and_below(root: &Path) -> Result<(bool, Vec<PathBuf>), SourceError> {
    let failed = |doing, path: &Path| {
        let path = path.to_owned();
        move |error| SourceError::Io { doing, path, error }
    };
    let root = match std::fs::canonicalize(root) {
        Ok(root) => root,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((false, Vec::new())),
        Err(error) => return Err(failed("resolving", root)(error)),
    };
    let table = std::fs::read(MOUNTINFO).map_err(failed("reading", Path::new(MOUNTINFO)))?;
    let (at, mut below): (Vec<_>, Vec<_>) =
        mount_points(&table).filter(|point| point.starts_with(&root)).partition(|point| *point == root);
    below.sort();
    below.dedup();
    Ok((!at.is_empty(), below))
}

/// The mount points of a mountinfo table: the fifth field of each line (proc_pid_mountinfo(5)).
fn mount_points(table: &[u8]) -> impl Iterator<Item = PathBuf> + '_ {
    table
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4))
        .map(|field| PathBuf::from(OsString::from_vec(unescape(field))))
}

/// Space, tab, newline and backslash are written as a backslash and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, behind)) = rest.split_first() {
        let octal = (byte == b'\\').then(|| behind.get(..3)).flatten().and_then(octal_byte);
        match octal {
            Some(escaped) => {
                plain.push(escaped);
                rest = &behind[3..];
            }
            None => {
                plain.push(byte);
                rest = behind;
            }
        }
    }
    plain
}

fn octal_byte(digits: &[u8]) -> Option<u8> {
    let digits = str::from_utf8(digits).ok()?;
    u8::from_str_radix(digits, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_the_fifth_field_with_octal_escapes_resolved() {
        let table = b"36 35 98:0 /mnt1 /data/studies rw,noatime master:1 - ext3 /dev/root rw\n\
            37 35 98:0 / /data/with\\040space\\134and\\011tab rw - ext3 /dev/x rw\n";
        let points: Vec<_> = mount_points(table).collect();
        assert_eq!(points, [Path::new("/data/studies"), Path::new("/data/with space\\and\ttab")]);
    }

    #[test]
    fn a_mount_point_is_found_and_a_plain_folder_has_none() {
        assert!(at_and_below(Path::new("/proc")).unwrap().0);
        assert!(at_and_below(Path::new("/")).unwrap().1.contains(&PathBuf::from("/proc")));
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(at_and_below(folder.path()).unwrap(), (false, Vec::<PathBuf>::new()));
        assert_eq!(at_and_below(&folder.path().join("absent")).unwrap(), (false, Vec::<PathBuf>::new()));
    }
}
