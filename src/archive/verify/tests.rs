//! Damage of every kind, everywhere.

use super::*;
use crate::archive::testing::{Archive, Noise, archive_of};
use crate::archive::{Codec, ReadError};

const CODECS: [Codec; 3] = [Codec::Zstd(3), Codec::Gzip(6), Codec::None];

fn sample(codec: Codec) -> Archive {
    let mut noise = Noise::new(11);
    let mut files: Vec<(String, Vec<u8>)> = (0..40).map(|n| (format!("t/small{n:02}"), noise.bytes(n * 50))).collect();
    files.push(("t/z-large".to_owned(), noise.bytes(5 << 20)));
    archive_of(codec, &files)
}

fn full(archive: &ArchiveReader, expected: Sha256) -> Report {
    verify(archive, Some(expected), Depth::Full { threads: 2 }, &Progress::default()).unwrap()
}

#[test]
fn a_sound_archive_is_sound_quick_and_full() {
    for codec in CODECS {
        let archive = sample(codec);
        let report = archive.verify();
        assert!(report.is_sound(), "{report:?}");
        assert_eq!(report.entries, 42);
        assert!(report.chunks > 42);
        let quick = verify(&archive.reader(), None, Depth::Quick, &Progress::default()).unwrap();
        assert!(quick.is_sound());
        assert_eq!(quick.entries, 42);
    }
}

#[test]
fn a_flipped_bit_anywhere_is_found() {
    for codec in CODECS {
        let archive = sample(codec);
        let size = archive.bytes().len() as u64;
        // Steps of a prime through the large contents, every byte of the small structures at both ends.
        let middle = (6_000..size - 9_000).step_by(120_011);
        for at in (0..6_000).step_by(97).chain(middle).chain((size - 9_000..size).step_by(41)) {
            archive.flip(at);
            let found = match ArchiveReader::open(archive.file()) {
                Err(_) => true,
                Ok(reader) => !full(&reader, archive.sha256).is_sound(),
            };
            assert!(found, "{codec:?}: a flip at {at} of {size} went unnoticed");
            archive.flip(at);
        }
        assert!(archive.verify().is_sound());
    }
}

#[test]
fn an_archive_cut_short_anywhere_is_no_archive() {
    for codec in CODECS {
        let archive = sample(codec);
        let size = archive.bytes().len() as u64;
        let ends = (size - 3000..size).rev();
        for kept in ends.chain((0..40).rev().map(|step| step * 100_003)) {
            archive.file().set_len(kept).unwrap();
            let opened = ArchiveReader::open(archive.file());
            assert!(
                matches!(opened, Err(ReadError::NotAnArchive(_) | ReadError::Damaged(_))),
                "{codec:?}: {kept} of {size} bytes"
            );
        }
    }
}

#[test]
fn damage_names_the_files_it_hurts_and_only_these() {
    let archive = sample(Codec::Zstd(3));
    let reader = archive.reader();
    let entry = reader.entry(b"t/z-large").unwrap().unwrap();
    let chunk = reader.locate(&entry.content().unwrap().chunks[1].id).unwrap();
    archive.flip(reader.frames()[chunk.frame as usize].position + 1000);
    let report = full(&reader, archive.sha256);
    assert_eq!(report.hurt_paths, ["t/z-large"]);
    assert_eq!(report.hurt_count, 1);
    assert!(!report.damage.is_empty());
}

#[test]
fn a_flip_outside_of_all_chunks_says_that_contents_are_intact() {
    let archive = sample(Codec::None);
    // In the header of metadata.json: covered by the archive's SHA-256 alone.
    archive.flip(110);
    let report = full(&archive.reader(), archive.sha256);
    assert_eq!(report.hurt_count, 0);
    assert!(report.damage[0].contains("its contents can be restored"), "{report:?}");
}

#[test]
fn verification_can_be_cancelled() {
    let archive = sample(Codec::Zstd(3));
    let progress = Progress::default();
    progress.cancellation().cancel();
    let result = verify(&archive.reader(), None, Depth::Full { threads: 1 }, &progress);
    assert!(matches!(result, Err(VerifyError::Cancelled(_))));
}

mod sets {
    use super::*;
    use crate::archive::testing::{add_unchanged, id, write_on};
    use crate::archive::{ArchiveWriter, Meta};

