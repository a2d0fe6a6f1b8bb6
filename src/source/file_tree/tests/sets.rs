//! Extraction of a restore point that lies in several archives.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::sync::Arc;

use crate::archive::metadata::FORMAT_VERSION;
use crate::archive::{ArchiveReader, ArchiveWriter, Codec, MemberContent, Meta, Metadata, ReadError, WriterOptions};
use crate::model::{BackupId, Class, Mode, Requester, Scope};
use crate::progress::Progress;
use crate::source::StageError;
use crate::source::file_tree::extract::{ExtractOptions, ExtractReport, Extraction};

type Files = BTreeMap<String, Vec<u8>>;

struct Bytes<'a>(&'a [u8]);

impl MemberContent for Bytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        std::io::Read::read(&mut self.0, buffer)
    }
}

/// Bytes that neither compress nor repeat.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(length).collect()
}

fn write(base: Option<&Arc<ArchiveReader>>, files: &Files) -> File {
    let dir = tempfile::tempdir().unwrap();
    let metadata = Metadata {
        format_version: FORMAT_VERSION,
        id: BackupId::generate(),
        class: Class::Backup,
        scope: Scope::All,
        mode: Mode::Full,
        parent_id: None,
        created_at: jiff::Timestamp::UNIX_EPOCH,
        host: String::new(),
        program_version: String::new(),
        requested_by: Requester::daemon("test"),
        description: String::new(),
        sources: Vec::new(),
    };
    let bases = base.into_iter().cloned().collect();
    let options = WriterOptions { codec: Codec::Zstd(1), threads: 2, spool_dir: dir.path().to_owned(), bases };
    let file = tempfile::tempfile().unwrap();
    let mut writer = ArchiveWriter::create(file.try_clone().unwrap(), &options, metadata, Progress::default()).unwrap();
    writer.begin_source();
    for (path, content) in files {
        writer
            .add_file(
                path.as_bytes(),
                Meta { mode: 0o644, ..Meta::default() },
                content.len() as u64,
                &mut Bytes(content),
            )
            .unwrap();
    }
    writer.finish(Vec::new(), jiff::Timestamp::UNIX_EPOCH).unwrap();
    file
}

/// Ten days: each changes small files here and there and a part of each large one, moves a file, and takes one away.
fn ten_days() -> (Vec<File>, Files) {
    let mut files: Files = (0..300).map(|n| (format!("t/{n:03}"), noise(1 + n * 40, n as u64))).collect();
    for n in 0..8 {
        files.insert(format!("t/large{n}"), noise(3_000_000 + n * 100_000, 1000 + n as u64));
    }
    let mut days = vec![write(None, &files)];
    for day in 1..10_usize {
        for n in 0..10 {
            files.insert(format!("t/{:03}", (n * 31 + day * 7) % 300), noise(2000, (day * 100 + n) as u64));
        }
        for n in 0..8 {
            files.get_mut(&format!("t/large{n}")).unwrap()[day * 290_000] ^= 1;
        }
        let moved = files.remove(&format!("t/{:03}", day * 20 + 1)).unwrap();
        files.insert(format!("t/moved{day}"), moved);
        files.remove(&format!("t/{:03}", day * 20 + 2));
        let base = Arc::new(open(&days, days.len() - 1));
        days.push(write(Some(&base), &files));
    }
    (days, files)
}

/// Opens day number `day` with those before it.
fn open(days: &[File], day: usize) -> ArchiveReader {
    let reader = |file: &File| ArchiveReader::open(file.try_clone().unwrap()).unwrap();
    let bases = days[..day].iter().map(reader).collect();
    ArchiveReader::open_set(days[day].try_clone().unwrap(), bases).unwrap()
}

fn extract(archive: &ArchiveReader, partial: bool) -> (Result<ExtractReport, StageError>, Files) {
    let target = tempfile::tempdir().unwrap();
    let fd = File::open(&target).unwrap();
    let options = ExtractOptions { threads: 2, partial, ..ExtractOptions::default() };
    let report = Extraction::new(archive, fd.as_fd(), options, &Progress::default()).run(archive.entries(b""));
    let mut found = Files::new();
    for entry in target.path().join("t").read_dir().into_iter().flatten() {
        let path = entry.unwrap().path();
        found.insert(format!("t/{}", path.file_name().unwrap().to_str().unwrap()), fs::read(&path).unwrap());
    }
    (report, found)
}

#[test]
fn a_restore_point_of_ten_archives_is_extracted_whole() {
    let (days, files) = ten_days();
    let archive = open(&days, 9);
    assert_eq!(archive.bases().count(), 9, "each day left something that is still there");
    let (report, found) = extract(&archive, false);
    assert_eq!(report.unwrap().files, files.len() as u64);
    assert!(found == files);
}

#[test]
fn what_lies_in_an_archive_that_is_not_here_is_an_error_or_left_out_by_name() {
    let (days, files) = ten_days();
    let all = open(&days, 9);
    let without_third: Vec<ArchiveReader> = days[..9]
        .iter()
        .map(|file| ArchiveReader::open(file.try_clone().unwrap()).unwrap())
        .enumerate()
        .filter_map(|(day, reader)| (day != 3).then_some(reader))
        .collect();
    let missing = ArchiveReader::open(days[3].try_clone().unwrap()).unwrap().id();
    let archive = ArchiveReader::open_set(days[9].try_clone().unwrap(), without_third).unwrap();
    let (result, _) = extract(&archive, false);
    assert!(matches!(result, Err(StageError::Read(ReadError::MissingArchive { id })) if id == missing), "{result:?}");
    let (report, found) = extract(&archive, true);
    let left_out: Vec<String> = report.unwrap().damaged.into_iter().map(|damage| damage.member).collect();
    let lies_in_it = |path: &String| {
        let entry = all.entry(path.as_bytes()).unwrap().unwrap();
        let chunks = &entry.content().unwrap().chunks;
        chunks.iter().any(|chunk| all.archive_of(all.locate(&chunk.id).unwrap().frame).0.id() == missing)
    };
    let (expected, rest): (Vec<String>, Vec<String>) = files.keys().cloned().partition(lies_in_it);
    assert!(!expected.is_empty());
    assert_eq!(left_out, expected);
    assert_eq!(found.keys().cloned().collect::<Vec<_>>(), rest);
}
