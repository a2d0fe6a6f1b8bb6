//! Archives of earlier days: today's code has to list, verify and extract them. Once the format is released, the files in
//! `tests/data/golden` are never written again; another version gets files of its own beside them.
//!
//! They are made with `UPDATE_GOLDEN=1 tests/all golden`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use carelogd::archive::metadata::FORMAT_VERSION;
use carelogd::archive::verify::{Depth, verify};
use carelogd::archive::{
    ArchiveReader, ArchiveWriter, Codec, MemberContent, Meta, Metadata, Mtime, Segment, SourceMetadata, SourceSummary,
    Special, WriterOptions,
};
use carelogd::model::{BackupId, Class, Mode, Requester, Scope, Sha256, SourceKind, SourceName};
use carelogd::progress::Progress;

use crate::support::process::{carelogd, hermetic, is_root, run};
use crate::support::tree_image::Kind;
use crate::support::{TreeImage, clinic};

/// Each archive with how it is compressed.
const ARCHIVES: [(&str, Codec); 3] =
    [("v1.tar.zst", Codec::Zstd(19)), ("v1.tar.gz", Codec::Gzip(9)), ("v1.tar", Codec::None)];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden").join(name)
}

/// The archive, made anew first where that is asked for.
fn archive(name: &str, codec: Codec) -> PathBuf {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(golden("")).unwrap();
        let sha256 = write(&golden(name), codec);
        fs::write(golden(&format!("{name}.sha256")), format!("{sha256}  {name}\n")).unwrap();
    }
    golden(name)
}

#[test]
fn an_archive_of_version_1_lists_as_it_did() {
    for (name, codec) in ARCHIVES {
        let archive = archive(name, codec);
        let answer = extract(&[archive.to_str().unwrap(), "--list"]).expect_code(0);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(golden("v1.list"), &answer.stdout).unwrap();
        }
        assert_eq!(answer.stdout, fs::read_to_string(golden("v1.list")).unwrap(), "{name}");
    }
}

#[test]
fn an_archive_of_version_1_verifies() {
    for (name, codec) in ARCHIVES {
        let archive = archive(name, codec);
        let beside = fs::read_to_string(golden(&format!("{name}.sha256"))).unwrap();
        let sha256 = beside.split_once("  ").unwrap().0.parse().unwrap();
        let reader = ArchiveReader::open(File::open(archive).unwrap()).unwrap();
        let report = verify(&reader, Some(sha256), Depth::Full { threads: 1 }, &Progress::default()).unwrap();
        assert_eq!(report.damage, Vec::<String>::new(), "{name}");
        assert_eq!(reader.restore_point().totals.entries, report.entries, "{name}");
        let long = reader.entry(b"tree/many chunks").unwrap().unwrap();
        assert!(long.content().unwrap().chunks.len() > 1, "{name}");
    }
}

#[test]
fn an_archive_of_version_1_extracts_to_what_went_in() {
    for (name, codec) in ARCHIVES {
        let archive = archive(name, codec);
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        // Somebody without rights cannot give files to others, and is told so.
        let expected = if is_root() { 0 } else { 3 };
        extract(&[archive.to_str().unwrap(), "--to", target.to_str().unwrap()]).expect_code(expected);

        let found = TreeImage::of(&target);
        let at = |path: &[u8]| found.entries.get(path).unwrap_or_else(|| panic!("{name}: {}", path.escape_ascii()));
        for (path, bytes) in FILES {
            let relative = std::os::unix::ffi::OsStrExt::from_bytes(path);
            assert_eq!(
                fs::read(target.join::<&std::ffi::OsStr>(relative)).unwrap(),
                bytes(),
                "{name}: {}",
                path.escape_ascii()
            );
            assert_eq!(at(path).mtime_ns, -1_750_000_000);
            assert_eq!(at(path).mode, 0o640);
        }
        assert_eq!(at(b"tree/link").kind, Kind::Symlink(b"../elsewhere".to_vec()));
        assert_eq!(at(b"tree/pipe").kind, Kind::Fifo);
        assert_eq!(at(b"tree/second-name").same_as.as_deref(), Some(&b"tree/many chunks"[..]));
        assert_eq!(at(b"tree/empty").kind, Kind::Directory);
        assert_eq!(at(b"tree/new\nline").xattrs.get(&b"user.note"[..]).map(Vec::as_slice), Some(&b"a\0b\n"[..]));
        let sparse = fs::read(target.join("tree/sparse")).unwrap();
        assert_eq!(sparse.len(), 1 << 20);
        assert_eq!((&sparse[4096..4100], &sparse[(1 << 20) - 4..]), (&b"head"[..], &b"tail"[..]));
        assert_eq!(found.entries.len(), FILES.len() + 7, "{name}: nothing else is in it");
    }
}

fn extract(args: &[&str]) -> crate::support::process::Answer {
    run(hermetic(&carelogd(), Path::new("/")).arg("extract").args(args))
}

type MakeContent = fn() -> Vec<u8>;

