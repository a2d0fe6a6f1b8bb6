//! Named members and folders are restored, and nothing else is touched.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;

use super::super::stage::StagedTree;
use super::tree;
use crate::archive::ArchiveReader;
use crate::model::JobId;
use crate::progress::Progress;
use crate::source::testing::{assert_same_tree, backup_of, image};
use crate::source::{FileTree, Source as _, StageError, StageRequest, Staged as _, SwapMethod};

fn scene(root: &Path) -> (FileTree, Arc<ArchiveReader>) {
    fs::create_dir_all(root.join("keep/deep")).unwrap();
    fs::create_dir_all(root.join("lost/inner")).unwrap();
    fs::write(root.join("keep/deep/file"), "old").unwrap();
    fs::write(root.join("keep/one"), "old one").unwrap();
    fs::write(root.join("lost/inner/file"), "lost").unwrap();
    fs::hard_link(root.join("keep/one"), root.join("lost/link")).unwrap();
    fs::write(root.join("top"), "old top").unwrap();
    let source = tree(root, &["*.log"]);
    let archive = backup_of(&[&source]);
    // What is not named has to stay like this.
    fs::write(root.join("keep/deep/file"), "new").unwrap();
    fs::write(root.join("keep/one"), "new one").unwrap();
    fs::write(root.join("keep/added"), "added").unwrap();
    fs::write(root.join("keep/app.log"), "log").unwrap();
    symlink("added", root.join("keep/link")).unwrap();
    fs::set_permissions(root.join("keep"), fs::Permissions::from_mode(0o711)).unwrap();
    fs::write(root.join("top"), "new top").unwrap();
    // And this is what was lost.
    fs::remove_dir_all(root.join("lost/inner")).unwrap();
    fs::remove_file(root.join("lost/link")).unwrap();
    fs::write(root.join("lost/rubbish"), "rubbish").unwrap();
    fs::write(root.join("lost/app.log"), "log").unwrap();
    (source, archive)
}

fn request(paths: &[&str]) -> StageRequest<'static> {
    let paths = paths.iter().map(|path| path.as_bytes().to_vec()).collect();
    StageRequest { paths, ..StageRequest::whole(JobId::generate()) }
}

#[test]
fn a_named_folder_comes_back_and_all_else_stays_as_it_is() {
    for method in [SwapMethod::ExchangeRoot, SwapMethod::RenameRoot, SwapMethod::ExchangeEntries] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("tree");
        let (source, archive) = scene(&root);
        let before = image(&root);
        let inode = fs::metadata(root.join("keep/one")).unwrap().ino();
        let progress = Progress::default();
        let plan = source.plan(&archive, &[b"t/lost".to_vec()], &progress).unwrap();
        assert_eq!((plan.added, plan.changed, plan.removed), (3, 0, 1));
        assert_eq!(plan.bytes, 11);

        let mut staged = StagedTree::lay_out(&source, &archive, &request(&["t/lost"]), method, &progress).unwrap();
        staged.validate(&progress).unwrap();
        // Until the application is stopped the rest may change.
        fs::write(root.join("keep/late"), "late").unwrap();
        fs::remove_file(root.join("keep/late")).unwrap();
        let kept_time = fs::metadata(root.join("keep")).unwrap().modified().unwrap();
        staged.commit().unwrap();
        assert!(staged.compare(&progress).unwrap().is_same());
        assert_eq!(fs::read(root.join("lost/inner/file")).unwrap(), b"lost");
        assert_eq!(fs::read(root.join("lost/link")).unwrap(), b"old one", "its first name is not the named one");
        assert_eq!(fs::read(root.join("lost/app.log")).unwrap(), b"log");
        assert!(!root.join("lost/rubbish").exists());
        assert_eq!(fs::metadata(root.join("keep/one")).unwrap().ino(), inode);
        assert_eq!(fs::metadata(root.join("keep")).unwrap().modified().unwrap(), kept_time);

        let rest = |path: &Path| {
            let mut items = image(path);
            items.retain(|path, _| !path.starts_with(b"lost") && !path.starts_with(b".carelog") && path != b"keep");
            items
        };
        let mut expected = before;
        expected.retain(|path, _| !path.starts_with(b"lost") && path != b"keep");
        assert_same_tree(&rest(&root), &expected);
        staged.undo().unwrap();
        assert!(root.join("lost/rubbish").exists());
        assert_same_tree(&rest(&root), &expected);
        Box::new(staged).discard().unwrap();
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}

#[test]
fn a_named_file_comes_back_where_its_folder_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tree");
    let (source, archive) = scene(&root);
    fs::remove_dir_all(root.join("keep")).unwrap();
    let request = request(&["t/keep/deep/file", "t/top"]);
    let mut staged = source.stage(&archive, &request, &Progress::default()).unwrap();
    staged.validate(&Progress::default()).unwrap();
    staged.commit().unwrap();
    assert!(staged.compare(&Progress::default()).unwrap().is_same());
    assert_eq!(fs::read(root.join("keep/deep/file")).unwrap(), b"old");
    assert_eq!(fs::read(root.join("top")).unwrap(), b"old top");
    assert!(!root.join("keep/one").exists());
    assert!(root.join("lost/rubbish").exists());
    staged.discard().unwrap();
}

#[test]
fn a_name_that_the_backup_does_not_hold_is_refused_and_nothing_staged() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tree");
    let (source, archive) = scene(&root);
    for unknown in ["t/nothing", "elsewhere", "t/keep/on", "t/../t/top"] {
        let staged = source.stage(&archive, &request(&[unknown]), &Progress::default());
        assert!(matches!(staged, Err(StageError::NoSuchMember { .. })), "{unknown}");
        assert!(source.plan(&archive, &[unknown.as_bytes().to_vec()], &Progress::default()).is_err());
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    // The source itself is all of it.
    let staged = source.stage(&archive, &request(&["t/"]), &Progress::default()).unwrap();
    assert!(staged.aside().join("keep/one").exists());
    staged.discard().unwrap();
}
