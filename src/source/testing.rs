//! Archives of sources, and images of trees, for the tests of this module.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::sync::Arc;

use super::attributes::{Carrier, XattrReader};
use super::{RecordedSwap, RootSwap, SnapshotRequest, Source, StageRequest, Staged};
use crate::archive::metadata::FORMAT_VERSION;
use crate::archive::{ArchiveReader, ArchiveWriter, Codec, Metadata, SourceSummary, WriterOptions};
use crate::model::{BackupId, Class, JobId, Mode, Requester, Scope, Sha256, SourceName};
use crate::progress::Progress;

pub(super) fn name(text: &str) -> SourceName {
    SourceName::new(text).unwrap()
}

/// A request for all of a source.
pub(super) fn whole() -> StageRequest<'static> {
    StageRequest::whole(JobId::generate())
}

/// The two roots that `staged` swaps.
pub(super) fn roots_of(staged: &dyn Staged) -> RootSwap {
    match staged.record().swap {
        RecordedSwap::ExchangeRoot(swap) | RecordedSwap::RenameRoot(swap) => swap,
        other => panic!("{other:?}"),
    }
}

/// An archive that `fill` writes for `sources`.
pub(super) fn archive_by(
    sources: &[&dyn Source],
    fill: impl FnOnce(&mut ArchiveWriter) -> Vec<SourceSummary>,
) -> Arc<ArchiveReader> {
    let folder = tempfile::tempdir().unwrap();
    // The open file outlives the folder.
    Arc::new(ArchiveReader::open(write_archive(&folder, Codec::Zstd(1), &[], sources, fill).0).unwrap())
}

/// An incremental archive that builds on `base`, to be read with `archives`.
pub(super) fn archive_on(
    base: Option<&Arc<ArchiveReader>>,
    archives: &[Arc<ArchiveReader>],
    sources: &[&dyn Source],
    fill: impl FnOnce(&mut ArchiveWriter) -> Vec<SourceSummary>,
) -> Arc<ArchiveReader> {
    archive_and_sum_on(base, archives, sources, fill).0
}

/// The same, with the SHA-256 of its file.
pub(super) fn archive_and_sum_on(
    base: Option<&Arc<ArchiveReader>>,
    archives: &[Arc<ArchiveReader>],
    sources: &[&dyn Source],
    fill: impl FnOnce(&mut ArchiveWriter) -> Vec<SourceSummary>,
) -> (Arc<ArchiveReader>, Sha256) {
    let folder = tempfile::tempdir().unwrap();
    let bases = base.map_or(&[][..], std::slice::from_ref);
    let (file, sha256) = write_archive(&folder, Codec::Zstd(1), bases, sources, fill);
    (Arc::new(ArchiveReader::open(file).unwrap().with_bases(archives.to_vec()).unwrap()), sha256)
}

/// An uncompressed backup of `source` in which the first occurrence of `content` has one bit turned.
pub(super) fn damaged_backup_of(source: &dyn Source, content: &[u8]) -> Arc<ArchiveReader> {
    let folder = tempfile::tempdir().unwrap();
    let (file, _) = write_archive(&folder, Codec::None, &[], &[source], |writer| {
        vec![source.snapshot(writer, &SnapshotRequest::default(), &Progress::default()).unwrap().summary]
    });
    let bytes = std::fs::read(folder.path().join("archive")).unwrap();
    let at = bytes.windows(content.len()).position(|window| window == content).unwrap();
    file.write_all_at(&[content[0] ^ 1], at as u64).unwrap();
    Arc::new(ArchiveReader::open(file).unwrap())
}

fn write_archive(
    folder: &tempfile::TempDir,
    codec: Codec,
    bases: &[Arc<ArchiveReader>],
    sources: &[&dyn Source],
    fill: impl FnOnce(&mut ArchiveWriter) -> Vec<SourceSummary>,
) -> (File, Sha256) {
    let file = File::options().create_new(true).read(true).write(true).open(folder.path().join("archive")).unwrap();
    let options = WriterOptions { codec, threads: 2, spool_dir: folder.path().to_owned(), bases: bases.to_vec() };
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
        sources: sources.iter().map(|source| source.metadata()).collect(),
    };
    let mut writer = ArchiveWriter::create(file, &options, metadata, Progress::default()).unwrap();
    let summaries = fill(&mut writer);
    let finished = writer.finish(summaries, "2025-10-29T14:31:00Z".parse().unwrap()).unwrap();
    (File::options().read(true).write(true).open(folder.path().join("archive")).unwrap(), finished.sha256)
}

/// A backup of `sources`.
pub(super) fn backup_of(sources: &[&dyn Source]) -> Arc<ArchiveReader> {
    archive_by(sources, |writer| {
        sources
            .iter()
            .map(|source| source.snapshot(writer, &SnapshotRequest::default(), &Progress::default()).unwrap().summary)
            .collect()
    })
}

/// Everything about one thing that a restore has to bring back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Item {
    mode: u32,
    owner: (u32, u32),
    mtime: (i64, i64),
    device: u64,
    size: u64,
    content: Vec<u8>,
    xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The first path of the same file.
    first_name: Vec<u8>,
    has_holes: bool,
}

/// The image of a tree: every path below `root`, and `root` itself as the empty one.
pub(super) fn image(root: &Path) -> BTreeMap<Vec<u8>, Item> {
    let mut items = BTreeMap::new();
    let mut first_names = BTreeMap::new();
    let mut pending = vec![root.to_owned()];
    while let Some(path) = pending.pop() {
        let facts = path.symlink_metadata().unwrap();
        let relative = path.strip_prefix(root).unwrap().as_os_str().as_bytes().to_vec();
        let content = if facts.is_file() {
            Sha256::of(&std::fs::read(&path).unwrap()).0.to_vec()
        } else if facts.is_symlink() {
            path.read_link().unwrap().as_os_str().as_bytes().to_vec()
        } else {
            Vec::new()
        };
        if facts.is_dir() {
            let mut below: Vec<_> = path.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
            // Our own place in a root that is swapped by entries is no part of the tree.
            below.retain(|path| !path.ends_with(".carelog-restore"));
            below.sort();
            pending.extend(below.into_iter().rev());
        }
        let parent = File::open(path.parent().unwrap()).unwrap();
        let file_name = path.file_name().unwrap().as_bytes();
        let carrier = Carrier::Named(std::os::fd::AsFd::as_fd(&parent), file_name);
        let first_name = first_names.entry(facts.ino()).or_insert_with(|| relative.clone()).clone();
        let item = Item {
            mode: facts.mode(),
            owner: (facts.uid(), facts.gid()),
            mtime: (facts.mtime(), facts.mtime_nsec()),
            device: facts.rdev(),
            size: if facts.is_dir() { 0 } else { facts.size() },
            content,
            xattrs: XattrReader::new().read(carrier).unwrap(),
            first_name: if facts.is_file() { first_name } else { Vec::new() },
            has_holes: facts.is_file() && facts.blocks() * 512 < facts.size(),
        };
        items.insert(relative, item);
    }
    items
}

/// Fails with the paths that differ and how, instead of two whole trees.
#[track_caller]
pub(super) fn assert_same_tree(found: &BTreeMap<Vec<u8>, Item>, expected: &BTreeMap<Vec<u8>, Item>) {
    let mut differences = Vec::new();
    for path in found.keys().chain(expected.keys()).collect::<std::collections::BTreeSet<_>>() {
        let (found, expected) = (found.get(path), expected.get(path));
        if found != expected {
            differences.push(format!("{}:\n  found    {found:?}\n  expected {expected:?}", path.escape_ascii()));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
