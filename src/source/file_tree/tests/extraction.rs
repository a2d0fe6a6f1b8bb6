//! Extraction of what nobody honest would write: nothing leaves the target, nothing that was there is touched.

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use super::tree;
use crate::archive::{ArchiveReader, Entry, EntryKind, Meta, ReadError};
use crate::progress::Progress;
use crate::source::file_tree::extract::{ExtractOptions, ExtractReport, Extraction};
use crate::source::testing::{backup_of, damaged_backup_of, whole};
use crate::source::{Source as _, StageError};

/// An archive with one honest file, whose content entries can be made of.
fn archive() -> (Arc<ArchiveReader>, Entry) {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("file"), "honest").unwrap();
    let archive = backup_of(&[&tree(root.path(), &[])]);
    let entry = archive.entries(b"t/file").next().unwrap().unwrap();
    (archive, entry)
}

fn entry(path: &str, kind: EntryKind) -> Entry {
    Entry { path: path.as_bytes().to_vec(), meta: Meta { mode: 0o755, ..Meta::default() }, kind }
}

fn extract(
    archive: &ArchiveReader,
    target: &Path,
    partial: bool,
    entries: Vec<Entry>,
) -> Result<ExtractReport, StageError> {
    let fd = File::open(target).unwrap();
    let options = ExtractOptions { threads: 2, partial, ..ExtractOptions::default() };
    let entries = entries.into_iter().map(Ok::<_, ReadError>);
    Extraction::new(archive, fd.as_fd(), options, &Progress::default()).run(entries)
}

#[test]
fn a_path_that_leads_out_is_refused_and_with_partial_skipped() {
    let (archive, file) = archive();
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("in/target");
    fs::create_dir_all(&target).unwrap();
    for path in ["../x", "/x", "a/../../x", "..", ".", "a//x", "a/", ""] {
        let hostile = entry(path, file.kind.clone());
        assert!(
            matches!(extract(&archive, &target, false, vec![hostile.clone()]), Err(StageError::Damaged { .. })),
            "{path}"
        );
        let report = extract(&archive, &target, true, vec![hostile]).unwrap();
        assert_eq!((report.files, report.damaged.len()), (0, 1), "{path}");
    }
    assert_eq!(target.read_dir().unwrap().count(), 0);
    assert_eq!(outside.path().join("in").read_dir().unwrap().count(), 1);
}

#[test]
fn nothing_is_written_through_a_link_that_the_archive_made() {
    let (archive, file) = archive();
    let outside = tempfile::tempdir().unwrap();
    let target = tempfile::tempdir().unwrap();
    let to_outside = EntryKind::Symlink(outside.path().as_os_str().as_encoded_bytes().to_vec());
    let hostile = [
        vec![entry("a", to_outside.clone()), entry("a/x", file.kind.clone())],
        vec![entry("b", to_outside.clone()), entry("b/", EntryKind::Directory), entry("b/x", file.kind)],
        vec![entry("c", to_outside), entry("c/", EntryKind::Directory)],
    ];
    for entries in hostile {
        assert!(extract(&archive, target.path(), true, entries).is_err());
    }
    assert_eq!(outside.path().read_dir().unwrap().count(), 0);
}

