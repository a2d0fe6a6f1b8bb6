//! Incrementals: what they store, and that they read like fulls.

use std::collections::BTreeMap;

use super::*;
use crate::archive::ReadError;
use crate::archive::testing::{add_tree, add_unchanged, add_unchanged_entry, id, write_on};

type Files = Vec<(String, Vec<u8>)>;

fn named(files: &[(&str, &[u8])]) -> Files {
    files.iter().map(|(path, content)| ((*path).to_owned(), content.to_vec())).collect()
}

/// Contents of every kind: tiny, of one chunk, of several in a frame, of several frames.
fn sample() -> Files {
    let mut noise = Noise::new(31);
    let sizes = [0, 100, 5000, 300_000, 3 << 20, 11_000_003];
    sizes.iter().enumerate().map(|(n, &size)| (format!("t/f{n}"), noise.bytes(size))).collect()
}

/// Names of the members of the tar.
fn members(archive: &Archive) -> Vec<String> {
    let bytes = zstd::decode_all(&archive.bytes()[..]).unwrap();
    let mut tar = tar::Archive::new(&bytes[..]);
    tar.entries().unwrap().map(|entry| String::from_utf8(entry.unwrap().path_bytes().to_vec()).unwrap()).collect()
}

fn new_bytes(archive: &Archive) -> u64 {
    archive.reader().restore_point().totals.new_bytes
}

#[test]
fn an_unchanged_tree_is_named_and_not_stored_again() {
    let files: Files = (0..20_000).map(|n| (format!("t/{n:05}"), format!("content of {n}").into_bytes())).collect();
    let full = archive_of(Codec::Zstd(3), &files);
    let base = full.reader_with(&[]);
    let next = write_on(&base, 1, |writer| add_unchanged(writer, &base));
    let restore_point = next.reader().restore_point().clone();
    assert_eq!(restore_point.archives, [id(1), id(0)]);
    assert_eq!((restore_point.metadata.mode, restore_point.metadata.parent_id), (Mode::Incremental, Some(id(0))));
    let before = base.restore_point();
    assert_eq!(restore_point.manifest_bytes, before.manifest_bytes);
    assert_eq!(restore_point.totals, crate::archive::Totals { new_bytes: 0, ..before.totals });
    assert!(next.bytes().len() < 8000, "{} bytes", next.bytes().len());
    assert_eq!(members(&next), ["metadata.json", ".carelog/index", "restore-point.json"]);
    let reader = next.reader_with(&[&full]);
    assert!(entries(&reader) == entries(&base));
    assert_eq!(reader.chunks_in_file_order().unwrap(), []);

    // It holds nothing, so that what builds on it does not need it.
    let third = write_on(&reader, 2, |writer| add_unchanged(writer, &reader));
    assert_eq!(third.reader().restore_point().archives, [id(2), id(0)]);
    assert_eq!(contents(&third.reader_with(&[&full])).len(), 20_000);
}

fn entries(archive: &ArchiveReader) -> Vec<Entry> {
    archive.entries(b"").map(Result::unwrap).collect()
}

#[test]
fn files_that_are_read_again_are_stored_only_where_they_are_new() {
    let mut after = sample();
    let full = archive_of(Codec::Zstd(3), &after);
    // Small, changed: an ordinary member. In the middle of a long one: a part of it. The others: not at all.
    after[1].1[50] ^= 1;
    after[5].1[5_000_000] ^= 1;
    after.push(("t/new".to_owned(), b"new".to_vec()));
    let next = write_on(&full.reader_with(&[]), 1, |writer| add_tree(writer, &after));
    let reader = next.reader_with(&[&full]);
    assert_eq!(contents(&reader), after.iter().cloned().collect::<BTreeMap<_, _>>());
    let names = members(&next);
    let ours = ["metadata.json", "t/", "t/f0", "t/f1", ".carelog/delta/t/f5", "t/new"];
    assert_eq!(names[..6], ours);
    assert_eq!(names[6..], [".carelog/delta/manifest.jsonl", ".carelog/index", "restore-point.json"]);
    let changed = reader.entry(b"t/f5").unwrap().unwrap();
    let chunk = changed.content().unwrap().chunks.iter().find(|chunk| full.reader().locate(&chunk.id).is_err());
    assert_eq!(new_bytes(&next), 100 + 3 + u64::from(chunk.unwrap().length));
    let of_full = |path: &[u8], files: &Files| {
        let full = archive_of(Codec::None, files);
        full.reader().entry(path).unwrap().unwrap()
    };
    for path in [&b"t/f4"[..], b"t/f5", b"t/new"] {
        assert_eq!(reader.entry(path).unwrap().unwrap(), of_full(path, &after), "the entry of a full");
    }
}

