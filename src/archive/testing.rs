//! Small archives for the tests of this module.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::metadata::{FORMAT_VERSION, Metadata, SourceMetadata, SourceSummary};
use super::verify::{Depth, Report, verify};
use super::{ArchiveReader, ArchiveWriter, Codec, Content, Entry, MemberContent, Meta, Special, WriterOptions};
use crate::model::{BackupId, Class, Mode, Requester, Scope, Sha256, SourceKind, SourceName};
use crate::progress::Progress;

/// Reproducible bytes that do not compress.
pub(super) struct Noise(u64);

impl Noise {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut next = || {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0.to_le_bytes()
        };
        std::iter::repeat_with(&mut next).flatten().take(length).collect()
    }
}

impl MemberContent for &[u8] {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        io::Read::read(self, buffer)
    }
}

pub(super) fn metadata() -> Metadata {
    let name = SourceName::new("t").unwrap();
    Metadata {
        format_version: FORMAT_VERSION,
        id: BackupId("01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap()),
        class: Class::Backup,
        scope: Scope::All,
        mode: Mode::Full,
        parent_id: None,
        created_at: "2025-10-29T14:30:00Z".parse().unwrap(),
        host: "test".to_owned(),
        program_version: "0".to_owned(),
        requested_by: Requester::daemon("test"),
        description: String::new(),
        sources: vec![SourceMetadata {
            name,
            kind: SourceKind::Files,
            location: "/srv/t".to_owned(),
            exclude: Vec::new(),
            details: Default::default(),
        }],
    }
}

pub(super) fn options(codec: Codec, dir: &Path) -> WriterOptions {
    WriterOptions { codec, threads: 2, spool_dir: dir.to_owned(), bases: Vec::new() }
}

/// An archive in a folder of its own.
pub(super) struct Archive {
    dir: TempDir,
    pub(super) sha256: Sha256,
}

impl Archive {
    pub(super) fn file(&self) -> File {
        File::options().read(true).write(true).open(self.dir.path().join("archive")).unwrap()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.dir.path().join("archive")).unwrap()
    }

    pub(super) fn reader(&self) -> ArchiveReader {
        ArchiveReader::open(self.file()).unwrap()
    }

    /// The restore point, with the other archives that it needs.
    pub(super) fn reader_with(&self, bases: &[&Self]) -> Arc<ArchiveReader> {
        let bases = bases.iter().map(|base| base.reader()).collect();
        Arc::new(ArchiveReader::open_set(self.file(), bases).unwrap())
    }

    pub(super) fn verify(&self) -> Report {
        let depth = Depth::Full { threads: 2 };
        verify(&self.reader(), Some(self.sha256), depth, &Progress::default()).unwrap()
    }

    pub(super) fn flip(&self, at: u64) {
        let file = self.file();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
    }
}

/// Writes an archive by `fill` and finishes it.
pub(super) fn write(codec: Codec, fill: impl FnOnce(&mut ArchiveWriter)) -> Archive {
    write_with(options(codec, Path::new("")), metadata(), fill)
}

/// Writes an archive that builds on `base`, as the backup number `number`.
pub(super) fn write_on(base: &Arc<ArchiveReader>, number: u8, fill: impl FnOnce(&mut ArchiveWriter)) -> Archive {
    let mut options = options(Codec::Zstd(3), Path::new(""));
    options.bases.push(Arc::clone(base));
    write_with(options, Metadata { id: id(number), ..metadata() }, fill)
}

/// The id of backup number `number`; that of [`metadata`] is number 0.
pub(super) fn id(number: u8) -> BackupId {
    BackupId(format!("01890a5d-ac96-774b-bcce-b302099a80{:02x}", 0x57 + number).parse().unwrap())
}

pub(super) fn write_with(
    mut options: WriterOptions,
    metadata: Metadata,
    fill: impl FnOnce(&mut ArchiveWriter),
) -> Archive {
    let dir = tempfile::tempdir().unwrap();
    dir.path().clone_into(&mut options.spool_dir);
    let file = File::options().create_new(true).write(true).read(true).open(dir.path().join("archive")).unwrap();
    let mut writer = ArchiveWriter::create(file, &options, metadata, Progress::default()).unwrap();
    fill(&mut writer);
    let summary = SourceSummary {
        name: SourceName::new("t").unwrap(),
        kind: SourceKind::Files,
        size_bytes: 0,
        files: 0,
        counts: std::collections::BTreeMap::new(),
        warnings: Vec::new(),
    };
    let finished = writer.finish(vec![summary], "2025-10-29T14:31:00Z".parse().unwrap()).unwrap();
    let bytes = std::fs::read(dir.path().join("archive")).unwrap();
    assert_eq!(finished.sha256, Sha256::of(&bytes));
    assert_eq!(finished.size_bytes, bytes.len() as u64);
    Archive { dir, sha256: finished.sha256 }
}

/// An archive of one tree with these files.
pub(super) fn archive_of(codec: Codec, files: &[(String, Vec<u8>)]) -> Archive {
    write(codec, |writer| add_tree(writer, files))
}

/// Adds one tree with these files.
pub(super) fn add_tree(writer: &mut ArchiveWriter, files: &[(String, Vec<u8>)]) {
    writer.begin_source();
    writer.add_special(b"t/", Meta::default(), &Special::Directory).unwrap();
    for (path, content) in files {
        let size = content.len() as u64;
        writer.add_file(path.as_bytes(), Meta::default(), size, &mut content.as_slice()).unwrap();
    }
}

/// Adds every entry of `base` as it is.
pub(super) fn add_unchanged(writer: &mut ArchiveWriter, base: &ArchiveReader) {
    writer.begin_source();
    base.entries(b"").for_each(|entry| add_unchanged_entry(writer, &entry.unwrap()));
}

/// Adds an entry as a base has it.
pub(super) fn add_unchanged_entry(writer: &mut ArchiveWriter, entry: &Entry) {
    let mut line = Vec::new();
    entry.write_line(&mut line);
    writer.add_unchanged_line(&entry.path, &line, entry.content().map(Content::stored_bytes)).unwrap();
}

/// The contents of all files.
pub(super) fn contents(archive: &ArchiveReader) -> BTreeMap<String, Vec<u8>> {
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
