//! A tree staged beside the live one, swapped, compared and put back.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{tree, zoo};
use crate::archive::ArchiveReader;
use crate::progress::Progress;
use crate::source::testing::{archive_by, assert_same_tree, backup_of, image, roots_of, whole};
use crate::source::{FileTree, Source as _, SourceError, StageError, Staged};

fn siblings(root: &Path) -> Vec<PathBuf> {
    root.parent().unwrap().read_dir().unwrap().map(|e| e.unwrap().path()).filter(|path| path != root).collect()
}

fn stage(source: &FileTree, archive: &Arc<ArchiveReader>) -> Box<dyn Staged> {
    let mut staged = source.stage(archive, &whole(), &Progress::default()).unwrap();
    staged.validate(&Progress::default()).unwrap();
    staged
}

#[test]
fn a_damaged_tree_is_swapped_for_the_backup_put_back_and_swapped_again() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("zoo");
    zoo::make(&root);
    let meant = image(&root);
    let source = tree(&root, &[]);
    let archive = backup_of(&[&source]);
    fs::remove_dir_all(root.join("contents")).unwrap();
    fs::write(root.join("kinds/first name"), "overwritten").unwrap();
    fs::write(root.join("added"), "since").unwrap();
    let damaged = image(&root);

    let plan = source.plan(&archive, &[], &Progress::default()).unwrap();
    assert_eq!(plan.removed, 1);
    // One file, under each of its three names.
    assert_eq!(plan.changed, 3);
    assert!(plan.added > 600);
    assert_same_tree(&image(&root), &damaged);

    let mut staged = stage(&source, &archive);
    assert_eq!(staged.warnings(), Vec::<String>::new());
    let aside = staged.aside();
    assert_eq!(siblings(&root), std::slice::from_ref(&aside));
    assert_same_tree(&image(&root), &damaged);
    let before = roots_of(&*staged);
    staged.commit().unwrap();
    assert_same_tree(&image(&root), &meant);
    assert_same_tree(&image(&aside), &damaged);
    assert_eq!(fs::metadata(&root).unwrap().ino(), before.new.inode);
    assert_eq!(fs::metadata(&aside).unwrap().ino(), before.old.unwrap().inode);
    assert_eq!(staged.compare(&Progress::default()).unwrap().differences, Vec::<String>::new());

    staged.undo().unwrap();
    staged.undo().unwrap();
    assert_same_tree(&image(&root), &damaged);
    staged.commit().unwrap();
    staged.commit().unwrap();
    assert_same_tree(&image(&root), &meant);
    staged.discard().unwrap();
    assert_eq!(siblings(&root), Vec::<PathBuf>::new());
    assert_same_tree(&image(&root), &meant);
}

#[test]
fn a_tree_that_is_gone_is_made_again_and_undone_to_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tree");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("file"), "x").unwrap();
    let source = tree(&root, &[]);
    let archive = backup_of(&[&source]);
    fs::remove_dir_all(&root).unwrap();
    assert_eq!(source.plan(&archive, &[], &Progress::default()).unwrap().added, 2);
    let mut staged = stage(&source, &archive);
    assert_eq!(roots_of(&*staged).old, None);
    staged.commit().unwrap();
    assert_eq!(fs::read(root.join("file")).unwrap(), b"x");
    assert!(staged.compare(&Progress::default()).unwrap().is_same());
    staged.undo().unwrap();
    assert!(!root.exists());
    staged.discard().unwrap();
    assert_eq!(siblings(&root), Vec::<PathBuf>::new());
}

#[test]
fn what_the_backup_leaves_out_is_kept_in_the_live_tree() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tree");
    fs::create_dir_all(root.join("a/cache/deep")).unwrap();
    fs::create_dir(root.join("later")).unwrap();
    fs::write(root.join("a/file"), "old").unwrap();
    let source = tree(&root, &["**/cache/**", "*.log", "tmp/"]);
    fs::remove_dir(root.join("later")).unwrap();
    let archive = backup_of(&[&source]);

    fs::write(root.join("a/file"), "new").unwrap();
    fs::write(root.join("a/app.log"), "log").unwrap();
    fs::write(root.join("a/cache/deep/c"), "cached").unwrap();
    fs::create_dir_all(root.join("tmp/sub")).unwrap();
    fs::write(root.join("tmp/sub/t"), "t").unwrap();
    symlink("t", root.join("tmp/sub/link")).unwrap();
    fs::set_permissions(root.join("tmp/sub"), fs::Permissions::from_mode(0o711)).unwrap();
    fs::create_dir(root.join("later")).unwrap();
    fs::write(root.join("later/x.log"), "left").unwrap();
    let kept = image(&root.join("tmp"));
    let inode = fs::metadata(root.join("a/app.log")).unwrap().ino();

    let plan = source.plan(&archive, &[], &Progress::default()).unwrap();
    assert!(plan.notes.iter().any(|note| note.starts_with("4 live entries")), "{:?}", plan.notes);
    let mut staged = stage(&source, &archive);
    staged.commit().unwrap();
    assert_eq!(fs::read(root.join("a/file")).unwrap(), b"old");
    assert_eq!(fs::metadata(root.join("a/app.log")).unwrap().ino(), inode);
    assert_eq!(fs::read(root.join("a/cache/deep/c")).unwrap(), b"cached");
    assert_eq!(image(&root.join("tmp")).keys().collect::<Vec<_>>(), kept.keys().collect::<Vec<_>>());
    assert_eq!(fs::metadata(root.join("tmp/sub")).unwrap().mode() & 0o777, 0o711);
    assert!(!root.join("later").exists());
    assert_eq!(staged.compare(&Progress::default()).unwrap().differences, Vec::<String>::new());
    assert!(staged.warnings()[0].starts_with("1 live entries"), "{:?}", staged.warnings());
    assert_eq!(fs::read(staged.aside().join("later/x.log")).unwrap(), b"left");
    staged.undo().unwrap();
    assert_eq!(fs::read(root.join("a/file")).unwrap(), b"new");
    staged.discard().unwrap();
    assert_eq!(fs::read(root.join("a/app.log")).unwrap(), b"log");
    assert_same_tree(&image(&root.join("tmp")), &kept);
}

