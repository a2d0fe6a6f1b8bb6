//! What a folder holds, byte by byte, so that "it is back" is not taken on trust.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Everything below a folder, by its path within it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Picture(BTreeMap<PathBuf, Item>);

#[derive(Debug, PartialEq, Eq)]
struct Item {
    mode: u32,
    owner: (u32, u32),
    modified: (i64, i64),
    /// `None` for a folder.
    content: Option<Vec<u8>>,
}

impl Picture {
    /// Reads everything below `root`.
    pub(super) fn take(root: &Path) -> anyhow::Result<Self> {
        let mut items = BTreeMap::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
                let path = entry?.path();
                let item = Item::of(&path).with_context(|| path.display().to_string())?;
                let relative = path.strip_prefix(root)?.to_owned();
                if item.content.is_none() {
                    folders.push(path);
                }
                items.insert(relative, item);
            }
        }
        Ok(Self(items))
    }

    /// How many files lie at or below `path`, and their bytes.
    pub(super) fn size(&self, path: &str) -> (u64, u64) {
        self.files(path).fold((0, 0), |(files, bytes), (_, content)| (files + 1, bytes + content.len() as u64))
    }

    /// How many files below `path` it has no more.
    pub(super) fn lost(&self, before: &Self, path: &str) -> u64 {
        before.files(path).filter(|(path, _)| !self.0.contains_key(*path)).count() as u64
    }

    /// How many files below `path` hold other bytes than before.
    pub(super) fn rewritten(&self, before: &Self, path: &str) -> u64 {
        let is_other = |&(path, content): &(&PathBuf, &[u8])| {
            self.0.get(path).is_some_and(|now| now.content.as_deref() != Some(content))
        };
        before.files(path).filter(is_other).count() as u64
    }

    /// One thing that is not as it was, in words, if there is any.
    pub(super) fn first_difference(&self, before: &Self) -> Option<String> {
        let of_before = before.0.iter().find_map(|(path, item)| match self.0.get(path) {
            None => Some(format!("{} is missing", path.display())),
            Some(now) if now != item => Some(format!("{} differs", path.display())),
            Some(_) => None,
        });
        let surplus = || self.0.keys().find(|path| !before.0.contains_key(*path));
        of_before.or_else(|| Some(format!("{} was not there", surplus()?.display())))
    }

    fn files<'a>(&'a self, below: &'a str) -> impl Iterator<Item = (&'a PathBuf, &'a [u8])> {
        let files = self.0.iter().filter_map(|(path, item)| Some((path, item.content.as_deref()?)));
        files.filter(move |(path, _)| path.starts_with(below))
    }
}

impl Item {
    fn of(path: &Path) -> std::io::Result<Self> {
        let facts = path.symlink_metadata()?;
        Ok(Self {
            mode: facts.mode(),
            owner: (facts.uid(), facts.gid()),
            modified: (facts.mtime(), facts.mtime_nsec()),
            content: if facts.is_dir() { None } else { Some(fs::read(path)?) },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_changed_or_new_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("a")).unwrap();
        for (name, content) in [("a/gone", "1"), ("a/same", "2"), ("other", "3")] {
            fs::write(at(name), content).unwrap();
        }
        let before = Picture::take(dir.path()).unwrap();
        assert_eq!(Picture::take(dir.path()).unwrap().first_difference(&before), None);
        assert_eq!((before.size("a"), before.size("")), ((2, 2), (3, 3)));
        fs::write(at("new"), "").unwrap();
        let now = Picture::take(dir.path()).unwrap();
        assert_eq!(now.first_difference(&before).unwrap(), "new was not there");
        fs::write(at("other"), "4").unwrap();
        let now = Picture::take(dir.path()).unwrap();
        assert_eq!(now.first_difference(&before).unwrap(), "other differs");
        fs::remove_file(at("a/gone")).unwrap();
        let now = Picture::take(dir.path()).unwrap();
        assert_eq!((now.lost(&before, "a"), now.lost(&before, "other")), (1, 0));
        assert_eq!((now.rewritten(&before, "a"), now.rewritten(&before, "")), (0, 1));
        let gone = Picture(before.0.into_iter().filter(|(path, _)| path != Path::new("a/gone")).collect());
        // The folder's time tells that something in it went.
        assert_eq!(now.first_difference(&gone).unwrap(), "a differs");
    }
}
