//! Which members are wanted: all of them, or those that were named.
//!
//! What is named is a member, or a folder with everything below it. Nothing that is not wanted is read: the manifest is
//! sorted, so each name is one run of it.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;

use crate::archive::escape::unescape;
use crate::archive::{ArchiveReader, Entry, EntryKind, ReadError};

/// Runs of the manifest, none within another, in the order of paths.
#[derive(Debug)]
pub(super) struct Selection {
    runs: BTreeSet<Run>,
}

/// A path, and whether it stands for everything that begins with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Run {
    path: Vec<u8>,
    is_folder: bool,
}

/// Why there is nothing to select.
#[derive(Debug, thiserror::Error)]
pub enum SelectionError {
    /// No member has this name.
    #[error("'{0}' is not in the archive; --list shows what is, a member a line")]
    Unknown(String),
    /// The archive could not be asked.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Selection {
    /// The members of `archive` that `named` names, as bytes or in the form in which `--list` shows them; all of them
    /// when it is empty.
    pub(super) fn find(archive: &ArchiveReader, named: &[OsString]) -> Result<Self, SelectionError> {
        if named.is_empty() {
            return Ok(Self { runs: BTreeSet::from([Run { path: Vec::new(), is_folder: true }]) });
        }
        let mut found = Vec::with_capacity(named.len());
        for name in named {
            found.push(find(archive, name)?);
        }
        let covered = |run: &Run| found.iter().any(|other| other != run && other.covers(run));
        Ok(Self { runs: found.iter().filter(|run| !covered(run)).cloned().collect() })
    }

    /// Whether nothing is left out.
    pub(super) fn is_everything(&self) -> bool {
        self.runs.iter().any(|run| run.path.is_empty())
    }

    /// The entries in path order. A hard link to a file that was not selected becomes that file.
    pub(super) fn entries<'a>(
        &'a self,
        archive: &'a ArchiveReader,
    ) -> impl Iterator<Item = Result<Entry, ReadError>> + 'a {
        let mut stand_ins = HashMap::new();
        let all = self.runs.iter().flat_map(|run| run.entries(archive));
        all.map(move |entry| self.complete(archive, entry?, &mut stand_ins))
    }

    /// `stand_ins` holds, for each file outside of the selection, the first link to it, which takes its place.
    fn complete(
        &self,
        archive: &ArchiveReader,
        mut entry: Entry,
        stand_ins: &mut HashMap<Vec<u8>, Vec<u8>>,
    ) -> Result<Entry, ReadError> {
        let EntryKind::Hardlink(target) = &mut entry.kind else { return Ok(entry) };
        if self.runs.iter().any(|run| run.holds(target)) {
            return Ok(entry);
        }
        if let Some(first) = stand_ins.get(target) {
            target.clone_from(first);
        } else if let Some(Entry { kind: kind @ EntryKind::File(_), .. }) = archive.entry(target)? {
            stand_ins.insert(std::mem::take(target), entry.path.clone());
            entry.kind = kind;
        }
        Ok(entry)
    }
}

impl Run {
    fn entries<'a>(&'a self, archive: &'a ArchiveReader) -> impl Iterator<Item = Result<Entry, ReadError>> + 'a {
        let wanted = |entry: &Result<Entry, ReadError>| entry.as_ref().map_or(true, |entry| self.holds(&entry.path));
        archive.entries(&self.path).take_while(wanted)
    }

    fn holds(&self, path: &[u8]) -> bool {
        if self.is_folder { path.starts_with(&self.path) } else { path == self.path }
    }

    fn covers(&self, other: &Self) -> bool {
        self.is_folder && other.path.starts_with(&self.path)
    }
}

