//! Sources staged and swapped where file systems are mounted: on a mount point, with one below, under a folder that may
//! not be written.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use carelogd::archive::metadata::FORMAT_VERSION;
use carelogd::archive::{ArchiveReader, ArchiveWriter, Codec, Metadata, WriterOptions};
use carelogd::clock::Clock;
use carelogd::model::{BackupId, Class, JobId, Mode, Requester, Scope, SourceName};
use carelogd::progress::Progress;
use carelogd::source::{
    FileTree, FileTreeOptions, Generation, JsonFile, RecordedSwap, SafetyBackup, SnapshotRequest, Source, SourceError,
    StageError, StageRequest, Staged, SwapMethod, SwapRecord,
};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::support::mount::{Tmpfs, may_mount};
use crate::support::process::{has_tools, hermetic, run};
use crate::support::tree_diff::assert_same;
use crate::support::{TreeImage, tree_zoo};

fn name(text: &str) -> SourceName {
    SourceName::new(text).unwrap()
}

fn tree(root: &Path) -> FileTree {
    let options = FileTreeOptions { exclude: vec!["*.log".to_owned()], one_file_system: true };
    FileTree::new(name("studies"), root.to_owned(), options).unwrap()
}

fn backup_of(source: &dyn Source) -> Arc<ArchiveReader> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive");
    let file = File::options().create_new(true).read(true).write(true).open(&path).unwrap();
    let options =
        WriterOptions { codec: Codec::Zstd(1), threads: 2, spool_dir: folder.path().to_owned(), bases: Vec::new() };
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
        sources: vec![source.metadata()],
    };
    let mut writer = ArchiveWriter::create(file, &options, metadata, Progress::default()).unwrap();
    let summary = source.snapshot(&mut writer, &SnapshotRequest::default(), &Progress::default()).unwrap().summary;
    writer.finish(vec![summary], "2025-10-29T14:31:00Z".parse().unwrap()).unwrap();
    Arc::new(ArchiveReader::open(File::open(path).unwrap()).unwrap())
}

/// As if nothing had been touched for a while before it began.
fn safety_of(source: &dyn Source) -> SafetyBackup {
    let created_at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3);
    SafetyBackup { archive: backup_of(source), created_at }
}

fn stage(source: &dyn Source, archive: &Arc<ArchiveReader>, safety: &SafetyBackup) -> Box<dyn Staged> {
    let request = StageRequest { safety: Some(safety), ..StageRequest::whole(JobId::generate()) };
    let mut staged = source.stage(archive, &request, &Progress::default()).unwrap();
    staged.validate(&Progress::default()).unwrap();
    assert_eq!(staged.changed_since_safety(&Progress::default()).unwrap(), Vec::<String>::new());
    staged.bring_up_to_date(&Progress::default()).unwrap();
    staged
}

fn image(root: &Path) -> TreeImage {
    TreeImage::of_all_but(root, ".carelog-restore").without_sockets()
}

fn damage(root: &Path) {
    fs::remove_dir_all(root.join("contents/many")).unwrap();
    fs::write(root.join("contents/one-block"), "overwritten").unwrap();
    fs::write(root.join("rubbish"), "added").unwrap();
    fs::set_permissions(root, fs::Permissions::from_mode(0o711)).unwrap();
}

