//! The names in one directory, in the order of the manifest, in two allocations however many there are.

use std::cmp::Ordering;
use std::ffi::CStr;
use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, FileType, RawDir};
use rustix::io::Errno;

/// Room for directory entries per system call.
const BUFFER_BYTES: usize = 64 * 1024;

/// Names of one directory.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The names with a NUL behind each.
    bytes: Vec<u8>,
    names: Vec<Name>,
}

#[derive(Clone, Copy, Debug)]
struct Name {
    start: usize,
    /// Without the NUL.
    length: usize,
    kind: FileType,
}

impl Listing {
    /// Reads the names in `directory` in place of those held; `buffer` is scratch space. Names that `is_hidden` are not
    /// kept.
    pub(super) fn read(
        &mut self,
        directory: BorrowedFd<'_>,
        buffer: &mut Vec<u8>,
        is_hidden: fn(&[u8]) -> bool,
    ) -> Result<(), Errno> {
        self.bytes.clear();
        self.names.clear();
        buffer.clear();
        buffer.reserve(BUFFER_BYTES);
        let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." || is_hidden(name) {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => kind_of(directory, entry.file_name()),
                kind => kind,
            };
            self.names.push(Name { start: self.bytes.len(), length: name.len(), kind });
            self.bytes.extend_from_slice(entry.file_name().to_bytes_with_nul());
        }
        let bytes = &self.bytes;
        self.names.sort_unstable_by(|a, b| order(bytes, *a, *b));
        Ok(())
    }

    /// The name at `index` and its kind as listed; `None` behind the last.
    pub(super) fn get(&self, index: usize) -> Option<(&CStr, FileType)> {
        let name = self.names.get(index)?;
        let bytes = &self.bytes[name.start..=name.start + name.length];
        CStr::from_bytes_with_nul(bytes).ok().map(|text| (text, name.kind))
    }
}

/// Compares names as if a slash followed those of directories: so a directory's entry stands directly before what is in it.
fn order(bytes: &[u8], a: Name, b: Name) -> Ordering {
    let text = |name: Name| &bytes[name.start..name.start + name.length];
    let common = a.length.min(b.length);
    let behind = |name: Name| {
        let slash = (name.kind == FileType::Directory).then_some(b'/');
        text(name).get(common).copied().or(slash)
    };
    text(a)[..common].cmp(&text(b)[..common]).then_with(|| behind(a).cmp(&behind(b)))
}

/// For file systems that do not say the kind in the listing. What has gone since stays unknown, and opening it will tell.
fn kind_of(directory: BorrowedFd<'_>, name: &CStr) -> FileType {
    rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
        .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn directories_sort_as_if_a_slash_followed() {
        let root = tempfile::tempdir().unwrap();
        for directory in ["a", "b"] {
            std::fs::create_dir(root.path().join(directory)).unwrap();
        }
        for file in ["a-b", "a.txt", "a0", "b-"] {
            std::fs::write(root.path().join(file), "").unwrap();
        }
        let fd = std::fs::File::open(root.path()).unwrap();
        let mut listing = Listing::default();
        listing.read(fd.as_fd(), &mut Vec::new(), |_| false).unwrap();
        let names: Vec<_> = (0..).map_while(|i| listing.get(i)).map(|(name, _)| name.to_str().unwrap()).collect();
        assert_eq!(names, ["a-b", "a.txt", "a", "a0", "b-", "b"]);
    }
}
