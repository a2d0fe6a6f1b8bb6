//! Archives written and read back, in every codec.

use std::collections::BTreeMap;
use std::io::Write as _;

use super::*;
use crate::archive::reader::ArchiveReader;
use crate::archive::testing::{Archive, Noise, archive_of, metadata, options, write};

/// Content that fails, ends early or changes on request.
struct Scripted {
    data: Vec<u8>,
    at: usize,
    fails_at: Option<usize>,
    changed: bool,
}

impl MemberContent for Scripted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.fails_at.is_some_and(|at| self.at >= at) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let end = self.fails_at.unwrap_or(self.data.len());
        let length = buffer.len().min(end - self.at).min(100_000);
        buffer[..length].copy_from_slice(&self.data[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }

    fn confirm(&mut self) -> io::Result<bool> {
        Ok(!self.changed)
    }
}

fn scripted(data: &[u8]) -> Scripted {
    Scripted { data: data.to_vec(), at: 0, fails_at: None, changed: false }
}

fn contents(archive: &ArchiveReader) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in archive.entries(b"") {
        let entry = entry.unwrap();
        let Some(content) = entry.content() else { continue };
        let mut bytes = Vec::new();
        archive
            .read_content(content, &mut |chunk| {
                bytes.extend_from_slice(chunk);
                Ok(())
            })
            .unwrap();
        assert_eq!(content.sha256, Sha256::of(&bytes), "{}", entry.display_path());
        found.insert(entry.display_path().into_owned(), bytes);
    }
    found
}

#[test]
fn every_content_comes_back_in_every_codec() {
    for codec in [Codec::Zstd(3), Codec::Gzip(6), Codec::None] {
        let mut noise = Noise::new(1);
        let sizes = [0, 1, 511, 512, 513, MIN_CHUNK - 1, MIN_CHUNK, MIN_CHUNK + 1, 3 << 20, (4 << 20) + 1, 13_000_001];
        let files: Vec<(String, Vec<u8>)> =
            sizes.iter().enumerate().map(|(n, &size)| (format!("t/f{n:02}"), noise.bytes(size))).collect();
        let archive = archive_of(codec, &files);
        let found = contents(&archive.reader());
        assert_eq!(found, files.into_iter().collect());
        let totals = archive.reader().restore_point().totals;
        assert_eq!((totals.files, totals.entries), (11, 12));
        assert_eq!(totals.raw_bytes, found.values().map(|c| c.len() as u64).sum::<u64>());
    }
}

#[test]
fn many_small_files_share_frames_and_manifest_chunks() {
    let files: Vec<(String, Vec<u8>)> =
        (0..20_000).map(|n| (format!("t/{n:05}"), format!("content of file {n}").into_bytes())).collect();
    let archive = archive_of(Codec::Zstd(3), &files);
    let reader = archive.reader();
    assert!(reader.frames().len() < 30, "{} frames", reader.frames().len());
    assert!(reader.restore_point().manifest.len() > 3);
    assert!(archive.verify().is_sound());
    // Each is read by itself, which decompresses a frame: a sample will do, the ends of frames among it.
    for (path, content) in files.iter().step_by(97).chain(files.last()) {
        let entry = reader.entry(path.as_bytes()).unwrap().unwrap();
        let mut bytes = Vec::new();
        reader.read_content(entry.content().unwrap(), &mut |chunk| bytes.write_all(chunk)).unwrap();
        assert_eq!(bytes, *content, "{path}");
    }
}

#[test]
fn one_entry_is_found_without_reading_the_others() {
    let files: Vec<(String, Vec<u8>)> = (0..20_000).map(|n| (format!("t/{n:05}"), vec![1; 10])).collect();
    let archive = archive_of(Codec::Zstd(3), &files);
    let reader = archive.reader();
    for n in [0, 1, 777, 9_999, 19_999] {
        let path = format!("t/{n:05}");
        assert_eq!(reader.entry(path.as_bytes()).unwrap().unwrap().path, path.as_bytes());
    }
    assert_eq!(reader.entry(b"t/0000").unwrap(), None);
    assert_eq!(reader.entry(b"t/20000").unwrap(), None);
    assert_eq!(reader.entries(b"t/1999").count(), 10);
    assert_eq!(reader.entries(b"").count(), 20_001);
    assert_eq!(reader.entries(b"u").count(), 0);
}

#[test]
fn sources_stand_in_the_manifest_by_path_whatever_their_order() {
    let archive = write(Codec::Zstd(3), |writer| {
        for (path, special) in [("z/", Special::Directory), ("a/", Special::Directory)] {
            writer.begin_source();
            writer.add_special(path.as_bytes(), Meta::default(), &special).unwrap();
            let inner = format!("{path}file");
            writer.add_file(inner.as_bytes(), Meta::default(), 3, &mut scripted(b"abc")).unwrap();
        }
    });
    let paths: Vec<_> = archive.reader().entries(b"").map(|e| e.unwrap().display_path().into_owned()).collect();
    assert_eq!(paths, ["a/", "a/file", "z/", "z/file"]);
}

