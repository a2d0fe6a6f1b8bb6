//! What a backup takes over from the last one, and what it reads again. Whatever it does, its manifest is that of a full.

mod ceiling;
mod differences;
mod memory;
mod random;

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::tree;
use crate::archive::{ArchiveReader, ArchiveWriter, MemberContent, Meta, Segment, SourceSummary, Special, WriteError};
use crate::clock::Clock;
use crate::progress::Progress;
use crate::source::file_tree::FileTree;
use crate::source::file_tree::snapshot::snapshot;
use crate::source::sink::Sink;
use crate::source::testing::archive_on;
use crate::source::{SeenDraft, SeenFolder, SnapshotRequest};

/// A tree and its backups, each of which builds on the one before.
struct Scene {
    folder: tempfile::TempDir,
    root: PathBuf,
    source: FileTree,
    seen: SeenFolder,
    archives: Vec<Arc<ArchiveReader>>,
}

/// What came of one backup.
struct Outcome {
    archive: Arc<ArchiveReader>,
    summary: SourceSummary,
    /// Paths that were opened or looked into.
    read: Vec<String>,
    taken_over: Vec<String>,
    draft: Option<SeenDraft>,
}

impl Scene {
    /// With an empty tree, and a clock by which nothing is young.
    fn set() -> Self {
        Self::by(&Clock::manual(Timestamp::now() + SignedDuration::from_hours(1)))
    }

    fn by(clock: &Clock) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("tree");
        fs::create_dir(&root).unwrap();
        let source = tree(&root, &[]);
        let seen = SeenFolder::new(folder.path(), clock.clone());
        Self { folder, root, source, seen, archives: Vec::new() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn write(&self, name: &str, content: &str) {
        fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
        fs::write(self.at(name), content).unwrap();
    }

    fn last(&self) -> &Arc<ArchiveReader> {
        self.archives.last().unwrap()
    }

    fn seen_file(&self) -> PathBuf {
        self.folder.path().join("seen/t")
    }

    /// Backs up, and publishes.
    fn backup(&mut self) -> Outcome {
        let mut outcome = self.take(false, &self.seen);
        if let Some(draft) = outcome.draft.take() {
            draft.keep().unwrap();
        }
        self.archives.push(Arc::clone(&outcome.archive));
        self.wait_for_the_clock();
        outcome
    }

    /// A backup that builds on the last one.
    fn take(&self, rescan: bool, seen: &SeenFolder) -> Outcome {
        let request = SnapshotRequest { base: self.archives.last(), seen: Some(seen), rescan };
        self.take_as(&request)
    }

    fn take_as(&self, request: &SnapshotRequest<'_>) -> Outcome {
        let mut taken = None;
        let (mut read, mut taken_over) = (Vec::new(), Vec::new());
        let archive = archive_on(request.base, &self.archives, &[&self.source], |writer| {
            writer.begin_source();
            let id = writer.id();
            let mut watched = Watched { writer, read: &mut read, taken_over: &mut taken_over };
            let outcome = snapshot(&self.source, &mut watched, id, request, &Progress::default()).unwrap();
            let summary = outcome.summary.clone();
            taken = Some(outcome);
            vec![summary]
        });
        let taken = taken.unwrap();
        Outcome { archive, summary: taken.summary, read, taken_over, draft: taken.seen }
    }

    /// Fails unless `outcome` says what a full says that is taken now.
    #[track_caller]
    fn assert_as_a_full(&self, outcome: &Outcome) {
        let full = self.take_as(&SnapshotRequest::default());
        assert_eq!(text(&outcome.archive), text(&full.archive));
        assert_eq!(outcome.summary.counts, full.summary.counts);
        let sums = |summary: &SourceSummary| (summary.files, summary.size_bytes);
        assert_eq!(sums(&outcome.summary), sums(&full.summary));
        let totals = |archive: &ArchiveReader| {
            let totals = archive.restore_point().totals;
            (totals.entries, totals.files, totals.raw_bytes)
        };
        assert_eq!(totals(&outcome.archive), totals(&full.archive));
    }

    /// Until whatever is changed next gets another change time than what was changed last.
    fn wait_for_the_clock(&self) {
        let probe = self.folder.path().join("probe");
        let touched = || {
            fs::write(&probe, "x").unwrap();
            let facts = fs::metadata(&probe).unwrap();
            (facts.ctime(), facts.ctime_nsec())
        };
        let before = touched();
        // Two steps: some kernels give out finer times to who was looked at, and those lie ahead of the coarse ones.
        let ahead = 20_000_000;
        while touched() < (before.0 + (before.1 + ahead) / 1_000_000_000, (before.1 + ahead) % 1_000_000_000) {
            std::thread::yield_now();
        }
    }
}

/// All of the manifest.
fn text(archive: &ArchiveReader) -> String {
    let mut text = Vec::new();
    let mut manifest = archive.manifest_text(b"");
    while let Some((_, chunk)) = manifest.next_chunk().unwrap() {
        text.extend_from_slice(chunk);
    }
    String::from_utf8(text).unwrap()
}

fn set_mtime(path: &Path, seconds: u64) {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// Hands everything on to the archive and writes down what came.
struct Watched<'a> {
    writer: &'a mut ArchiveWriter,
    read: &'a mut Vec<String>,
    taken_over: &'a mut Vec<String>,
}

impl Sink for Watched<'_> {
    fn add_special(&mut self, path: &[u8], meta: Meta, special: &Special) -> Result<(), WriteError> {
        self.read.push(path.escape_ascii().to_string());
        Sink::add_special(self.writer, path, meta, special)
    }

    fn add_unchanged_line(&mut self, path: &[u8], line: &[u8], stored: Option<u64>) -> Result<(), WriteError> {
        self.taken_over.push(path.escape_ascii().to_string());
        Sink::add_unchanged_line(self.writer, path, line, stored)
    }

    fn add_file(
        &mut self,
        path: &[u8],
        meta: Meta,
        size: u64,
        content: &mut dyn MemberContent,
    ) -> Result<(), WriteError> {
        self.read.push(path.escape_ascii().to_string());
        Sink::add_file(self.writer, path, meta, size, content)
    }

    fn add_sparse_file(
        &mut self,
        path: &[u8],
        meta: Meta,
        size: u64,
        segments: Vec<Segment>,
        content: &mut dyn MemberContent,
    ) -> Result<(), WriteError> {
        self.read.push(path.escape_ascii().to_string());
        Sink::add_sparse_file(self.writer, path, meta, size, segments, content)
    }
}
