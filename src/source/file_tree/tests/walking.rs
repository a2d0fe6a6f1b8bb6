//! Reading a tree while it changes. The recorder acts between the last byte of a file and its confirmation.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::{tree, zoo};
use crate::archive::{MemberContent, Meta, Segment, SourceSummary, Special, WriteError};
use crate::model::BackupId;
use crate::progress::Progress;
use crate::source::file_tree::snapshot::snapshot;
use crate::source::sink::Sink;
use crate::source::{SnapshotRequest, Source as _, SourceError};

/// Told the path of every member as it is being recorded.
type Meddle<'a> = Box<dyn FnMut(&str) + 'a>;

/// Records members, and does something in the middle of each.
#[derive(Default)]
struct Recorder<'a> {
    members: Vec<(String, Vec<u8>)>,
    links: BTreeMap<String, String>,
    meddle: Option<Meddle<'a>>,
}

impl<'a> Recorder<'a> {
    fn meddling(meddle: impl FnMut(&str) + 'a) -> Self {
        Self { meddle: Some(Box::new(meddle)), ..Self::default() }
    }

    fn meddle(&mut self, path: &str) {
        if let Some(meddle) = &mut self.meddle {
            meddle(path);
        }
    }

    fn paths(&self) -> Vec<&str> {
        self.members.iter().map(|(path, _)| path.as_str()).collect()
    }

    fn content(&self, path: &str) -> &[u8] {
        &self.members.iter().find(|member| member.0 == path).unwrap().1
    }
}

impl Sink for Recorder<'_> {
    fn add_special(&mut self, path: &[u8], _meta: Meta, special: &Special) -> Result<(), WriteError> {
        let path = String::from_utf8_lossy(path).into_owned();
        if let Special::Hardlink(target) = special {
            self.links.insert(path.clone(), String::from_utf8_lossy(target).into_owned());
        }
        self.meddle(&path);
        self.members.push((path, Vec::new()));
        Ok(())
    }

    fn add_unchanged_line(&mut self, path: &[u8], _line: &[u8], _stored: Option<u64>) -> Result<(), WriteError> {
        panic!("there is no backup from which {} could be taken over", path.escape_ascii());
    }

    fn add_file(
        &mut self,
        path: &[u8],
        _meta: Meta,
        size: u64,
        content: &mut dyn MemberContent,
    ) -> Result<(), WriteError> {
        let path = String::from_utf8_lossy(path).into_owned();
        let mut bytes = vec![0; usize::try_from(size).unwrap()];
        let mut got = 0;
        while got < bytes.len() {
            match content.read(&mut bytes[got..]).map_err(WriteError::Content)? {
                0 => return Err(WriteError::Short { got: got as u64, expected: size }),
                read => got += read,
            }
        }
        self.meddle(&path);
        if !content.confirm().map_err(WriteError::Content)? {
            return Err(WriteError::Changed);
        }
        self.members.push((path, bytes));
        Ok(())
    }

    fn add_sparse_file(
        &mut self,
        path: &[u8],
        meta: Meta,
        _size: u64,
        segments: Vec<Segment>,
        content: &mut dyn MemberContent,
    ) -> Result<(), WriteError> {
        let stored = segments.iter().map(|segment| segment.length).sum();
        self.add_file(path, meta, stored, content)
    }
}

fn record(root: &Path, exclude: &[&str], recorder: &mut Recorder<'_>) -> SourceSummary {
    let request = SnapshotRequest::default();
    snapshot(&tree(root, exclude), recorder, BackupId::generate(), &request, &Progress::default()).unwrap().summary
}

#[test]
fn members_come_in_path_order_with_each_folder_before_what_is_in_it() {
    let root = tempfile::tempdir().unwrap();
    for folder in ["a", "a/sub", "b.d"] {
        fs::create_dir(root.path().join(folder)).unwrap();
    }
    for file in ["a-b", "a.b", "a0", "a/x", "a/sub/y", "a/sub-", "b", "b.d/z"] {
        fs::write(root.path().join(file), file).unwrap();
    }
    let mut recorder = Recorder::default();
    let summary = record(root.path(), &[], &mut recorder);
    let paths = recorder.paths();
    assert_eq!(paths[..4], ["t/", "t/a-b", "t/a.b", "t/a/"]);
    assert!(paths.is_sorted_by(|a, b| a < b), "{paths:?}");
    assert_eq!((summary.files, summary.counts["directories"]), (8, 4));
}

#[test]
fn what_is_excluded_is_not_there_and_its_folder_not_entered() {
    let root = tempfile::tempdir().unwrap();
    for folder in ["cache", "keep/cache/deep", "skip", ".carelog-restore/job", "keep/.x.carelog-restore-0123456789ab"] {
        fs::create_dir_all(root.path().join(folder)).unwrap();
        fs::write(root.path().join(folder).join("file"), "f").unwrap();
    }
    for file in ["a.tmp", "keep/b.tmp", "keep/c.txt"] {
        fs::write(root.path().join(file), "f").unwrap();
    }
    let mut recorder = Recorder::default();
    let summary = record(root.path(), &["**/cache/**", "*.tmp", "skip/"], &mut recorder);
    assert_eq!(recorder.paths(), ["t/", "t/cache/", "t/keep/", "t/keep/c.txt", "t/keep/cache/"]);
    assert_eq!(summary.warnings, Vec::<String>::new());
}