#[track_caller]
fn refusal(result: Result<impl std::fmt::Debug, StageError>) -> String {
    match result {
        Err(StageError::Source(error @ SourceError::Refused { .. })) => error.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_root_that_is_a_mount_point_is_swapped_entry_by_entry_and_back() {
    if !may_mount() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("studies");
    let _tmpfs = Tmpfs::mount(&root, 200 << 10);
    tree_zoo::make(&root);
    swap_entries_there_and_back(&root);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_root_whose_folder_may_not_be_written_is_swapped_entry_by_entry_and_back() {
    if !may_mount() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let outer = folder.path().join("outer");
    let tmpfs = Tmpfs::mount(&outer, 200 << 10);
    let root = outer.join("studies");
    tree_zoo::make(&root);
    // Read-only but for the root, as a sandbox makes it.
    mount(Some(&root), &root, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
    mount(None::<&str>, &outer, None::<&str>, flags, None::<&str>).unwrap();
    swap_entries_there_and_back(&root);
    umount2(&root, MntFlags::MNT_DETACH).unwrap();
    drop(tmpfs);
}

fn swap_entries_there_and_back(root: &Path) {
    fs::write(root.join("app.log"), "left out").unwrap();
    let source = tree(root);
    let meant = image(root);
    let archive = backup_of(&source);
    damage(root);
    let damaged = image(root);
    let kept = fs::metadata(root.join("app.log")).unwrap().ino();
    let linked = fs::metadata(root.join("contents/text")).unwrap().ino();

    let plan = source.plan(&archive, &[], &Progress::default()).unwrap();
    assert_eq!(plan.method, SwapMethod::ExchangeEntries);
    assert!(plan.notes.iter().any(|note| note.contains("one by one")), "{:?}", plan.notes);
    assert_same(&damaged, &image(root));

    let mut staged = stage(&source, &archive, &safety_of(&source));
    assert_same(&damaged, &image(root));
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!(mode(&root.join(".carelog-restore")), 0o700);
    let record: SwapRecord = serde_json::from_str(&serde_json::to_string(&staged.record()).unwrap()).unwrap();
    let RecordedSwap::ExchangeEntries(entries) = &record.swap else { panic!("{record:#?}") };
    assert!(entries.entries.iter().all(|entry| entry.name != Path::new("app.log")));

    staged.commit().unwrap();
    assert!(staged.compare(&Progress::default()).unwrap().is_same());
    assert_same(&meant, &image(root));
    assert_eq!(fs::metadata(root.join("app.log")).unwrap().ino(), kept);
    assert_eq!(fs::metadata(root.join("contents/text")).unwrap().ino(), linked);
    assert_eq!(record.generation().unwrap(), Generation::New);
    record.put_back().unwrap();
    assert_same(&damaged, &image(root));
    record.put_forward().unwrap();
    record.discard_aside().unwrap();
    assert_same(&meant, &image(root));
    assert!(!root.join(".carelog-restore").exists());
}

#[test]
fn a_mount_below_a_root_is_refused_by_name() {
    if !may_mount() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("studies");
    fs::create_dir(&root).unwrap();
    let source = tree(&root);
    let archive = backup_of(&source);
    let _tmpfs = Tmpfs::mount(&root.join("scanner share"), 1 << 10);
    for error in [
        refusal(source.plan(&archive, &[], &Progress::default())),
        refusal(source.stage(&archive, &StageRequest::whole(JobId::generate()), &Progress::default())),
    ] {
        assert!(error.contains("scanner share is a mount point below it"), "{error}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_json_file_that_is_a_mount_is_refused() {
    if !may_mount() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.json");
    let mounted = folder.path().join("elsewhere.json");
    fs::write(&path, "{}").unwrap();
    fs::write(&mounted, "{}").unwrap();
    let source = JsonFile::new(name("data"), path.clone(), Vec::new(), Clock::system()).unwrap();
    let archive = backup_of(&source);
    mount(Some(&mounted), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    let error = refusal(source.plan(&archive, &[], &Progress::default()));
    assert!(error.contains("is a mount point"), "{error}");
    umount2(&path, MntFlags::MNT_DETACH).unwrap();
    assert_eq!(source.plan(&archive, &[], &Progress::default()).unwrap().method, SwapMethod::ExchangeRoot);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn what_is_the_same_shares_its_blocks_where_the_file_system_can() {
    if !may_mount() || !has_tools(&["mkfs.btrfs"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image_file = folder.path().join("disk");
    File::create(&image_file).unwrap().set_len(200 << 20).unwrap();
    let tool = |program: &str, arguments: &[&Path]| {
        run(hermetic(Path::new(program), folder.path()).args(arguments)).expect_code(0);
    };
    tool("mkfs.btrfs", &[Path::new("--quiet"), &image_file]);
    let disk = folder.path().join("mounted");
    fs::create_dir(&disk).unwrap();
    tool("mount", &[Path::new("-oloop"), &image_file, &disk]);
    let root = disk.join("studies");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("same"), vec![7; 1 << 20]).unwrap();
    fs::write(root.join("changed"), "old").unwrap();
    let source = tree(&root);
    let archive = backup_of(&source);
    let meant = image(&root);
    fs::write(root.join("changed"), "new").unwrap();
    let mut staged = stage(&source, &archive, &safety_of(&source));
    let (live, copy) = (root.join("same"), staged.aside().join("same"));
    assert_ne!(fs::metadata(&live).unwrap().ino(), fs::metadata(&copy).unwrap().ino());
    // Written in place now, the live file takes nothing along.
    fs::write(&live, "written to").unwrap();
    staged.commit().unwrap();
    assert_same(&meant, &image(&root));
    staged.discard().unwrap();
    umount2(&disk, MntFlags::MNT_DETACH).unwrap();
}
