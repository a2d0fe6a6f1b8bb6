//! The JSON file read while it is written, restored, put back.

mod transaction;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::thread;

use super::JsonFile;
use super::read::read_settled;
use crate::archive::EntryKind;
use crate::clock::Clock;
use crate::model::Sha256;
use crate::progress::Progress;
use crate::source::testing::{archive_by, backup_of, name, roots_of, whole};
use crate::source::{SnapshotRequest, Source as _, SourceError, StageError};

fn source(path: &Path, exclude: &[&str]) -> JsonFile {
    let exclude = exclude.iter().map(|&rule| rule.to_owned()).collect();
    JsonFile::new(name("data"), path.to_owned(), exclude, Clock::system()).unwrap()
}

fn file(folder: &tempfile::TempDir, content: &str) -> PathBuf {
    let path = folder.path().join("data.json");
    fs::write(&path, content).unwrap();
    path
}

#[test]
fn without_exclusions_the_copy_is_byte_identical_and_comes_back_with_its_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let content = "\n{ \"patients\" : [1,2 ],\"v\":1.50 }\n\n";
    let path = file(&folder, content);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    fs::File::open(&path).unwrap().set_modified(std::time::UNIX_EPOCH + std::time::Duration::new(77, 5)).unwrap();
    let source = source(&path, &[]);
    let mut counts = None;
    let archive = archive_by(&[&source], |writer| {
        let summary = source.snapshot(writer, &SnapshotRequest::default(), &Progress::default()).unwrap().summary;
        counts = Some(summary.counts.clone());
        vec![summary]
    });
    assert_eq!(counts.unwrap().into_iter().collect::<Vec<_>>(), [("patients".to_owned(), 2)]);
    let entry = archive.entry(b"data.json").unwrap().unwrap();
    let EntryKind::File(held) = entry.kind else { panic!("a file") };
    assert_eq!(held.sha256, Sha256::of(content.as_bytes()));

    fs::write(&path, "garbage").unwrap();
    let plan = source.plan(&archive, &[], &Progress::default()).unwrap();
    assert_eq!((plan.added, plan.changed), (0, 1));
    let mut staged = source.stage(&archive, &whole(), &Progress::default()).unwrap();
    staged.validate(&Progress::default()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"garbage");
    staged.commit().unwrap();
    assert!(staged.compare(&Progress::default()).unwrap().is_same());
    assert_eq!(fs::read_to_string(&path).unwrap(), content);
    let facts = fs::metadata(&path).unwrap();
    assert_eq!((facts.mode() & 0o7777, facts.mtime(), facts.mtime_nsec()), (0o640, 77, 5));
    assert_eq!(facts.ino(), roots_of(&*staged).new.inode);
    staged.undo().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"garbage");
    staged.commit().unwrap();
    staged.discard().unwrap();
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    assert_eq!(fs::read_to_string(&path).unwrap(), content);
}

#[test]
fn excluded_members_are_not_in_the_backup_and_stay_as_they_are_live() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, r#"{"patients":[1],"sessions":{"old":1},"users":{"n":1,"tokens":["t"]}}"#);
    let rules = ["sessions", "/users/tokens"];
    let archive = backup_of(&[&source(&path, &rules)]);
    // The rules of today do not matter: what the backup left out is not its business.
    let source = source(&path, &[]);
    fs::write(&path, r#"{"patients":[],"sessions":{"new":2},"users":{"n":9,"tokens":["u"]}}"#).unwrap();
    let plan = source.plan(&archive, &[], &Progress::default()).unwrap();
    assert!(plan.notes.contains(&"patients: 0 elements now, 1 afterwards".to_owned()), "{:?}", plan.notes);
    let mut staged = source.stage(&archive, &whole(), &Progress::default()).unwrap();
    staged.validate(&Progress::default()).unwrap();
    // The application goes on: a session joins, by a rename as many do it.
    let rewritten = folder.path().join("new");
    fs::write(&rewritten, r#"{"patients":[],"sessions":{"newer":3},"users":{"n":9,"tokens":["u"]}}"#).unwrap();
    fs::rename(&rewritten, &path).unwrap();
    staged.commit().unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        r#"{"patients":[1],"users":{"n":1,"tokens":["u"]},"sessions":{"newer":3}}"#
    );
    assert!(staged.compare(&Progress::default()).unwrap().is_same());
    assert_eq!(staged.warnings(), Vec::<String>::new());
    staged.undo().unwrap();
    assert!(fs::read_to_string(&path).unwrap().contains("newer"));
    staged.discard().unwrap();
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}

