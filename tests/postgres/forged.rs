//! Backups with another dump than the server's: cut short, or made by somebody who wants to do harm. Everything else in them
//! is as it was, and every checksum is right.

use std::fs::{self, File};
use std::io::{self, Read as _};

use carelogd::archive::{
    ArchiveReader, ArchiveWriter, Codec, MemberContent, Meta, Metadata, SourceMetadata, WriterOptions,
};
use carelogd::model::{BackupId, Sha256};
use carelogd::progress::Progress;

use crate::support::World;

/// Puts a backup into the store that holds the database of the newest backup there, with the dump that `edit` makes of it.
/// Returns its id. The daemon takes it in when it starts.
pub(super) fn forge(world: &World, edit: impl FnOnce(String) -> String) -> String {
    forge_both(world, |globals| globals, edit)
}

/// As [`forge`], with other globals too.
pub(super) fn forge_both(
    world: &World,
    edit_globals: impl FnOnce(String) -> String,
    edit: impl FnOnce(String) -> String,
) -> String {
    forge_of(world, edit_globals, |dump| edit(String::from_utf8(dump).unwrap()).into_bytes())
}

/// As [`forge`], of a dump that is no UTF-8.
pub(super) fn forge_bytes(world: &World, edit: impl FnOnce(Vec<u8>) -> Vec<u8>) -> String {
    forge_of(world, |globals| globals, edit)
}

fn forge_of(
    world: &World,
    edit_globals: impl FnOnce(String) -> String,
    edit: impl FnOnce(Vec<u8>) -> Vec<u8>,
) -> String {
    let files = world.store_files();
    let original = files.iter().rfind(|name| name.starts_with("backup_") && name.ends_with(".tar.zst")).unwrap();
    let archive = ArchiveReader::open(File::open(world.backups().join(original)).unwrap()).unwrap();
    let point = archive.restore_point();
    let is_database = |name: &str| name == "database";
    let sources: Vec<SourceMetadata> =
        point.metadata.sources.iter().filter(|held| is_database(held.name.as_str())).cloned().collect();
    let id = BackupId::generate();
    let created_at = "2025-01-01T00:00:00Z".parse().unwrap();
    let metadata = Metadata { id, created_at, sources, ..point.metadata.clone() };

    let name = format!("backup_2025-01-01_00-00-{:02}.tar.zst", files.len());
    let path = world.backups().join(&name);
    let file = File::create(&path).unwrap();
    let options = WriterOptions { codec: Codec::Zstd(3), threads: 1, spool_dir: world.backups(), bases: Vec::new() };
    let mut writer = ArchiveWriter::create(file, &options, metadata, Progress::default()).unwrap();
    writer.begin_source();
    let read = |member: &str| {
        let entry = archive.entry(member.as_bytes()).unwrap().unwrap();
        let mut text = Vec::new();
        archive.open_content(entry.content().unwrap()).read_to_end(&mut text).unwrap();
        text
    };
    let mut add = |member: &str, text: &[u8]| {
        let mut content = Text(text);
        writer.add_file(member.as_bytes(), Meta::default(), text.len() as u64, &mut content).unwrap();
    };
    let globals = edit_globals(String::from_utf8(read("database.globals.sql")).unwrap());
    add("database.globals.sql", globals.as_bytes());
    add("database.sql", &edit(read("database.sql")));
    let summaries = point.sources.iter().filter(|held| is_database(held.name.as_str())).cloned().collect();
    writer.finish(summaries, created_at).unwrap();
    let sum = Sha256::of(&fs::read(&path).unwrap());
    fs::write(world.backups().join(format!("{name}.sha256")), format!("{sum}  {name}\n")).unwrap();
    id.to_string()
}

struct Text<'a>(&'a [u8]);

impl MemberContent for Text<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        io::Read::read(&mut self.0, buffer)
    }
}