/// The files without holes, by path in byte order, with their content.
const FILES: [(&[u8], MakeContent); 6] = [
    (b"data.json", || b"{\"patients\": [1, 2, 3]}\n".to_vec()),
    (b"tree/latin1-\xe9", || b"a name that is not UTF-8".to_vec()),
    // Two chunks that compress well: with this seed a cut falls into the noise.
    (b"tree/many chunks", || clinic::noise(47, 30_000).repeat(20)),
    (b"tree/new\nline", || b"a name of two lines".to_vec()),
    (b"tree/no content", Vec::new),
    (b"tree/percent%2F", || b"a name that looks escaped".to_vec()),
];

/// Writes the archive that every codec's file is of. Returns its SHA-256.
fn write(path: &Path, codec: Codec) -> Sha256 {
    let file = File::options().create(true).truncate(true).read(true).write(true).open(path).unwrap();
    let spool = tempfile::tempdir().unwrap();
    let options = WriterOptions { codec, threads: 1, spool_dir: spool.path().to_owned() };
    let mut writer = ArchiveWriter::create(file, &options, metadata(), Progress::default()).unwrap();
    let [json, tree @ ..] = FILES;
    writer.begin_source();
    add(&mut writer, json.0, &json.1(), meta());
    writer.begin_source();
    writer.add_special(b"tree/", meta_of(0o750), &Special::Directory).unwrap();
    writer.add_special(b"tree/empty/", meta_of(0o750), &Special::Directory).unwrap();
    let [latin1, many, newline, nothing, percent] = tree;
    add(&mut writer, latin1.0, &latin1.1(), meta());
    writer.add_special(b"tree/link", meta_of(0o777), &Special::Symlink(b"../elsewhere".to_vec())).unwrap();
    add(&mut writer, many.0, &many.1(), meta());
    let xattrs = BTreeMap::from([(b"user.note".to_vec(), b"a\0b\n".to_vec())]);
    add(&mut writer, newline.0, &newline.1(), Meta { xattrs, ..meta() });
    add(&mut writer, nothing.0, &nothing.1(), meta());
    add(&mut writer, percent.0, &percent.1(), meta());
    writer.add_special(b"tree/pipe", meta(), &Special::Fifo).unwrap();
    writer.add_special(b"tree/second-name", meta(), &Special::Hardlink(many.0.to_vec())).unwrap();
    let segments = vec![Segment { offset: 4096, length: 4 }, Segment { offset: (1 << 20) - 4, length: 4 }];
    writer.add_sparse_file(b"tree/sparse", meta(), 1 << 20, segments, &mut Bytes(b"headtail")).unwrap();
    let finished = writer.finish(summaries(), "2025-10-29T14:30:05Z".parse().unwrap()).unwrap();
    finished.sha256
}

fn add(writer: &mut ArchiveWriter, path: &[u8], content: &[u8], meta: Meta) {
    writer.add_file(path, meta, content.len() as u64, &mut Bytes(content)).unwrap();
}

struct Bytes<'a>(&'a [u8]);

impl MemberContent for Bytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        io::Read::read(&mut self.0, buffer)
    }
}

fn meta() -> Meta {
    meta_of(0o640)
}

fn meta_of(mode: u32) -> Meta {
    let mtime = Mtime { seconds: -2, nanoseconds: 250_000_000 };
    Meta { mode, uid: 1000, gid: 1000, user: "alice".to_owned(), mtime, ..Meta::default() }
}

fn source(name: &str, kind: SourceKind, location: &str) -> SourceMetadata {
    SourceMetadata {
        name: SourceName::new(name).unwrap(),
        kind,
        location: location.to_owned(),
        exclude: Vec::new(),
        details: Default::default(),
    }
}

fn metadata() -> Metadata {
    Metadata {
        format_version: FORMAT_VERSION,
        id: "019a3050-1000-7000-8000-000000000001".parse::<BackupId>().unwrap(),
        class: Class::Backup,
        scope: Scope::All,
        mode: Mode::Full,
        parent_id: None,
        created_at: "2025-10-29T14:30:00Z".parse().unwrap(),
        host: "clinic".to_owned(),
        program_version: "0.1.0".to_owned(),
        requested_by: Requester {
            user: "alice".to_owned(),
            uid: Some(1000),
            via: "socket".to_owned(),
            on_behalf_of: None,
        },
        description: "before the upgrade".to_owned(),
        sources: vec![
            source("data", SourceKind::Json, "/srv/carelog/data.json"),
            source("tree", SourceKind::Files, "/srv/carelog/tree"),
        ],
    }
}

fn summaries() -> Vec<SourceSummary> {
    let summary = |name: &str, kind, files| SourceSummary {
        name: SourceName::new(name).unwrap(),
        kind,
        size_bytes: 0,
        files,
        counts: BTreeMap::from([("files".to_owned(), files)]),
        warnings: Vec::new(),
    };
    vec![summary("data", SourceKind::Json, 1), summary("tree", SourceKind::Files, 6)]
}