#[test]
fn a_file_that_cannot_be_read_to_its_end_leaves_no_trace() {
    for size in [1000, 10 << 20] {
        let data = Noise::new(5).bytes(size);
        let archive = write(Codec::Zstd(3), |writer| {
            writer.begin_source();
            writer.add_file(b"t/a", Meta::default(), 5, &mut scripted(b"first")).unwrap();
            let mut failing = Scripted { fails_at: Some(size * 9 / 10), ..scripted(&data) };
            let failed = writer.add_file(b"t/b", Meta::default(), size as u64, &mut failing);
            assert!(matches!(failed, Err(WriteError::Content(_))), "{failed:?}");
            let short = writer.add_file(b"t/b", Meta::default(), size as u64 + 9, &mut scripted(&data));
            assert!(
                matches!(short, Err(WriteError::Short { got, expected }) if got == size as u64 && expected == got + 9)
            );
            let mut changed = Scripted { changed: true, ..scripted(&data) };
            let torn = writer.add_file(b"t/b", Meta::default(), size as u64, &mut changed);
            assert!(matches!(torn, Err(WriteError::Changed)), "{torn:?}");
            writer.add_file(b"t/b", Meta::default(), size as u64, &mut scripted(&data)).unwrap();
            writer.add_file(b"t/c", Meta::default(), 4, &mut scripted(b"last")).unwrap();
        });
        let reader = archive.reader();
        let found = contents(&reader);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["t/a", "t/b", "t/c"]);
        assert_eq!(found["t/b"], data);
        assert_eq!(reader.restore_point().totals.raw_bytes, size as u64 + 9);
        assert!(archive.verify().is_sound());
        assert!(reader.size_bytes() < size as u64 + 100_000, "the failed attempts are not in the file");
    }
}

/// Adds a file by one of the two ways.
type Add = fn(&mut ArchiveWriter, &str, &[u8]);

fn as_file(writer: &mut ArchiveWriter, path: &str, content: &[u8]) {
    writer.add_file(path.as_bytes(), Meta::default(), content.len() as u64, &mut scripted(content)).unwrap();
}

fn as_stream(writer: &mut ArchiveWriter, path: &str, content: &[u8]) {
    let size = writer.add_stream(path.as_bytes(), Meta::default(), &mut scripted(content)).unwrap();
    assert_eq!(size, content.len() as u64, "{path}");
}

/// An archive of these files, those whose name ends in `.sql` added by `add`.
fn with_streams(codec: Codec, files: &[(&str, &[u8])], add: Add) -> Archive {
    write(codec, |writer| {
        writer.begin_source();
        for (path, content) in files {
            let add = if path.ends_with(".sql") { add } else { as_file };
            add(writer, path, content);
        }
    })
}

#[test]
fn a_stream_is_the_same_archive_as_a_file_of_its_bytes() {
    let mut data = Noise::new(11).bytes(FRAME_TARGET * 3 + 7);
    // Some of it compresses, and some of it has no boundary in it.
    data[FRAME_TARGET..FRAME_TARGET * 2].fill(7);
    for codec in [Codec::Zstd(3), Codec::Gzip(6), Codec::None] {
        for size in [0, MIN_CHUNK + 1, FRAME_TARGET, FRAME_TARGET + 1, data.len()] {
            let (a, b) = (&data[..size], &data[data.len() - size..]);
            let files: [(&str, &[u8]); 5] = [
                ("t/1", b"before"),
                ("t/2.sql", a),
                ("t/3.sql", b),
                ("t/4", b"behind"),
                ("t/5", &data[..FRAME_TARGET + 9]),
            ];
            let streams = with_streams(codec, &files, as_stream);
            assert!(streams.verify().is_sound(), "{codec:?}, {size} bytes");
            let found = contents(&streams.reader());
            for (path, content) in files {
                assert!(found[path] == content, "{codec:?}, {size} bytes, {path}");
            }
            let same = streams.bytes() == with_streams(codec, &files, as_file).bytes();
            assert!(same, "{codec:?}, {size} bytes");
        }
    }
}

#[test]
fn a_stream_that_ends_with_a_frame_has_the_entry_of_a_file_of_its_bytes() {
    let data = vec![7; FRAME_TARGET * 3];
    let files: [(&str, &[u8]); 2] = [("t/1.sql", &data), ("t/2", b"behind")];
    let [streams, plain] = [as_stream, as_file].map(|add| with_streams(Codec::Zstd(3), &files, add));
    assert!(streams.verify().is_sound());
    let entries = |archive: &Archive| archive.reader().entries(b"").collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(entries(&streams), entries(&plain));
}