#[test]
fn moved_and_copied_files_cost_nothing_but_their_lines() {
    let before = sample();
    let full = archive_of(Codec::Zstd(3), &before);
    let mut after: Files =
        before.iter().map(|(path, content)| (path.replace("/f", "/moved"), content.clone())).collect();
    let fresh = Noise::new(32).bytes(6 << 20);
    after.extend(named(&[("t/x1", &fresh), ("t/x2", &fresh), ("t/x3", &fresh[..20_000]), ("t/x4", &fresh[..20_000])]));
    let next = write_on(&full.reader_with(&[]), 1, |writer| add_tree(writer, &after));
    assert_eq!(contents(&next.reader_with(&[&full])), after.into_iter().collect::<BTreeMap<_, _>>());
    assert_eq!(new_bytes(&next), (6 << 20) + 20_000);
    assert!(next.bytes().len() < (6 << 20) + 40_000);
}

#[test]
fn a_stream_that_grew_costs_what_is_new() {
    let dump = Noise::new(33).bytes(20 << 20);
    for (before, after) in [(12 << 20, 20 << 20), (20 << 20, 12 << 20), (0, 20 << 20), (1000, 2000), (20 << 20, 0)] {
        let full = with_streams(Codec::Zstd(3), &[("t/1", b"x"), ("t/2.sql", &dump[..before])], as_stream);
        let next = write_on(&full.reader_with(&[]), 1, |writer| {
            writer.begin_source();
            as_file(writer, "t/1", b"x");
            as_stream(writer, "t/2.sql", &dump[..after]);
            as_file(writer, "t/3", b"behind");
        });
        let found = contents(&next.reader_with(&[&full]));
        assert!(found["t/2.sql"] == dump[..after], "{before} to {after}");
        let grown = (after.max(before) - before) as u64;
        let new = new_bytes(&next) - 6;
        let most = if after > before { grown + MAX_CHUNK as u64 } else { MAX_CHUNK as u64 };
        assert!((grown..=most).contains(&new), "{before} to {after}: {new}");
        // All of it at once is the file itself, for who has nothing but tar.
        let name = if before < 2000 && after > 0 { "t/2.sql" } else { ".carelog/delta/t/2.sql" };
        assert_eq!(members(&next).iter().any(|member| member == name), new > 0 || after == 2000, "{before} to {after}");
    }
}

#[test]
fn a_source_that_is_one_stream_costs_little_where_it_changed() {
    let dump = Noise::new(36).bytes(20 << 20);
    let mut changed = dump.clone();
    for at in [1, 9_000_000, 19_999_999] {
        changed[at] ^= 1;
    }
    for add in [as_file as Add, as_stream] {
        let full = with_streams(Codec::Zstd(3), &[("database.sql", &dump)], add);
        let next = write_on(&full.reader_with(&[]), 1, |writer| {
            writer.begin_source();
            add(writer, "database.sql", &changed);
        });
        assert!(contents(&next.reader_with(&[&full]))["database.sql"] == changed);
        assert!((3..=3 << 19).contains(&new_bytes(&next)), "{}", new_bytes(&next));
        assert_eq!(members(&next)[1], ".carelog/delta/database.sql");
    }
}

#[test]
fn what_could_not_be_read_is_not_taken_for_written() {
    let data = Noise::new(34).bytes(14 << 20);
    let base = archive_of(Codec::Zstd(3), &named(&[("t/a", b"first")]));
    for size in [10_000, 3 << 20, data.len()] {
        let next = write_on(&base.reader_with(&[]), 1, |writer| {
            writer.begin_source();
            as_file(writer, "t/a", b"changed");
            let mut failing = Scripted { fails_at: Some(size * 9 / 10), ..scripted(&data) };
            let failed = writer.add_file(b"t/b", Meta::default(), size as u64, &mut failing);
            assert!(matches!(failed, Err(WriteError::Content(_))), "{failed:?}");
            let mut torn = Scripted { changed: true, ..scripted(&data[..size]) };
            let torn = writer.add_stream(b"t/b", Meta::default(), &mut torn);
            assert!(matches!(torn, Err(WriteError::Changed)), "{torn:?}");
            let short = writer.add_file(b"t/b", Meta::default(), size as u64 + 9, &mut scripted(&data[..size]));
            assert!(
                matches!(short, Err(WriteError::Short { got, expected }) if got == size as u64 && expected == got + 9),
                "{short:?}"
            );
            as_file(writer, "t/b", &data[..size]);
            as_stream(writer, "t/c", b"behind");
        });
        let reader = next.reader_with(&[&base]);
        assert!(contents(&reader)["t/b"] == data[..size]);
        assert_eq!(new_bytes(&next), size as u64 + 13);
        assert!(next.bytes().len() < size + 20_000, "the failed attempts are not in the file");
        assert_eq!(members(&next)[..4], ["metadata.json", "t/a", "t/b", "t/c"]);
    }
}