#[test]
fn nothing_that_was_there_is_replaced_followed_or_linked_to() {
    let (archive, file) = archive();
    let outside = tempfile::tempdir().unwrap();
    let target = tempfile::tempdir().unwrap();
    fs::write(target.path().join("mine"), "mine").unwrap();
    fs::create_dir(target.path().join("my folder")).unwrap();
    symlink(outside.path(), target.path().join("my link")).unwrap();
    for path in ["mine", "my folder/x", "my link/x", "my link"] {
        assert!(extract(&archive, target.path(), true, vec![entry(path, file.kind.clone())]).is_err(), "{path}");
    }
    let link = entry("zz", EntryKind::Hardlink(b"mine".to_vec()));
    let report = extract(&archive, target.path(), true, vec![link]).unwrap();
    assert_eq!(report.damaged.len(), 1);
    assert!(!target.path().join("zz").exists());
    assert_eq!(fs::read(target.path().join("mine")).unwrap(), b"mine");
    assert_eq!(outside.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_hard_link_reaches_only_what_the_extraction_made_and_no_folder() {
    let (archive, file) = archive();
    let target = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::create_dir(outside.path().join("sub")).unwrap();
    fs::write(outside.path().join("sub/secret"), "secret").unwrap();
    let hard = |path: &str, to: &str| entry(path, EntryKind::Hardlink(to.as_bytes().to_vec()));
    let report = extract(
        &archive,
        target.path(),
        true,
        vec![
            entry("a", file.kind),
            entry("d/", EntryKind::Directory),
            entry("l", EntryKind::Symlink(outside.path().as_os_str().as_encoded_bytes().to_vec())),
            hard("m1", "a"),
            hard("m2", "../a"),
            hard("m3", "l/sub/secret"),
            hard("m4", "l"),
            hard("m5", "d"),
            hard("m6", "zzz"),
            hard("m7", "/etc/passwd"),
            hard("m8", "missing"),
        ],
    )
    .unwrap();
    let damaged: Vec<_> = report.damaged.iter().map(|damage| damage.member.as_str()).collect();
    assert_eq!(damaged, ["m2", "m3", "m5", "m6", "m7", "m8"]);
    assert_eq!(fs::read(target.path().join("m1")).unwrap(), b"honest");
    assert_eq!(fs::read_link(target.path().join("m4")).unwrap(), outside.path(), "a second name, not followed");
    assert_eq!(report.others, 3);
}

#[test]
fn a_manifest_out_of_order_is_refused_whole() {
    let (archive, file) = archive();
    let target = tempfile::tempdir().unwrap();
    let entries = vec![entry("b", file.kind.clone()), entry("a", file.kind.clone())];
    assert!(matches!(extract(&archive, target.path(), true, entries), Err(StageError::Damaged { .. })));
    let twice = vec![entry("c", file.kind.clone()), entry("c", file.kind)];
    assert!(extract(&archive, target.path(), true, twice).is_err());
}

#[test]
fn with_partial_what_stands_before_a_damaged_part_of_the_manifest_is_written() {
    let (archive, file) = archive();
    let target = tempfile::tempdir().unwrap();
    let fd = File::open(target.path()).unwrap();
    let entries = || {
        let lost = Err(ReadError::Damaged("here".to_owned()));
        [Ok(entry("d/", EntryKind::Directory)), Ok(entry("d/a", file.kind.clone())), lost].into_iter()
    };
    let progress = Progress::default();
    let extraction = |partial| {
        let options = ExtractOptions { partial, ..ExtractOptions::default() };
        Extraction::new(&archive, fd.as_fd(), options, &progress)
    };
    let report = extraction(true).run(entries()).unwrap();
    assert_eq!(fs::read(target.path().join("d/a")).unwrap(), b"honest");
    assert!(report.damaged[0].member == "d/a" && report.damaged[0].reason.contains("here"), "{:?}", report.damaged);
    fs::remove_dir_all(target.path().join("d")).unwrap();
    assert!(matches!(extraction(false).run(entries()), Err(StageError::Read(ReadError::Damaged(_)))));
}

#[test]
fn a_chunk_that_is_not_what_it_should_be_is_never_written() {
    let (archive, file) = archive();
    let target = tempfile::tempdir().unwrap();
    let EntryKind::File(content) = file.kind.clone() else { panic!("a file") };
    let mut longer = content.clone();
    longer.chunks[0].length += 1;
    longer.size += 1;
    let mut other = content.clone();
    other.chunks[0].id.0[0] ^= 1;
    let mut larger = content;
    larger.size += 1;
    let entries = vec![
        entry("a", EntryKind::File(longer)),
        entry("b", EntryKind::File(other)),
        entry("c", EntryKind::File(larger)),
        entry("d", file.kind),
    ];
    let report = extract(&archive, target.path(), true, entries).unwrap();
    assert_eq!(report.damaged.iter().map(|d| d.member.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    let names: Vec<_> = target.path().read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["d"]);
}

#[test]
fn a_damaged_frame_costs_the_files_in_it_and_no_byte_of_it_is_written() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("hurt"), "these bytes will be hurt").unwrap();
    fs::write(root.path().join("whole"), "these will not").unwrap();
    // Larger than a frame: made before its damage is known.
    fs::write(root.path().join("large"), [vec![b'l'; 9_000_000], b"the end".to_vec()].concat()).unwrap();
    let source = tree(root.path(), &[]);
    for (content, hurt) in [(&b"these bytes"[..], "t/hurt"), (b"lthe end", "t/large")] {
        let archive = damaged_backup_of(&source, content);
        let target = tempfile::tempdir().unwrap();
        let fd = File::open(target.path()).unwrap();
        let progress = Progress::default();
        let run = |partial| {
            let options = ExtractOptions { partial, ..ExtractOptions::default() };
            Extraction::new(&archive, fd.as_fd(), options, &progress).run(archive.entries(b"t/"))
        };
        let report = run(true).unwrap();
        assert_eq!(report.damaged.iter().map(|d| d.member.as_str()).collect::<Vec<_>>(), [hurt]);
        assert!(report.damaged[0].chunk.is_some());
        assert_eq!(report.files, 2);
        assert!(!target.path().join(hurt).exists());
        assert_eq!(fs::read(target.path().join("t/whole")).unwrap(), b"these will not");
        fs::remove_dir_all(target.path().join("t")).unwrap();
        let error = run(false).unwrap_err();
        assert!(matches!(&error, StageError::Damaged { member, .. } if member == hurt), "{error}");
        assert!(source.stage(&archive, &whole(), &Progress::default()).is_err());
    }
}

#[test]
fn chunks_may_repeat_and_come_in_any_order() {
    let root = tempfile::tempdir().unwrap();
    // Incompressible and larger than a frame, so that the parts lie in several.
    let mut seed = 9_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 56) as u8
    })
    .take(14_000_000)
    .collect();
    fs::write(root.path().join("large"), &noise).unwrap();
    let archive = backup_of(&[&tree(root.path(), &[])]);
    let large = archive.entries(b"t/large").next().unwrap().unwrap();
    let EntryKind::File(mut content) = large.kind else { panic!("a file") };
    assert!(content.chunks.len() > 3);
    let mut pieces = Vec::new();
    let mut at = 0;
    for chunk in &content.chunks {
        pieces.push(noise[at..][..chunk.length as usize].to_vec());
        at += chunk.length as usize;
    }
    let order: Vec<usize> = (0..pieces.len()).rev().chain([0, 0, 1]).collect();
    let expected: Vec<u8> = order.iter().flat_map(|&index| pieces[index].clone()).collect();
    content.chunks = order.iter().map(|&index| content.chunks[index]).collect();
    content.size = expected.len() as u64;
    let target = tempfile::tempdir().unwrap();
    extract(&archive, target.path(), false, vec![entry("shuffled", EntryKind::File(content))]).unwrap();
    assert!(fs::read(target.path().join("shuffled")).unwrap() == expected);
}

#[test]
fn cancelling_ends_an_extraction() {
    let (archive, file) = archive();
    let target = tempfile::tempdir().unwrap();
    let progress = Progress::default();
    progress.cancellation().cancel();
    let fd = File::open(target.path()).unwrap();
    let result =
        Extraction::new(&archive, fd.as_fd(), ExtractOptions::default(), &progress).run([Ok(file)].into_iter());
    assert!(matches!(result, Err(StageError::Cancelled(_))));
}