#[test]
fn a_live_file_that_cannot_give_its_members_is_a_warning_and_one_that_is_gone_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, r#"{"a":1,"s":2}"#);
    let source = source(&path, &["s"]);
    let archive = backup_of(&[&source]);
    fs::write(&path, "{broken").unwrap();
    fs::File::open(&path).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    let staged = source.stage(&archive, &whole(), &Progress::default()).unwrap();
    assert!(staged.warnings()[0].contains("not JSON"), "{:?}", staged.warnings());
    staged.discard().unwrap();
    fs::remove_file(&path).unwrap();
    let mut staged = source.stage(&archive, &whole(), &Progress::default()).unwrap();
    staged.commit().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), r#"{"a":1}"#);
    staged.undo().unwrap();
    assert!(!path.exists());
    staged.discard().unwrap();
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "{\"a\": 1,\n oops}");
    fs::File::open(&path).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    let error = read_settled(&path, &Clock::system(), &Progress::default()).unwrap_err();
    assert!(matches!(error, SourceError::NotJson { line: 2, column: 2, .. }), "{error:?}");
}

#[test]
fn a_link_a_folder_and_nothing_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "{}");
    let at = |name: &str| folder.path().join(name);
    symlink(&path, at("link.json")).unwrap();
    fs::create_dir(at("folder.json")).unwrap();
    for (name, what) in [("link.json", "a symbolic link"), ("folder.json", "a folder")] {
        let source = source(&at(name), &[]);
        let error = source.check().unwrap_err();
        assert!(matches!(error, SourceError::WrongType { found, .. } if found == what), "{error}");
        assert!(read_settled(&at(name), &Clock::system(), &Progress::default()).is_err());
    }
    assert!(matches!(source(&at("absent"), &[]).check(), Err(SourceError::NotFound { .. })));
    let archive = backup_of(&[&source(&path, &[])]);
    let link = source(&at("link.json"), &[]);
    assert!(matches!(
        link.stage(&archive, &whole(), &Progress::default()),
        Err(StageError::Source(SourceError::WrongType { .. }))
    ));
}

#[test]
fn waiting_for_a_file_that_is_half_written_ends_when_it_is_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "{\"half\":");
    let progress = Progress::default();
    let canceller = progress.clone();
    thread::scope(|scope| {
        let reader = scope.spawn(|| read_settled(&path, &Clock::system(), &progress));
        canceller.cancellation().cancel();
        assert!(matches!(reader.join().unwrap(), Err(SourceError::Cancelled(_))));
    });
}

/// A document that proves to be whole: each of its numbers is the same.
fn generation(number: u32, length: usize) -> String {
    let numbers = vec![format!("{}", 1000 + number); length];
    format!("{{\"list\":[{}]}}", numbers.join(","))
}

fn is_whole(bytes: &[u8]) -> bool {
    let value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
    let list = value["list"].as_array().unwrap();
    list.len() == 5000 && list.iter().all(|number| *number == list[0])
}

/// Reads again and again while `write` writes generation after generation, then leaves the file alone.
fn no_copy_is_torn(write: impl Fn(&Path, u32) + Sync) {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, &generation(0, 5000));
    thread::scope(|scope| {
        let writer = scope.spawn(|| (1..60).for_each(|number| write(&path, number)));
        for _ in 0..3 {
            let copy = read_settled(&path, &Clock::system(), &Progress::default()).unwrap();
            assert!(is_whole(&copy.bytes));
        }
        writer.join().unwrap();
    });
    let copy = read_settled(&path, &Clock::system(), &Progress::default()).unwrap();
    assert_eq!(copy.bytes, generation(59, 5000).as_bytes());
}

#[test]
fn a_writer_that_replaces_the_file_never_yields_a_torn_copy() {
    no_copy_is_torn(|path, number| {
        let new = path.with_extension("new");
        fs::write(&new, generation(number, 5000)).unwrap();
        fs::rename(&new, path).unwrap();
    });
}

#[test]
fn a_writer_that_truncates_and_rewrites_never_yields_a_torn_copy() {
    no_copy_is_torn(|path, number| fs::write(path, generation(number, 5000)).unwrap());
}

#[test]
fn a_writer_that_writes_in_pieces_never_yields_a_torn_copy() {
    no_copy_is_torn(|path, number| {
        // In place and of equal length: every mixture of two generations is JSON.
        let mut file = fs::File::options().write(true).open(path).unwrap();
        for piece in generation(number, 5000).as_bytes().chunks(1000) {
            file.write_all(piece).unwrap();
            thread::yield_now();
        }
    });
}

#[test]
fn an_empty_file_and_one_with_a_byte_order_mark_are_named_as_such() {
    let folder = tempfile::tempdir().unwrap();
    for (text, reason) in [("", "the file is empty"), ("\u{feff}{}", "byte order mark")] {
        let path = file(&folder, text);
        fs::File::open(&path).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        let error = read_settled(&path, &Clock::system(), &Progress::default()).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}