    /// Three days: of the first are `t/a` and `t/b`, of the second `t/c`, of the third `t/d`.
    fn days() -> [Archive; 3] {
        let mut noise = Noise::new(41);
        let mut file = |name: &str, size| (format!("t/{name}"), noise.bytes(size));
        let files = [file("a", 600_000), file("b", 50_000), file("c", 5 << 20), file("d", 2000)];
        let first = archive_of(Codec::Zstd(3), &files[..2]);
        let add = |writer: &mut ArchiveWriter, base: &ArchiveReader, new: &(String, Vec<u8>)| {
            add_unchanged(writer, base);
            let (path, content) = new;
            writer.add_file(path.as_bytes(), Meta::default(), content.len() as u64, &mut content.as_slice()).unwrap();
        };
        let base = first.reader_with(&[]);
        let second = write_on(&base, 1, |writer| add(writer, &base, &files[2]));
        let base = second.reader_with(&[&first]);
        let third = write_on(&base, 2, |writer| add(writer, &base, &files[3]));
        [first, second, third]
    }

    /// The paths that are hurt in the restore point of each day.
    type PathsByDay = [&'static [&'static str]; 3];

    /// Position of the frame in which the first chunk of `path` lies, of `file`'s own.
    fn place_of(file: &Archive, path: &[u8]) -> u64 {
        let reader = file.reader();
        let entry = reader.entry(path).unwrap().unwrap();
        let location = reader.locate(&entry.content().unwrap().chunks[0].id).unwrap();
        reader.frames()[location.frame as usize].position
    }

    #[test]
    fn a_sound_set_is_sound_and_every_byte_of_it_is_read() {
        let [first, second, third] = days();
        let reader = third.reader_with(&[&first, &second]);
        let report = full(&reader, third.sha256);
        assert!(report.is_sound(), "{report:?}");
        let alone: u64 = [&first, &second, &third]
            .iter()
            .map(|file| verify_file(&file.reader(), Some(file.sha256), 2, &Progress::default()).unwrap().chunks)
            .sum();
        assert_eq!(report.chunks, alone);
        assert!(verify(&reader, None, Depth::Quick, &Progress::default()).unwrap().is_sound());
    }

    #[test]
    fn damage_in_each_archive_names_what_it_hurts_in_every_restore_point() {
        let days = days();
        let [first, second, third] = &days;
        let hurts: [(&Archive, &[u8], PathsByDay); 3] = [
            (first, b"t/a", [&["t/a", "t/b"], &["t/a", "t/b"], &["t/a", "t/b"]]),
            (second, b"t/c", [&[], &["t/c"], &["t/c"]]),
            (third, b"t/d", [&[], &[], &["t/d"]]),
        ];
        for (hurt, path, expected) in hurts {
            let at = place_of(hurt, path) + 1000;
            hurt.flip(at);
            let files = [first, second, third]
                .map(|file| verify_file(&file.reader(), Some(file.sha256), 2, &Progress::default()).unwrap());
            let readers = [first.reader_with(&[]), second.reader_with(&[first]), third.reader_with(&[first, second])];
            for (reader, expected) in readers.iter().zip(expected) {
                let report = verify_restore_point(reader, &files, &Progress::default()).unwrap();
                assert_eq!(report.hurt_paths, expected, "{report:?}");
                assert_eq!(report.hurt_count, expected.len() as u64);
                let own = reader.id() == hurt.reader().id();
                assert_eq!(report.damage.is_empty(), own || expected.is_empty(), "{report:?}");
            }
            let whole = full(&readers[2], third.sha256);
            assert!(!whole.is_sound());
            assert_eq!(whole.hurt_paths, expected[2]);
            hurt.flip(at);
        }
    }

    #[test]
    fn an_archive_that_is_missing_is_named_with_what_lies_in_it() {
        let [first, second, third] = days();
        for (bases, missing, expected) in [([&first], id(1), &["t/c"][..]), ([&second], id(0), &["t/a", "t/b"][..])] {
            let reader = third.reader_with(&bases);
            for depth in [Depth::Quick, Depth::Full { threads: 1 }] {
                let report = verify(&reader, None, depth, &Progress::default()).unwrap();
                let named = ReadError::MissingArchive { id: missing }.to_string();
                assert_eq!(report.damage, [named], "once, not for every file");
                assert_eq!(report.hurt_paths, expected);
            }
        }
    }
}
