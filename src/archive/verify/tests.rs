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