#[test]
fn a_file_that_changes_while_it_is_read_is_read_again() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "old").unwrap();
    let mut left = 2;
    let mut recorder = Recorder::meddling(|path| {
        if path == "t/file" && left > 0 {
            left -= 1;
            fs::write(&file, format!("new {left}")).unwrap();
        }
    });
    let summary = record(root.path(), &[], &mut recorder);
    assert_eq!(recorder.content("t/file"), b"new 0");
    assert_eq!(summary.warnings, Vec::<String>::new());
}

#[test]
fn a_file_that_never_keeps_still_is_taken_with_a_warning_by_name() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "0").unwrap();
    let mut writes = 0;
    let mut recorder = Recorder::meddling(|path| {
        if path == "t/file" {
            writes += 1;
            fs::write(&file, "x".repeat(writes + 1)).unwrap();
        }
    });
    let summary = record(root.path(), &[], &mut recorder);
    assert_eq!(recorder.content("t/file"), b"xxx");
    drop(recorder);
    assert_eq!(writes, 3);
    assert_eq!(summary.warnings.len(), 1);
    assert!(summary.warnings[0].starts_with("t/file changed while it was read"), "{:?}", summary.warnings);
}

#[test]
fn what_vanishes_or_turns_into_something_else_is_a_warning_by_name() {
    let root = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let at = |name: &str| root.path().join(name);
    for folder in ["b-folder", "c-swapped"] {
        fs::create_dir(at(folder)).unwrap();
        fs::write(at(folder).join("secret"), "ours").unwrap();
    }
    for file in ["a-first", "d-gone", "e-to-link", "f-to-folder", "g-last"] {
        fs::write(at(file), file).unwrap();
    }
    let mut recorder = Recorder::meddling(|path| {
        if path == "t/a-first" {
            fs::remove_file(at("d-gone")).unwrap();
            fs::remove_dir_all(at("b-folder")).unwrap();
            fs::rename(at("c-swapped"), outside.path().join("moved")).unwrap();
            symlink(outside.path(), at("c-swapped")).unwrap();
            fs::remove_file(at("e-to-link")).unwrap();
            symlink(outside.path().join("secret"), at("e-to-link")).unwrap();
            fs::remove_file(at("f-to-folder")).unwrap();
            fs::create_dir(at("f-to-folder")).unwrap();
        }
    });
    let summary = record(root.path(), &[], &mut recorder);
    // The link that took the place of a file is kept as the link that it is; none was followed.
    assert_eq!(recorder.paths(), ["t/", "t/a-first", "t/e-to-link", "t/g-last"]);
    assert_eq!(recorder.content("t/e-to-link"), b"");
    for name in ["t/b-folder/", "t/c-swapped/", "t/d-gone", "t/f-to-folder"] {
        assert_eq!(
            summary.warnings.iter().filter(|w| w.starts_with(name)).count(),
            1,
            "{name}: {:?}",
            summary.warnings
        );
    }
    assert_eq!(summary.warnings.len(), 4);
}

#[test]
fn a_second_name_is_a_link_to_the_first_and_a_reused_inode_is_not() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::write(at("b"), "same").unwrap();
    fs::hard_link(at("b"), at("a")).unwrap();
    fs::hard_link(at("b"), at("c")).unwrap();
    let mut recorder = Recorder::meddling(|path| {
        // As if the inode were another file's by now.
        if path == "t/b" {
            fs::write(at("c"), "other").unwrap();
        }
    });
    record(root.path(), &[], &mut recorder);
    assert_eq!(recorder.links, BTreeMap::from([("t/b".to_owned(), "t/a".to_owned())]));
    assert_eq!(recorder.content("t/c"), b"other");
}

#[test]
fn sockets_are_skipped_and_counted() {
    let root = tempfile::tempdir().unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.path().join("socket")).unwrap();
    let mut recorder = Recorder::default();
    let summary = record(root.path(), &[], &mut recorder);
    assert_eq!(recorder.paths(), ["t/"]);
    assert_eq!(summary.counts["sockets_skipped"], 1);
}

#[test]
fn what_cannot_be_read_is_a_warning_by_name_and_no_hole() {
    if zoo::is_root() {
        // Root reads everything; the run as another user covers this.
        return;
    }
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("locked"), "x").unwrap();
    fs::create_dir(root.path().join("closed")).unwrap();
    fs::write(root.path().join("closed/inside"), "x").unwrap();
    fs::write(root.path().join("open"), "x").unwrap();
    for name in ["locked", "closed"] {
        fs::set_permissions(root.path().join(name), fs::Permissions::from_mode(0o000)).unwrap();
    }
    let mut recorder = Recorder::default();
    let summary = record(root.path(), &[], &mut recorder);
    fs::set_permissions(root.path().join("closed"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(recorder.paths(), ["t/", "t/closed/", "t/open"]);
    for name in ["t/locked: ", "t/closed/: "] {
        assert_eq!(summary.warnings.iter().filter(|w| w.starts_with(name)).count(), 1, "{:?}", summary.warnings);
    }
}

#[test]
fn a_root_that_is_no_folder_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("real")).unwrap();
    symlink("real", at("link")).unwrap();
    fs::write(at("file"), "").unwrap();
    assert!(tree(&at("real"), &[]).check().unwrap().warnings[0].contains("empty"));
    for (name, found) in [("link", "a symbolic link"), ("file", "a file")] {
        let error = tree(&at(name), &[]).check().unwrap_err();
        assert!(matches!(error, SourceError::WrongType { found: f, .. } if f == found), "{error}");
    }
    assert!(matches!(tree(&at("absent"), &[]).check(), Err(SourceError::NotFound { .. })));
}