#[test]
fn a_stream_that_fails_leaves_no_trace() {
    let data = Noise::new(12).bytes(FRAME_TARGET * 3);
    for size in [1000, data.len()] {
        let add: Add = |writer, path, content| {
            let mut failing = Scripted { fails_at: Some(content.len() * 9 / 10), ..scripted(content) };
            let failed = writer.add_stream(path.as_bytes(), Meta::default(), &mut failing);
            assert!(matches!(failed, Err(WriteError::Content(_))), "{failed:?}");
            let mut changed = Scripted { changed: true, ..scripted(content) };
            let torn = writer.add_stream(path.as_bytes(), Meta::default(), &mut changed);
            assert!(matches!(torn, Err(WriteError::Changed)), "{torn:?}");
            as_stream(writer, path, content);
        };
        let files: [(&str, &[u8]); 4] =
            [("t/1", b"before"), ("t/2.sql", &data[..size]), ("t/3", b"behind"), ("t/4.sql", &data)];
        let archive = with_streams(Codec::Zstd(3), &files, add);
        assert!(archive.verify().is_sound());
        let same = archive.bytes() == with_streams(Codec::Zstd(3), &files, as_stream).bytes();
        assert!(same, "{size} bytes");
    }
}

#[test]
fn a_stream_that_is_cancelled_at_its_end_ends_the_archive() {
    /// Cancels when it has been read to its end.
    struct Cancelling(Scripted, Progress);
    impl MemberContent for Cancelling {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
        fn confirm(&mut self) -> io::Result<bool> {
            self.1.cancellation().cancel();
            Ok(true)
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let progress = Progress::default();
    let options = options(Codec::None, dir.path());
    let mut writer =
        ArchiveWriter::create(tempfile::tempfile().unwrap(), &options, metadata(), progress.clone()).unwrap();
    writer.begin_source();
    let mut content = Cancelling(scripted(&Noise::new(13).bytes(9 << 20)), progress);
    let result = writer.add_stream(b"t/a", Meta::default(), &mut content);
    assert!(matches!(result, Err(WriteError::Cancelled(_))), "{result:?}");
}

#[test]
fn a_cancelled_archive_stops_at_the_next_frame() {
    let dir = tempfile::tempdir().unwrap();
    let file = tempfile::tempfile().unwrap();
    let progress = Progress::default();
    let mut writer =
        ArchiveWriter::create(file, &options(Codec::None, dir.path()), metadata(), progress.clone()).unwrap();
    writer.begin_source();
    progress.cancellation().cancel();
    let data = vec![0; 9 << 20];
    let result = writer.add_file(b"t/a", Meta::default(), data.len() as u64, &mut scripted(&data));
    assert!(matches!(result, Err(WriteError::Cancelled(_))));
}

#[test]
fn a_full_disk_is_an_error_of_the_archive() {
    // Writing to this device always fails for want of space.
    let full = File::options().write(true).open("/dev/full").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut writer =
        ArchiveWriter::create(full, &options(Codec::None, dir.path()), metadata(), Progress::default()).unwrap();
    writer.begin_source();
    let data = Noise::new(3).bytes(60 << 20);
    let result = writer.add_file(b"t/a", Meta::default(), data.len() as u64, &mut scripted(&data));
    let Err(WriteError::Archive(error)) = result else { panic!("{result:?}") };
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn a_full_disk_ends_the_writer_with_its_error_wherever_it_is_noticed() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut noise = Noise::new(7);
    let (small, large) = (noise.bytes(1000), noise.bytes(12 << 20));
    // Which thread notices first is a race; every order has to end.
    for round in 0..30 {
        for contents in [&[][..], &[&small], &[&large], &[&small, &large, &large, &large]] {
            let full = File::options().read(true).write(true).open("/dev/full").unwrap();
            let options = options(Codec::None, dir.path());
            let mut writer = ArchiveWriter::create(full, &options, metadata(), Progress::default()).unwrap();
            writer.begin_source();
            let added = contents.iter().enumerate().try_for_each(|(number, content)| {
                let path = format!("t/{number}");
                writer.add_file(path.as_bytes(), Meta::default(), content.len() as u64, &mut &content[..])
            });
            let ended = added.and_then(|()| writer.finish(Vec::new(), jiff::Timestamp::UNIX_EPOCH).map(drop));
            let Err(WriteError::Archive(error)) = ended else { panic!("round {round}: {ended:?}") };
            assert_eq!(error.kind(), io::ErrorKind::StorageFull, "round {round}: {error}");
        }
    }
}
