//! What is the same is taken from the live tree, what changes meanwhile from the archive.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::tree;
use crate::archive::ArchiveReader;
use crate::model::JobId;
use crate::progress::Progress;
use crate::source::testing::{assert_same_tree, backup_of, image};
use crate::source::{FileTree, SafetyBackup, Source as _, StageRequest, Staged};

/// A backup of four files, of which one was changed since, and a safety backup of that.
struct Scene {
    _folder: tempfile::TempDir,
    root: PathBuf,
    source: FileTree,
    archive: Arc<ArchiveReader>,
    safety: SafetyBackup,
}

impl Scene {
    fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("tree");
        fs::create_dir_all(root.join("sub")).unwrap();
        for name in ["same", "other", "sub/deep", "sub/changed"] {
            fs::write(root.join(name), format!("content of {name}")).unwrap();
        }
        fs::hard_link(root.join("same"), root.join("sub/second name")).unwrap();
        let source = tree(&root, &[]);
        let archive = backup_of(&[&source]);
        fs::write(root.join("sub/changed"), "something else").unwrap();
        // As if nothing had been touched for a while before it.
        let created_at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3);
        let safety = SafetyBackup { archive: backup_of(&[&source]), created_at };
        Self { _folder: folder, root, source, archive, safety }
    }

    fn stage(&self) -> Box<dyn Staged> {
        let request = StageRequest { safety: Some(&self.safety), ..StageRequest::whole(JobId::generate()) };
        let mut staged = self.source.stage(&self.archive, &request, &Progress::default()).unwrap();
        staged.validate(&Progress::default()).unwrap();
        staged
    }
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}

#[test]
fn a_file_that_both_backups_hold_alike_is_not_written_again() {
    let scene = Scene::set();
    let meant = {
        let target = tempfile::tempdir().unwrap();
        let copy = target.path().join("tree");
        fs::create_dir(&copy).unwrap();
        let fd = File::open(&copy).unwrap();
        let options = super::super::extract::ExtractOptions { strip: b"t/".to_vec(), ..Default::default() };
        let progress = Progress::default();
        super::super::extract::Extraction::new(&scene.archive, std::os::fd::AsFd::as_fd(&fd), options, &progress)
            .run(scene.archive.entries(b"t/"))
            .unwrap();
        image(&copy)
    };
    let old = image(&scene.root);
    let mut staged = scene.stage();
    assert_eq!(staged.changed_since_safety(&Progress::default()).unwrap(), Vec::<String>::new());
    for name in ["same", "other", "sub/deep", "sub/second name"] {
        // A file system that shares blocks gives the copy an inode of its own.
        assert_eq!(inode(&staged.aside().join(name)), inode(&scene.root.join(name)), "{name}");
    }
    assert_ne!(inode(&staged.aside().join("sub/changed")), inode(&scene.root.join("sub/changed")));
    staged.commit().unwrap();
    assert_same_tree(&image(&scene.root), &meant);
    assert!(staged.compare(&Progress::default()).unwrap().is_same());
    staged.undo().unwrap();
    assert_same_tree(&image(&scene.root), &old);
    staged.discard().unwrap();
    assert_same_tree(&image(&scene.root), &old);
}

#[test]
fn nothing_is_linked_that_was_touched_about_when_the_safety_backup_began() {
    let mut scene = Scene::set();
    scene.safety.created_at = jiff::Timestamp::now();
    let staged = scene.stage();
    for name in ["same", "other", "sub/deep"] {
        assert_ne!(inode(&staged.aside().join(name)), inode(&scene.root.join(name)), "{name}");
    }
    staged.discard().unwrap();
}

#[test]
fn what_changes_until_the_application_is_stopped_is_named_and_comes_from_the_archive() {
    type Meddle = fn(&Path);
    let meddlings: [(&str, Meddle); 7] = [
        ("t/other: changed (size)", |root| fs::write(root.join("other"), "longer than before").unwrap()),
        ("t/other: changed (touched since)", |root| {
            // Written in place, and the time set back.
            let file = File::options().write(true).open(root.join("other")).unwrap();
            let modified = file.metadata().unwrap().modified().unwrap();
            file.write_all_at(b"C", 0).unwrap();
            file.set_modified(modified).unwrap();
        }),
        ("t/sub/second name: changed (touched since)", |root| {
            let file = File::options().write(true).open(root.join("same")).unwrap();
            let modified = file.metadata().unwrap().modified().unwrap();
            file.write_all_at(b"C", 0).unwrap();
            file.set_modified(modified).unwrap();
        }),
        ("t/other: is gone", |root| fs::remove_file(root.join("other")).unwrap()),
        ("t/new: is new", |root| fs::write(root.join("new"), "new").unwrap()),
        ("t/moved: is new", |root| fs::rename(root.join("sub/deep"), root.join("moved")).unwrap()),
        ("t/other: changed (modification time)", |root| {
            fs::write(root.join("temporary"), "content of other").unwrap();
            fs::rename(root.join("temporary"), root.join("other")).unwrap();
        }),
    ];
    for (named, meddle) in meddlings {
        for look in [true, false] {
            let scene = Scene::set();
            let reference = {
                let mut staged = scene.stage();
                staged.commit().unwrap();
                let meant = image(&scene.root);
                staged.undo().unwrap();
                staged.discard().unwrap();
                meant
            };
            // The links of the first staging changed the change times.
            let scene = Scene {
                safety: SafetyBackup {
                    created_at: jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3),
                    ..scene.safety.clone()
                },
                ..scene
            };
            let mut staged = scene.stage();
            meddle(&scene.root);
            let meddled = image(&scene.root);
            if look {
                let changes = staged.changed_since_safety(&Progress::default()).unwrap();
                assert!(changes.iter().any(|change| change == named), "{named}: {changes:?}");
            }
            staged.bring_up_to_date(&Progress::default()).unwrap();
            staged.commit().unwrap();
            assert_same_tree(&image(&scene.root), &reference);
            assert!(staged.compare(&Progress::default()).unwrap().is_same(), "{named}");
            staged.undo().unwrap();
            assert_same_tree(&image(&scene.root), &meddled);
            staged.discard().unwrap();
        }
    }
}
