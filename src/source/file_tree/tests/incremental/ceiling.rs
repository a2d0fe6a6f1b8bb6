//! A million entries take no more memory than a few: what grows with the tree lies in files.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use rustix::fs::FileType;

use super::Scene;
use crate::archive::verify::verify_written;
use crate::archive::{ArchiveReader, ArchiveWriter, Entry, EntryKind, LookedAt, MemberContent, Meta, Mtime, Special};
use crate::progress::Progress;
use crate::source::facts::{Facts, Identity};
use crate::source::file_tree::known::KnownEntries;
use crate::source::file_tree::seen::{Seen, SeenReader};
use crate::source::testing::{archive_and_sum_on, archive_by};

const ENTRIES: u32 = 1_000_000;

/// Of these so many in the middle are files that are new.
const CHANGED: Range<u32> = 400_000..410_000;

/// What the job may take (bytes): its buffers are half of it. The lines of the manifest alone are 230 MB. The entries are links,
/// because chunks of contents do take memory, 44 bytes each, while they are looked up.
const CEILING: u64 = 100_000_000;

const ROOT: Identity = Identity { device: 1, inode: 1 };

struct Small(io::Cursor<String>);

impl MemberContent for Small {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        io::Read::read(&mut self.0, buffer)
    }
}

fn path_of(n: u32) -> String {
    format!("t/{:04}/file-{n:07}.dcm", n / 1000)
}

fn facts_of(n: u32) -> Facts {
    let time = Mtime { seconds: 1_700_000_000 + i64::from(n), nanoseconds: 123_456_789 };
    Facts {
        kind: FileType::Symlink,
        identity: Identity { inode: u64::from(n) + 2, ..ROOT },
        mode: 0o777,
        uid: 0,
        gid: 0,
        device: (0, 0),
        size: 70,
        allocated_bytes: 4096,
        has_other_names: false,
        mtime: time,
        ctime: time,
    }
}

fn add(writer: &mut ArchiveWriter, owner: &Meta, n: u32, content: String) {
    let meta = Meta { mode: 0o644, mtime: facts_of(n).mtime, ..owner.clone() };
    let size = content.len() as u64;
    writer.add_file(path_of(n).as_bytes(), meta, size, &mut Small(io::Cursor::new(content))).unwrap();
}

/// Its line in the manifest.
fn line_of(n: u32, owner: &Meta) -> Vec<u8> {
    let meta = Meta { mode: 0o777, mtime: facts_of(n).mtime, ..owner.clone() };
    let target = format!("somewhere/{n:060}").into_bytes();
    let mut line = Vec::new();
    Entry { path: path_of(n).into_bytes(), meta, kind: EntryKind::Symlink(target) }.write_line(&mut line);
    line
}

/// Most memory that this process held since the last call (bytes).
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

fn first_backup(scene: &Scene, owner: &Meta) -> Arc<ArchiveReader> {
    let base = archive_by(&[&scene.source], |writer| {
        writer.begin_source();
        writer.add_special(b"t/", owner.clone(), &Special::Directory).unwrap();
        // As lines only: what is tested builds on it.
        (0..ENTRIES).for_each(|n| writer.add_unchanged_line(path_of(n).as_bytes(), &line_of(n, owner), None).unwrap());
        Vec::new()
    });
    let mut seen = scene.seen.begin(&scene.source.name, base.id(), ROOT).unwrap();
    (0..ENTRIES).for_each(|n| seen.push(path_of(n).as_bytes(), &Seen::of(&facts_of(n), true)));
    seen.finish().unwrap().keep().unwrap();
    base
}

/// As a snapshot does it, but for looking at files. What was looked at of the base's manifest.
fn add_all(scene: &Scene, base: &Arc<ArchiveReader>, owner: &Meta, writer: &mut ArchiveWriter) -> LookedAt {
    let seen: SeenReader = scene.seen.open(&scene.source.name, base.id(), ROOT).unwrap();
    let mut known = KnownEntries::read_ahead(Arc::clone(base), b"t/", seen).unwrap();
    let mut notes = scene.seen.begin(&scene.source.name, writer.id(), ROOT).unwrap();
    writer.begin_source();
    writer.add_special(b"t/", owner.clone(), &Special::Directory).unwrap();
    let mut taken_over = 0_usize;
    for n in 0..ENTRIES {
        let path = path_of(n);
        let entry = known.at(path.as_bytes()).cloned().unwrap();
        if CHANGED.contains(&n) {
            add(writer, owner, n, format!("content of {n}"));
            continue;
        }
        assert!(known.is_still(&entry, &facts_of(n)), "{path}");
        writer.add_unchanged_line(path.as_bytes(), known.line(&entry), entry.stored_bytes).unwrap();
        notes.push(path.as_bytes(), &entry.seen);
        taken_over += 1;
    }
    assert_eq!(taken_over, ENTRIES as usize - CHANGED.len());
    notes.finish().unwrap();
    known.into_looked_at()
}

#[test]
fn an_incremental_of_a_million_entries_takes_no_memory_for_each_of_them() {
    let scene = Scene::set();
    let mut names = crate::source::attributes::Owners::default();
    let owner = names.meta(&facts_of(0));
    let base = first_backup(&scene, &owner);
    most_memory();

    let mut looked_at = LookedAt::default();
    let bases = std::slice::from_ref(&base);
    let (archive, sha256) = archive_and_sum_on(Some(&base), bases, &[&scene.source], |writer| {
        looked_at = add_all(&scene, &base, &owner, writer);
        Vec::new()
    });
    let report = verify_written(&archive, sha256, &looked_at, &Progress::default()).unwrap();
    let most = most_memory();

    assert!(report.is_sound(), "{:?}", report.damage);
    assert_eq!(report.entries, u64::from(ENTRIES) + 1);
    assert!(most < CEILING, "it took {most} bytes");
}