/// The run of one name: first taken literally, then as `--list` shows it.
fn find(archive: &ArchiveReader, name: &OsString) -> Result<Run, SelectionError> {
    let shown = name.to_string_lossy();
    for path in [Some(name.as_bytes().to_vec()), unescape(&shown)].into_iter().flatten() {
        let path = path.strip_suffix(b"/").unwrap_or(&path).to_vec();
        if path.is_empty() {
            continue;
        }
        let below = [&path, &b"/"[..]].concat();
        if archive.entries(&below).next().transpose()?.is_some() {
            return Ok(Run { path: below, is_folder: true });
        }
        if archive.entry(&path)?.is_some() {
            return Ok(Run { path, is_folder: false });
        }
    }
    Err(SelectionError::Unknown(shown.into_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::archive::metadata::FORMAT_VERSION;
    use crate::archive::{ArchiveWriter, Codec, Meta, Metadata, Special, WriterOptions};
    use crate::model::{BackupId, Class, Mode, Requester, Scope};
    use crate::progress::Progress;

    /// Two folders with a file each, a name that is not UTF-8, and two hard links to the first file.
    fn archive() -> ArchiveReader {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("archive");
        let file = File::options().create_new(true).read(true).write(true).open(&path).unwrap();
        let options =
            WriterOptions { codec: Codec::None, threads: 1, spool_dir: dir.path().to_owned(), bases: Vec::new() };
        let metadata = Metadata {
            format_version: FORMAT_VERSION,
            id: BackupId::generate(),
            class: Class::Backup,
            scope: Scope::All,
            mode: Mode::Full,
            parent_id: None,
            created_at: "2025-10-29T14:30:00Z".parse().unwrap(),
            host: "test".to_owned(),
            program_version: "0".to_owned(),
            requested_by: Requester::daemon("test"),
            description: String::new(),
            sources: Vec::new(),
        };
        let mut writer = ArchiveWriter::create(file, &options, metadata, Progress::default()).unwrap();
        writer.begin_source();
        for (path, special) in [
            (&b"t/"[..], Some(Special::Directory)),
            (b"t/a-file", None),
            (b"t/a/", Some(Special::Directory)),
            (b"t/a/one", None),
            (b"t/b/", Some(Special::Directory)),
            (b"t/b/100%\xff", None),
            (b"t/b/link", Some(Special::Hardlink(b"t/a/one".to_vec()))),
            (b"t/b/link2", Some(Special::Hardlink(b"t/a/one".to_vec()))),
        ] {
            match special {
                Some(special) => writer.add_special(path, Meta::default(), &special).unwrap(),
                None => writer.add_file(path, Meta::default(), 1, &mut &b"x"[..]).unwrap(),
            };
        }
        writer.finish(Vec::new(), "2025-10-29T14:31:00Z".parse().unwrap()).unwrap();
        ArchiveReader::open(File::open(&path).unwrap()).unwrap()
    }

    fn selected(archive: &ArchiveReader, names: &[&str]) -> Vec<Entry> {
        let names: Vec<OsString> = names.iter().map(Into::into).collect();
        let selection = Selection::find(archive, &names).unwrap();
        selection.entries(archive).collect::<Result<_, _>>().unwrap()
    }

    fn paths(entries: &[Entry]) -> Vec<String> {
        entries.iter().map(|entry| entry.display_path().into_owned()).collect()
    }

    #[test]
    fn without_names_everything_is_selected() {
        assert_eq!(selected(&archive(), &[]).len(), 8);
    }

    #[test]
    fn a_name_selects_the_member_or_what_lies_below_the_folder_and_nothing_that_only_begins_like_it() {
        let archive = archive();
        assert_eq!(paths(&selected(&archive, &["t/a"])), ["t/a/", "t/a/one"]);
        assert_eq!(paths(&selected(&archive, &["t/a/"])), ["t/a/", "t/a/one"]);
        assert_eq!(paths(&selected(&archive, &["t/a-file"])), ["t/a-file"]);
    }

    #[test]
    fn names_in_any_order_and_within_each_other_yield_each_member_once_and_in_order() {
        let all = selected(&archive(), &["t/a/one", "t/b/link", "t/a-file", "t/a"]);
        assert_eq!(paths(&all), ["t/a-file", "t/a/", "t/a/one", "t/b/link"]);
    }

    #[test]
    fn a_name_can_be_given_as_the_list_shows_it() {
        assert_eq!(paths(&selected(&archive(), &["t/b/100%25%FF"])), ["t/b/100%25%FF"]);
    }

    #[test]
    fn a_name_that_no_member_has_is_an_error_that_says_it() {
        let archive = archive();
        for name in ["t/c", "t/a/on", "", "/"] {
            let error = Selection::find(&archive, &[name.into()]).unwrap_err();
            assert!(error.to_string().starts_with(&format!("'{name}' is not in the archive")), "{error}");
        }
    }

    #[test]
    fn the_first_link_to_a_file_that_was_not_selected_takes_its_place() {
        let entries = selected(&archive(), &["t/b"]);
        assert_eq!(paths(&entries[2..]), ["t/b/link", "t/b/link2"]);
        assert!(entries[2].content().is_some());
        assert_eq!(entries[3].kind, EntryKind::Hardlink(b"t/b/link".to_vec()));
    }

    #[test]
    fn a_link_to_a_file_that_is_selected_stays_a_link() {
        let entries = selected(&archive(), &["t/b/link", "t/a"]);
        assert_eq!(entries[2].kind, EntryKind::Hardlink(b"t/a/one".to_vec()));
    }
}
