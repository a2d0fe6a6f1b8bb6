//! What is backed up comes back, with everything about it.

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::{tree, zoo};
use crate::progress::Progress;
use crate::source::file_tree::extract::{ExtractOptions, Extraction};
use crate::source::testing::{archive_by, assert_same_tree, backup_of, image, whole};
use crate::source::{SnapshotRequest, Source as _};

#[test]
fn a_tree_with_every_kind_of_file_comes_back_with_everything_about_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("zoo");
    zoo::make(&root);
    let before = image(&root);
    let source = tree(&root, &[]);
    let mut summary = None;
    let archive = archive_by(&[&source], |writer| {
        let taken = source.snapshot(writer, &SnapshotRequest::default(), &Progress::default()).unwrap().summary;
        summary = Some(taken.clone());
        vec![taken]
    });
    let summary = summary.unwrap();
    assert_eq!(summary.warnings, Vec::<String>::new());
    assert_eq!(summary.counts["hard_links"], 2);
    // Reading left no trace but access times.
    assert_same_tree(&image(&root), &before);

    for threads in [1, 4] {
        let target = folder.path().join(format!("target {threads}"));
        fs::create_dir(&target).unwrap();
        let fd = File::open(&target).unwrap();
        let options = ExtractOptions { threads, strip: b"t/".to_vec(), ..ExtractOptions::default() };
        let progress = Progress::default();
        let report = Extraction::new(&archive, fd.as_fd(), options, &progress).run(archive.entries(b"t/")).unwrap();
        assert_eq!(report.warnings, Vec::<String>::new());
        assert_eq!(report.damaged, []);
        assert_eq!(report.files, summary.files);
        assert_eq!(report.bytes, summary.size_bytes);
        assert_same_tree(&image(&target), &before);
        let entries = archive.restore_point().totals.entries;
        assert_eq!(progress.snapshot().done_files, entries);
    }
}

#[test]
fn what_the_target_would_hand_down_does_not_reach_what_is_extracted() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tree");
    fs::create_dir_all(root.join("sub")).unwrap();
    fs::write(root.join("sub/file"), "x").unwrap();
    fs::set_permissions(root.join("sub"), fs::Permissions::from_mode(0o755)).unwrap();
    let archive = backup_of(&[&tree(&root, &[])]);
    let target = folder.path().join("target");
    fs::create_dir(&target).unwrap();
    let status = Command::new("setfacl").args(["-d", "-m", "u:4711:rwx"]).arg(&target).status().unwrap();
    assert!(status.success());
    if zoo::is_root() {
        std::os::unix::fs::chown(&target, None, Some(4712)).unwrap();
    }
    fs::set_permissions(&target, fs::Permissions::from_mode(0o2770)).unwrap();

    let fd = File::open(&target).unwrap();
    let progress = Progress::default();
    Extraction::new(&archive, fd.as_fd(), ExtractOptions::default(), &progress).run(archive.entries(b"")).unwrap();
    assert_same_tree(&image(&target.join("t")), &image(&root));
}

#[test]
fn a_path_longer_than_the_kernel_takes_at_once_is_walked_and_made() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tree");
    fs::create_dir(&root).unwrap();
    let mut directory = File::open(&root).unwrap();
    for _ in 0..40 {
        let name = "n".repeat(200);
        rustix::fs::mkdirat(&directory, &name, rustix::fs::Mode::RWXU).unwrap();
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY;
        directory = File::from(rustix::fs::openat(&directory, &name, flags, rustix::fs::Mode::empty()).unwrap());
    }
    let flags = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY;
    rustix::fs::openat(&directory, "bottom", flags, rustix::fs::Mode::RUSR).unwrap();
    rustix::fs::linkat(&directory, "bottom", &directory, "link", rustix::fs::AtFlags::empty()).unwrap();

    let source = tree(&root, &[]);
    let archive = backup_of(&[&source]);
    let mut staged = source.stage(&archive, &whole(), &Progress::default()).unwrap();
    staged.validate(&Progress::default()).unwrap();
    staged.commit().unwrap();
    assert!(staged.compare(&Progress::default()).unwrap().is_same());
    staged.discard().unwrap();
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}
