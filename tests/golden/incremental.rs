//! Incrementals of earlier days, each on the full of the same codec.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use carelogd::archive::verify::{Depth, verify};
use carelogd::archive::{ArchiveReader, ArchiveWriter, Codec, Content, Entry, Meta, Metadata, Mtime, WriterOptions};
use carelogd::model::{BackupId, Mode, Sha256};
use carelogd::progress::Progress;

use super::{ARCHIVES, add, archive, golden, meta, metadata, summaries};
use crate::support::clinic;
use crate::support::process::{has_tools, hermetic, run};

const ID: &str = "019a3050-1000-7000-8000-000000000002";

/// Name of the incremental on the full `name`.
fn incremental_on(name: &str) -> String {
    name.replacen("v1", "v1-incremental", 1)
}

/// The incremental on the full `name`, made first where that is asked for.
fn incremental(name: &str, codec: Codec) -> PathBuf {
    let full = archive(name, codec);
    let path = golden(&incremental_on(name));
    if std::env::var_os("UPDATE_GOLDEN").is_some() && !path.exists() {
        let sha256 = write(&path, &full, codec);
        let beside = format!("{sha256}  {}\n", incremental_on(name));
        fs::write(golden(&format!("{}.sha256", incremental_on(name))), beside).unwrap();
    }
    path
}

/// What changed: the JSON file, the end of a file of several chunks, of which a copy and a file came and one went.
fn write(path: &Path, full: &Path, codec: Codec) -> Sha256 {
    let base = std::sync::Arc::new(ArchiveReader::open(File::open(full).unwrap()).unwrap());
    let file = File::options().create_new(true).read(true).write(true).open(path).unwrap();
    let spool = tempfile::tempdir().unwrap();
    let bases = vec![std::sync::Arc::clone(&base)];
    let options = WriterOptions { codec, threads: 1, spool_dir: spool.path().to_owned(), bases };
    let metadata =
        Metadata { id: ID.parse().unwrap(), created_at: "2025-10-30T14:30:00Z".parse().unwrap(), ..metadata() };
    let mut writer = ArchiveWriter::create(file, &options, metadata, Progress::default()).unwrap();
    let new = new_files();
    let mut entries: BTreeMap<Vec<u8>, Option<Entry>> =
        base.entries(b"").map(Result::unwrap).map(|entry| (entry.path.clone(), Some(entry))).collect();
    entries.remove(&b"tree/no content"[..]);
    entries.extend(new.keys().map(|path| (path.clone(), None)));
    for (path, entry) in &entries {
        if path == b"data.json" || path == b"tree/" {
            writer.begin_source();
        }
        match entry {
            Some(entry) => {
                let mut line = Vec::new();
                entry.write_line(&mut line);
                let stored_bytes = entry.content().map(Content::stored_bytes);
                writer.add_unchanged_line(path, &line, stored_bytes).unwrap();
            }
            None => add(&mut writer, path, &new[path], changed_meta()),
        }
    }
    writer.finish(summaries(), "2025-10-30T14:30:05Z".parse().unwrap()).unwrap().sha256
}

fn changed_meta() -> Meta {
    Meta { mtime: Mtime { seconds: 1_760_000_000, nanoseconds: 5 }, ..meta() }
}

fn new_files() -> BTreeMap<Vec<u8>, Vec<u8>> {
    let many = clinic::noise(47, 30_000).repeat(20);
    let changed = [&many[..], b"one line more\n"].concat();
    BTreeMap::from([
        (b"data.json".to_vec(), b"{\"patients\": [1, 2, 3, 4]}\n".to_vec()),
        (b"tree/copy".to_vec(), many),
        (b"tree/many chunks".to_vec(), changed),
        (b"tree/new".to_vec(), b"a new file".to_vec()),
    ])
}

fn open(name: &str, codec: Codec) -> ArchiveReader {
    let full = ArchiveReader::open(File::open(archive(name, codec)).unwrap()).unwrap();
    ArchiveReader::open_set(File::open(incremental(name, codec)).unwrap(), vec![full]).unwrap()
}

#[test]
fn an_incremental_of_version_1_verifies_and_reads_as_what_went_in() {
    for (name, codec) in ARCHIVES {
        let reader = open(name, codec);
        let beside = fs::read_to_string(golden(&format!("{}.sha256", incremental_on(name)))).unwrap();
        let sha256 = beside.split_once("  ").unwrap().0.parse().unwrap();
        let report = verify(&reader, Some(sha256), Depth::Full { threads: 1 }, &Progress::default()).unwrap();
        assert_eq!(report.damage, Vec::<String>::new(), "{name}");

        let restore_point = reader.restore_point();
        let full: BackupId = metadata().id;
        assert_eq!(restore_point.archives, [ID.parse().unwrap(), full], "{name}");
        assert_eq!((restore_point.metadata.mode, restore_point.metadata.parent_id), (Mode::Incremental, Some(full)));
        let mut expected: BTreeMap<Vec<u8>, Vec<u8>> =
            super::FILES.iter().map(|(path, content)| (path.to_vec(), content())).collect();
        expected.remove(&b"tree/no content"[..]);
        expected.extend(new_files());
        let new_bytes = restore_point.totals.new_bytes;
        assert!((37..200_000).contains(&new_bytes), "{name}: {new_bytes}");

        let mut found = BTreeMap::new();
        for entry in reader.entries(b"") {
            let entry = entry.unwrap();
            let Some(content) = entry.content().filter(|content| content.sparse.is_none()) else { continue };
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut reader.open_content(content), &mut bytes).unwrap();
            found.insert(entry.path, bytes);
        }
        assert!(found == expected, "{name}: {:?}", found.keys());
    }
}

#[test]
fn an_incremental_is_a_tar_of_what_is_new() {
    if !has_tools(&["tar", "zstd", "gzip", "bsdtar"]) {
        return;
    }
    for (name, codec) in ARCHIVES {
        let file = incremental(name, codec);
        let dir = tempfile::tempdir().unwrap();
        let quietly = |program: &str, args: &[&str]| {
            let mut command: Command = hermetic(Path::new(program), dir.path());
            let answer = run(command.args(args).arg(&file)).expect_code(0);
            assert_eq!(answer.stderr, "", "{program} {args:?}");
            answer.stdout
        };
        match codec {
            Codec::Zstd(_) => drop(quietly("zstd", &["-t", "-q"])),
            Codec::Gzip(_) => drop(quietly("gzip", &["-t", "-q"])),
            Codec::None => {}
        }
        let listed = quietly("tar", &["-tf"]);
        let end = if codec == Codec::None { ".carelog/trailer\n" } else { "" };
        let members = "metadata.json\ndata.json\n.carelog/delta/tree/many chunks\ntree/new\n\
            .carelog/delta/manifest.jsonl\n.carelog/index\nrestore-point.json\n";
        assert_eq!(listed, format!("{members}{end}"), "{name}");
        assert_eq!(quietly("bsdtar", &["-tf"]), listed);
        quietly("tar", &["-xf"]);
        assert_eq!(fs::read(dir.path().join("data.json")).unwrap(), new_files()[&b"data.json"[..]]);
        assert_eq!(fs::read(dir.path().join("tree/new")).unwrap(), b"a new file");
        assert!(!dir.path().join("tree/many chunks").exists(), "a part is not taken for the file");
        let manifest = fs::read_to_string(dir.path().join(".carelog/delta/manifest.jsonl")).unwrap();
        assert_eq!(manifest.lines().count() as u64, open(name, codec).restore_point().totals.entries);
    }
}
