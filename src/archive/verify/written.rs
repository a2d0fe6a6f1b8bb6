//! Reads again an archive that was just written, before anybody may call it a backup.

use super::{Damaged, Report, VerifyError, check_manifest, missing, verify_file};
use crate::archive::reader::{ArchiveReader, LookedAt};
use crate::model::{Mode, Sha256};
use crate::progress::Progress;

/// Of an incremental every byte of its own file is read back: its SHA-256 has to be `expected`, what was counted while it
/// was written, and every chunk its own. Of a full, which may be as large as all that is backed up, it is the structure;
/// reading the rest is what a verification is for. Of both the whole manifest is read and every chunk that it names is
/// looked for, but for chunks of the manifest that lie in other archives, where they were `looked_at` in this very job: what they
/// say was held against the index when they were written. For these the indexes of all archives that are needed are read.
///
/// # Errors
/// [`VerifyError`].
pub fn verify_written(
    archive: &ArchiveReader,
    expected: Sha256,
    looked_at: &LookedAt,
    progress: &Progress,
) -> Result<Report, VerifyError> {
    let mut report = Report::default();
    let mut files = Vec::new();
    let is_incremental = archive.restore_point().metadata.mode == Mode::Incremental;
    progress.expect(if is_incremental { archive.size_bytes() } else { 0 }, archive.restore_point().totals.entries);
    if is_incremental {
        files.push(verify_file(archive, Some(expected), 0, progress)?);
        if !looked_at.is_empty()
            && let Err(broken) = archive.check_indexes()
        {
            report.damage.push(broken.to_string());
        }
    }
    report.damage.extend(missing(archive));
    report.damage.extend(files.iter().flat_map(|file| file.damage.clone()));
    let mut damaged = Damaged::in_files(&files);
    check_manifest(archive, archive.entries_but(looked_at), &mut damaged, &mut report, progress)?;
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::metadata::{ManifestChunk, Totals};
    use crate::archive::testing::{Archive, Noise, add_unchanged, archive_of, write_on};
    use crate::archive::{Codec, Meta};

    /// A day, and one on which a file was added behind thousands of others.
    fn days() -> [Archive; 2] {
        let mut files: Vec<(String, Vec<u8>)> =
            (0..6000).map(|n| (format!("t/{n:05}"), format!("content of {n}").into_bytes())).collect();
        files.push(("t/large".to_owned(), Noise::new(51).bytes(200_000)));
        let first = archive_of(Codec::Zstd(3), &files);
        let base = first.reader_with(&[]);
        let second = write_on(&base, 1, |writer| {
            add_unchanged(writer, &base);
            let content = Noise::new(52).bytes(9000);
            writer.add_file(b"t/new", Meta::default(), 9000, &mut &content[..]).unwrap();
        });
        [first, second]
    }

    /// As a walk looks at all of a base.
    fn look_at(base: &ArchiveReader) -> LookedAt {
        let mut looked_at = LookedAt::default();
        let mut text = base.manifest_text(b"");
        while let Some((id, chunk)) = text.next_chunk().unwrap() {
            let lines = chunk.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
            let entries: Vec<_> = lines.map(|line| crate::archive::Entry::parse_line(line).unwrap()).collect();
            let contents = || entries.iter().filter_map(|entry| entry.content());
            let totals = Totals {
                entries: entries.len() as u64,
                files: contents().count() as u64,
                raw_bytes: contents().map(crate::archive::Content::stored_bytes).sum(),
                new_bytes: 0,
            };
            looked_at.add(id, totals, &entries.last().unwrap().path);
        }
        looked_at
    }

    fn found(archive: &ArchiveReader, sha256: Sha256, looked_at: &LookedAt) -> Vec<String> {
        let report = verify_written(archive, sha256, looked_at, &Progress::default()).unwrap();
        if report.is_sound() {
            assert_eq!(report.entries, archive.restore_point().totals.entries);
        }
        report.damage
    }

    #[test]
    fn what_was_looked_at_in_a_base_is_not_read_again_but_counted() {
        let [first, second] = days();
        let base = first.reader_with(&[]);
        let looked_at = look_at(&base);
        assert!(looked_at.len() > 2, "{}", looked_at.len());
        let archive = second.reader_with(&[&first]);
        assert_eq!(found(&archive, second.sha256, &looked_at), Vec::<String>::new());
        assert_eq!(found(&archive, second.sha256, &LookedAt::default()), Vec::<String>::new());

        // Had it been read, nobody would have missed what was not noted of it.
        let mut wrong = look_at(&base);
        wrong.add(base.restore_point().manifest[1].id, Totals::default(), b"t/00001");
        let damage = found(&archive, second.sha256, &wrong);
        assert!(damage.len() == 1 && damage[0].starts_with("the manifest holds"), "{damage:?}");
    }

    #[test]
    fn what_the_archive_holds_itself_is_read_whatever_was_looked_at() {
        let [first, second] = days();
        let archive = second.reader_with(&[&first]);
        let mut looked_at = look_at(&first.reader());
        let is_new = |id| looked_at.get(id).is_none();
        assert!(archive.restore_point().manifest.iter().any(|chunk| is_new(&chunk.id)));
        for chunk in &archive.restore_point().manifest {
            if looked_at.get(&chunk.id).is_none() {
                looked_at.add(chunk.id, Totals::default(), b"u");
            }
        }
        assert_eq!(found(&archive, second.sha256, &looked_at), Vec::<String>::new());
    }

    #[test]
    fn a_flipped_bit_anywhere_in_an_incremental_is_found() {
        let [first, second] = days();
        let looked_at = look_at(&first.reader());
        let size = second.bytes().len() as u64;
        for at in (0..size).step_by(97) {
            second.flip(at);
            let is_found = match ArchiveReader::open_set(second.file(), vec![first.reader()]) {
                Err(_) => true,
                Ok(archive) => !found(&archive, second.sha256, &looked_at).is_empty(),
            };
            assert!(is_found, "a flip at {at} of {size} went unnoticed");
            second.flip(at);
        }
    }

    #[test]
    fn an_index_of_a_base_that_cannot_be_read_is_found() {
        // Just so many that the index has a second page.
        let files: Vec<_> =
            (0..16_500).map(|n| (format!("t/{n:05}"), format!("content of {n}").into_bytes())).collect();
        let first = archive_of(Codec::Zstd(3), &files);
        let base = first.reader_with(&[]);
        let looked_at = look_at(&base);
        let second = write_on(&base, 1, |writer| add_unchanged(writer, &base));
        let page = &base.restore_point().index[2];
        let is_before = |chunk: &ManifestChunk| Some(chunk.id) < page.first;
        assert!(base.restore_point().manifest.iter().all(is_before), "only contents are in the page");
        first.flip(page.frame.position + u64::from(page.frame.stored) / 2);
        let archive = second.reader_with(&[&first]);
        assert!(!found(&archive, second.sha256, &looked_at).is_empty());
    }

    #[test]
    fn of_a_full_the_structure_and_all_of_the_manifest_are_read() {
        let [first, _] = days();
        assert_eq!(found(&first.reader(), first.sha256, &LookedAt::default()), Vec::<String>::new());
        let archive = first.reader();
        let location = archive.locate(&archive.restore_point().manifest[2].id).unwrap();
        first.flip(archive.frames()[location.frame as usize].position + 100);
        assert!(!found(&first.reader(), first.sha256, &LookedAt::default()).is_empty());
    }
}