#[test]
fn a_restore_point_needs_only_the_archives_that_hold_something_of_it() {
    let mut files = sample();
    let full = archive_of(Codec::Zstd(3), &files);
    files[1].1 = b"second day".to_vec();
    let second = write_on(&full.reader_with(&[]), 1, |writer| add_tree(writer, &files));
    files[1].1 = b"third day".to_vec();
    let third = write_on(&second.reader_with(&[&full]), 2, |writer| add_tree(writer, &files));
    // What the second day had stored is in no file any more, and its manifest was replaced as well.
    assert_eq!(third.reader().restore_point().archives, [id(2), id(0)]);
    assert!(contents(&third.reader_with(&[&full]))["t/f1"] == b"third day");

    let fourth = write_on(&third.reader_with(&[&full]), 3, |writer| {
        let third = third.reader_with(&[&full]);
        add_unchanged(writer, &third);
    });
    assert_eq!(fourth.reader().restore_point().archives, [id(3), id(0), id(2)]);
    assert!(contents(&fourth.reader_with(&[&full, &third]))["t/f1"] == b"third day");
}

#[test]
fn an_archive_that_is_not_at_hand_is_named_and_everything_else_can_be_read() {
    let files = sample();
    let full = archive_of(Codec::Zstd(3), &files);
    let mut changed = files.clone();
    changed[2].1 = vec![7; 5000];
    let next = write_on(&full.reader_with(&[]), 1, |writer| add_tree(writer, &changed));
    let alone = next.reader();
    assert_eq!(alone.missing_archives(), [id(0)]);
    for entry in entries(&alone) {
        let Some(content) = entry.content() else { continue };
        let read = alone.read_content(content, &mut |_| Ok(()));
        match entry.path.as_slice() {
            b"t/f0" | b"t/f2" => read.unwrap(),
            _ => assert!(matches!(read, Err(ReadError::MissingArchive { id: missing }) if missing == id(0))),
        }
    }
    // An archive of somebody else is no help.
    let other = write_with_id(9, &files);
    let with_other = next.reader_with(&[&other]);
    assert_eq!(with_other.missing_archives(), [id(0)]);
    assert_eq!(with_other.bases().count(), 0);
}

fn write_with_id(number: u8, files: &Files) -> Archive {
    let options = options(Codec::Zstd(3), std::path::Path::new(""));
    crate::archive::testing::write_with(options, Metadata { id: id(number), ..metadata() }, |w| add_tree(w, files))
}

#[test]
fn archives_of_different_codecs_make_one_restore_point() {
    let mut files = sample();
    for codec in [Codec::Gzip(6), Codec::None] {
        let full = archive_of(codec, &files);
        files[5].1[1_000_000] ^= 1;
        let next = write_on(&full.reader_with(&[]), 1, |writer| add_tree(writer, &files));
        assert!(new_bytes(&next) < 2 * MAX_CHUNK as u64);
        assert_eq!(contents(&next.reader_with(&[&full])), files.iter().cloned().collect::<BTreeMap<_, _>>());
    }
}

#[test]
fn thirty_days_of_changes_read_as_the_last_one_was() {
    let mut noise = Noise::new(35);
    let mut files: Files = (0..600).map(|n| (format!("t/{n:03}"), noise.bytes(100 + n * 7))).collect();
    files.push(("t/dump".to_owned(), noise.bytes(9 << 20)));
    let mut days = vec![archive_of(Codec::Zstd(3), &files)];
    let mut before = files.clone();
    for day in 1..30_u8 {
        let base = {
            let (last, others) = days.split_last().unwrap();
            last.reader_with(&others.iter().collect::<Vec<_>>())
        };
        assert!(base.missing_archives().is_empty());
        for n in 0..6 {
            files[usize::from(day) * 20 + n].1 = noise.bytes(500);
        }
        files[600].1[usize::from(day) * 300_000] ^= 1;
        let next = write_on(&base, day, |writer| {
            writer.begin_source();
            let mut unchanged: BTreeMap<Vec<u8>, Entry> =
                base.entries(b"").map(Result::unwrap).map(|entry| (entry.path.clone(), entry)).collect();
            let root = unchanged.remove(&b"t/"[..]).unwrap();
            add_unchanged_entry(writer, &root);
            for ((path, content), (_, old)) in files.iter().zip(&before) {
                if content == old {
                    add_unchanged_entry(writer, &unchanged[path.as_bytes()]);
                } else {
                    as_file(writer, path, content);
                }
            }
        });
        before.clone_from(&files);
        days.push(next);
    }
    let (last, others) = days.split_last().unwrap();
    let reader = last.reader_with(&others.iter().collect::<Vec<_>>());
    assert_eq!(contents(&reader), files.into_iter().collect::<BTreeMap<_, _>>());
}