#[test]
fn a_change_to_the_staged_tree_is_found_before_the_swap_and_one_after_it_by_comparing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tree");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("file"), "content").unwrap();
    let source = tree(&root, &[]);
    let archive = backup_of(&[&source]);
    type Meddle = fn(&Path);
    let meddlings: [(&str, Meddle); 5] = [
        ("SHA-256", |at| {
            let times = fs::metadata(at.join("file")).unwrap().modified().unwrap();
            let file = fs::File::options().write(true).open(at.join("file")).unwrap();
            std::os::unix::fs::FileExt::write_all_at(&file, b"C", 0).unwrap();
            file.set_modified(times).unwrap();
        }),
        ("size", |at| fs::write(at.join("file"), "longer content").unwrap()),
        ("not in the backup", |at| fs::write(at.join("more"), "").unwrap()),
        ("missing", |at| fs::remove_file(at.join("file")).unwrap()),
        ("mode", |at| fs::set_permissions(at.join("file"), fs::Permissions::from_mode(0o600)).unwrap()),
    ];
    for (found, meddle) in meddlings {
        let mut staged = stage(&source, &archive);
        meddle(&staged.aside());
        let modified = fs::metadata(&root).unwrap().modified().unwrap();
        fs::File::open(staged.aside()).unwrap().set_modified(modified).unwrap();
        let error = staged.validate(&Progress::default()).unwrap_err();
        assert!(matches!(&error, StageError::Mismatch { .. }) && error.to_string().contains(found), "{found}: {error}");
        staged.discard().unwrap();
    }
    let mut staged = stage(&source, &archive);
    staged.commit().unwrap();
    fs::write(root.join("file"), "longer content").unwrap();
    let comparison = staged.compare(&Progress::default()).unwrap();
    assert_eq!(comparison.differences, ["t/file: differs from the backup: size"]);
    staged.discard().unwrap();
}

#[test]
fn something_else_in_the_live_place_is_not_swapped_away() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tree");
    fs::create_dir(&root).unwrap();
    let source = tree(&root, &[]);
    let archive = backup_of(&[&source]);
    let mut staged = stage(&source, &archive);
    fs::rename(&root, folder.path().join("moved")).unwrap();
    fs::create_dir(&root).unwrap();
    fs::write(root.join("precious"), "new").unwrap();
    assert!(matches!(staged.commit(), Err(StageError::Source(SourceError::Refused { .. }))));
    assert_eq!(fs::read(root.join("precious")).unwrap(), b"new");
    staged.discard().unwrap();
    fs::remove_dir_all(&root).unwrap();
    symlink("moved", &root).unwrap();
    assert!(matches!(
        source.plan(&archive, &[], &Progress::default()),
        Err(StageError::Source(SourceError::WrongType { .. }))
    ));
    assert!(source.stage(&archive, &whole(), &Progress::default()).is_err());
}

#[test]
fn staging_that_fails_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tree");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("file"), "x").unwrap();
    let source = tree(&root, &[]);
    let archive = backup_of(&[&source]);
    let cancelled = Progress::default();
    cancelled.cancellation().cancel();
    assert!(matches!(source.stage(&archive, &whole(), &cancelled), Err(StageError::Cancelled(_))));
    // A manifest that holds nothing of the source.
    let hollow = archive_by(&[&source], |writer| {
        writer.begin_source();
        Vec::new()
    });
    assert!(matches!(source.stage(&hollow, &whole(), &Progress::default()), Err(StageError::Read(_))));
    let other = tree(&root, &[]);
    let other = archive_by(&[], |_| {
        let _ = &other;
        Vec::new()
    });
    assert!(matches!(source.stage(&other, &whole(), &Progress::default()), Err(StageError::NotInBackup { .. })));
    assert_eq!(siblings(&root), Vec::<PathBuf>::new());
}

#[test]
fn a_tree_with_a_mount_below_is_refused_by_name() {
    // Every machine has this one.
    let error = super::super::plan::method_for(&tree(Path::new("/dev"), &[])).unwrap_err().to_string();
    assert!(error.contains("/dev/") && error.contains("mount point below"), "{error}");
}
